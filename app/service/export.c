/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/export.h"

#include <stdlib.h>

#include "app/base/ids.h"
#include "app/http/canonical.h"
#include "app/http/json.h"

/* ---- what is written ---- */

void export_put(struct export *e, struct str json, struct problem *p)
{
    struct json_object *value = json.p ? json_read(json, e->page, p) : NULL;

    if (!value) {
        *p = (struct problem){.code = PROBLEM_NONE}; /* what json_read says is of a client's body */
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (e->section->reader->list && e->comma)
        buf_char(e->out, ',');
    e->comma = true;
    e->found++;
    canonical_print(e->out, value, e->page);
}

void export_put_null(struct export *e)
{
    buf_text(e->out, "null");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct export_section *)a)->name,
                  ((const struct export_section *)b)->name);
}

static bool list_sections(struct export *e)
{
    for (size_t i = 0; i < export_told_count; i++)
        e->sections[e->section_count++] = export_told[i];
    for (size_t i = 0; i < e->kind_count; i++) {
        const struct student_kind *kind = &e->kinds[i];

        if (!kind->exported)
            continue;
        if (e->section_count == EXPORT_SECTIONS_MAX)
            return false;
        e->sections[e->section_count++] =
            (struct export_section){kind->exported, export_reader_of(kind), kind};
    }
    qsort(e->sections, e->section_count, sizeof(*e->sections), by_name);
    return true;
}

static void write_head(struct export *e)
{
    struct jw w = {.out = e->out};

    jw_object(&w, NULL);
    jw_text(&w, "export_version", "1.0");
    jw_time(&w, "exported_at", e->now_ms);
    jw_str(&w, "exported_by", e->by);
    jw_str(&w, "student_id", e->student);
    jw_text(&w, "compliance", "GDPR Article 20");
    buf_text(e->out, ",\"data\":");
}

static void write_tail(struct export *e)
{
    unsigned char sha[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];

    digest_end(&e->digest, sha);
    hex_print(sha, DIGEST_SIZE, hex);
    buf_text(e->out, ",\"integrity_hash\":\"");
    buf_text(e->out, hex);
    buf_text(e->out, "\"}");
}

/* ---- the walk ---- */

static void begin_section(struct export *e)
{
    e->section = &e->sections[e->at];
    buf_char(e->out, e->at == 0 ? '{' : ',');
    canonical_string(e->out, str_of(e->section->name));
    buf_char(e->out, ':');
    if (e->section->reader->list)
        buf_char(e->out, '[');
    e->in_section = true;
    e->comma = false;
    e->cursor[0] = '\0';
}

static void end_section(struct export *e)
{
    if (e->section->reader->list)
        buf_char(e->out, ']');
    e->in_section = false;
    e->at++;
}

/* What the last round has brought, and the question for the next. */
static void go_on(struct export *e, struct asks *asks, struct problem *p)
{
    if (e->in_section) {
        e->more = false;
        e->section->reader->take(e, p);
        if (!e->more)
            end_section(e);
    }
    asks_clear(asks);
    arena_reset(e->page);
    while (p->code == PROBLEM_NONE && e->at < e->section_count && asks->count == 0) {
        if (!e->in_section)
            begin_section(e);
        e->asked = e->also_asked = NULL;
        e->section->reader->ask(e, asks);
        if (asks->count == 0) /* nothing to ask for: nothing to take */
            end_section(e);
    }
    if (e->at == e->section_count)
        buf_char(e->out, '}');
}

static struct str behind(const struct buf *out, size_t from)
{
    return (struct str){out->p + from, out->n - from};
}

enum step export_step(struct export *e, struct asks *asks, struct problem *p)
{
    size_t from;

    if (!e->begun) {
        e->begun = true;
        digest_begin(&e->digest);
        write_head(e);
        if (!list_sections(e))
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    from = e->out->n;
    go_on(e, asks, p);
    if (e->out->failed)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    if (p->code != PROBLEM_NONE)
        return STEP_DONE;
    digest_add(&e->digest, behind(e->out, from));
    if (e->at < e->section_count)
        return STEP_MORE;
    if (e->found == 0)
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    write_tail(e);
    return STEP_DONE;
}
