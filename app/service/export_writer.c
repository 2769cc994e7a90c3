/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the values of an export into the section that is open. Every value is parsed and printed
 * again in the canonical form of RFC 8785 (sorted members, no spaces), because values are stored in
 * different forms. The digest of `data` then depends on nothing but the values. */
#include "app/service/export_writer.h"

#include "app/http/canonical.h"
#include "app/http/json.h"

void export_section_begin(struct export_writer *writer, const char *name, bool is_list)
{
    canonical_string(writer->out, str_of(name));
    buf_text(writer->out, is_list ? ":[" : ":");
    writer->is_list = is_list;
    writer->comma = false;
}

void export_section_end(struct export_writer *writer)
{
    if (writer->is_list)
        buf_char(writer->out, ']');
}

/* Writes a value, after a comma if it is not the first element of a list; another section has only
 * one value. */
void export_put_json(struct export_writer *writer, struct str json, struct problem *p)
{
    struct json_object *value = json.p ? json_parse(json, writer->arena, p) : NULL;

    if (!value) {
        /* the problem of json_parse is about a request body, but this text comes from Redis */
        *p = (struct problem){.code = PROBLEM_NONE};
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (writer->is_list && writer->comma)
        buf_char(writer->out, ',');
    writer->comma = true;
    writer->value_count++;
    canonical_print(writer->out, value, writer->arena);
}

void export_put_null(struct export_writer *writer)
{
    buf_text(writer->out, "null");
}

struct jw *export_value_begin(struct export_writer *writer)
{
    buf_init(&writer->text, writer->arena);
    writer->value = (struct jw){.out = &writer->text};
    return &writer->value;
}

void export_value_end(struct export_writer *writer, struct problem *p)
{
    export_put_json(writer, writer->text.failed ? (struct str){0} : buf_view(&writer->text), p);
}
