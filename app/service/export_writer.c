/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the values of an export into the section that is open. Every value is parsed and printed
 * again in the canonical form of RFC 8785 (sorted members, no spaces), because values are stored in
 * different forms. The digest of `data` then depends on nothing but the values. */
#include "app/service/export_writer.h"

#include "app/http/canonical.h"
#include "app/http/json.h"

void export_section_begin(struct export_writer *w, const char *name, bool is_list)
{
    canonical_string(w->out, str_of(name));
    buf_text(w->out, is_list ? ":[" : ":");
    w->is_list = is_list;
    w->comma = false;
}

void export_section_end(struct export_writer *w)
{
    if (w->is_list)
        buf_char(w->out, ']');
}

/* Writes a value, after a comma if it is not the first element of a list; another section has only
 * one value. */
void export_put_json(struct export_writer *w, struct str json, struct problem *p)
{
    struct json_object *value = json.p ? json_parse(json, w->arena, p) : NULL;

    if (!value) {
        /* the problem of json_parse is about a request body, but this text comes from Redis */
        *p = (struct problem){.code = PROBLEM_NONE};
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (w->is_list && w->comma)
        buf_char(w->out, ',');
    w->comma = true;
    w->value_count++;
    canonical_print(w->out, value, w->arena);
}

void export_put_null(struct export_writer *w)
{
    buf_text(w->out, "null");
}

struct jw *export_value_begin(struct export_writer *w)
{
    buf_init(&w->text, w->arena);
    w->value = (struct jw){.out = &w->text};
    return &w->value;
}

void export_value_end(struct export_writer *w, struct problem *p)
{
    export_put_json(w, w->text.failed ? (struct str){0} : buf_view(&w->text), p);
}
