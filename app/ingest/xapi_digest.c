/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Equality of statements: a statement that is sent again under the same id must be equal to the
 * first (xAPI-Data.md, 2.3.1). What counts is written as one text, with keys in byte order and
 * numbers in their shortest form, and the texts are compared by their SHA-256. */
#include "app/base/buf.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/base/str_list.h"
#include "app/http/json_value.h"
#include "app/ingest/xapi_internal.h"
#include "app/ingest/xapi_text.h"

/* Whether the member counts. The standard leaves out what a record store may assign (the timestamp
 * is compared as a time, by xapi_digest), attachments, and the definitions of what a statement only
 * refers to. depth: 0 for members of the statement itself. */
static bool xapi_is_compared(struct str name, int depth)
{
    static const char *const assigned[] = {"id",      "authority", "stored",
                                           "version", "timestamp", "attachments"};

    for (size_t i = 0; depth == 0 && i < sizeof(assigned) / sizeof(assigned[0]); i++) {
        if (str_equal(name, str_of(assigned[i])))
            return false;
    }
    return !str_equal(name, STR("definition")) && !str_equal(name, STR("display"));
}

static void xapi_write_value(struct json_object *json, int depth, bool all, struct buf *out);

static void xapi_write_members(struct json_object *object, int depth, bool all, struct buf *out)
{
    size_t n = (size_t)json_object_object_length(object), k = 0;
    struct str_list names = {arena_array(out->arena, n + 1, sizeof(*names.v)), n};
    struct json_object_iterator i = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);

    if (!names.v) {
        out->failed = true;
        return;
    }
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i))
        names.v[k++] = str_of(json_object_iter_peek_name(&i));
    str_list_sort(&names);
    for (k = 0; k < n; k++) {
        if (!all && !xapi_is_compared(names.v[k], depth))
            continue;
        buf_json_string(out, names.v[k]);
        buf_char(out, ':');
        xapi_write_value(json_value_member(object, names.v[k].p), depth + 1,
                         all || str_equal(names.v[k], STR("extensions")), out);
        buf_char(out, ',');
    }
}

/* all: true within extensions, where every key counts. json_parse has bounded the depth
 * (JSON_DEPTH_MAX). */
static void xapi_write_value(struct json_object *json, int depth, bool all, struct buf *out)
{
    switch (json_object_get_type(json)) {
    case json_type_null: buf_text(out, "null"); break;
    case json_type_boolean: buf_text(out, json_object_get_boolean(json) ? "true" : "false"); break;
    case json_type_int:
    case json_type_double: buf_number(out, json_object_get_double(json)); break;
    case json_type_string: buf_json_string(out, json_value_text(json)); break;
    case json_type_array:
        buf_char(out, '[');
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            xapi_write_value(json_object_array_get_idx(json, i), depth + 1, all, out);
            buf_char(out, ',');
        }
        buf_char(out, ']');
        break;
    case json_type_object:
        buf_char(out, '{');
        xapi_write_members(json, depth, all, out);
        buf_char(out, '}');
        break;
    }
}

struct str xapi_digest(struct json_object *statement, struct arena *arena)
{
    struct str timestamp = json_value_member_text(statement, "timestamp");
    unsigned char sha[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    int64_t at_ms = 0;
    struct buf text;

    buf_init(&text, arena);
    xapi_write_value(statement, 0, false, &text);
    if (timestamp.p) {
        (void)xapi_parse_time(timestamp, &at_ms);
        buf_int(&text, at_ms);
    }
    if (text.failed)
        return (struct str){0};
    digest_sha256(buf_view(&text), sha);
    hex_print(sha, sizeof(sha), hex);
    return arena_copy(arena, str_of(hex));
}
