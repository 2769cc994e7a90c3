/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/export.h"

#include <stdlib.h>

#include "app/base/ids.h"
#include "app/http/canonical.h"
#include "app/http/json.h"

/* ---- what is written ---- */

void export_write_value(struct export *e, struct str json, struct problem *p)
{
    struct json_object *value = json.p ? json_parse(json, e->reply_arena, p) : NULL;

    if (!value) {
        *p =
            (struct problem){.code = PROBLEM_NONE}; /* what json_parse says is of a client's body */
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (e->section->reader->is_list && e->comma)
        buf_char(e->out, ',');
    e->comma = true;
    e->value_count++;
    canonical_print(e->out, value, e->reply_arena);
}

void export_write_null(struct export *e)
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
    for (size_t i = 0; i < export_derived_count; i++)
        e->sections[e->section_count++] = export_derived[i];
    for (size_t i = 0; i < e->kind_count; i++) {
        const struct student_kind *kind = &e->kinds[i];

        if (!kind->export_name)
            continue;
        if (e->section_count == EXPORT_SECTIONS_MAX)
            return false;
        e->sections[e->section_count++] =
            (struct export_section){kind->export_name, export_reader_of(kind), kind};
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
    jw_str(&w, "exported_by", e->exported_by);
    jw_str(&w, "student_id", e->student);
    jw_text(&w, "compliance", "GDPR Article 20");
    buf_text(e->out, ",\"data\":");
}

static void write_tail(struct export *e)
{
    unsigned char sha[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];

    digest_final(&e->digest, sha);
    hex_print(sha, DIGEST_SIZE, hex);
    buf_text(e->out, ",\"integrity_hash\":\"");
    buf_text(e->out, hex);
    buf_text(e->out, "\"}");
}

/* ---- the walk ---- */

static void begin_section(struct export *e)
{
    e->section = &e->sections[e->section_index];
    buf_char(e->out, e->section_index == 0 ? '{' : ',');
    canonical_string(e->out, str_of(e->section->name));
    buf_char(e->out, ':');
    if (e->section->reader->is_list)
        buf_char(e->out, '[');
    e->in_section = true;
    e->comma = false;
    e->cursor[0] = '\0';
}

static void end_section(struct export *e)
{
    if (e->section->reader->is_list)
        buf_char(e->out, ']');
    e->in_section = false;
    e->section_index++;
}

/* What the last round has brought, and the question for the next. */
static void go_on(struct export *e, struct pipeline *pipeline, struct problem *p)
{
    if (e->in_section) {
        e->has_more = false;
        e->section->reader->write_replies(e, p);
        if (!e->has_more)
            end_section(e);
    }
    pipeline_clear(pipeline);
    arena_reset(e->reply_arena);
    while (p->code == PROBLEM_NONE && e->section_index < e->section_count && pipeline->count == 0) {
        if (!e->in_section)
            begin_section(e);
        e->cmd = e->second_cmd = NULL;
        e->section->reader->queue_commands(e, pipeline);
        if (pipeline->count == 0) /* nothing to ask for: nothing to take */
            end_section(e);
    }
    if (e->section_index == e->section_count)
        buf_char(e->out, '}');
}

static struct str behind(const struct buf *out, size_t from)
{
    return (struct str){out->p + from, out->n - from};
}

enum step export_step(struct export *e, struct pipeline *pipeline, struct problem *p)
{
    size_t from;

    if (!e->started) {
        e->started = true;
        digest_init(&e->digest);
        write_head(e);
        if (!list_sections(e))
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    from = e->out->n;
    go_on(e, pipeline, p);
    if (e->out->failed)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    if (p->code != PROBLEM_NONE)
        return STEP_DONE;
    digest_update(&e->digest, behind(e->out, from));
    if (e->section_index < e->section_count)
        return STEP_MORE;
    if (e->value_count == 0)
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    write_tail(e);
    return STEP_DONE;
}
