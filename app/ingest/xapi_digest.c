/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Marks by which two statements are compared: a statement that is sent again under the same id must
 * be equal to the first one (xAPI-Data.md, 2.3.1). The members that count for equality are written
 * as one canonical text, with keys in byte order and numbers in their shortest form. Two statements
 * are equal when the SHA-256 of their texts is equal, and their times if both have one. */
#include <inttypes.h>

#include "app/base/buf.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/base/str_list.h"
#include "app/http/json_value.h"
#include "app/ingest/xapi.h"
#include "app/ingest/xapi_internal.h"
#include "app/ingest/xapi_text.h"

/* Returns whether the member counts for equality. In the statement itself (depth 0) these do not:
 * members that a server may assign, attachments, and the timestamp, which a mark has after the
 * digest. At any depth, `definition` and `display` do not count, because they only describe an
 * activity or verb that its id names. An objectType of Agent or Activity counts as absent, because
 * it is the default wherever it may occur. */
static bool xapi_is_compared(struct str name, struct json_object *value, int depth)
{
    static const char *const uncounted[] = {"id",      "authority", "stored",
                                            "version", "timestamp", "attachments"};
    struct str text = json_value_text(value);

    for (size_t i = 0; depth == 0 && i < sizeof(uncounted) / sizeof(uncounted[0]); i++) {
        if (str_equal(name, str_of(uncounted[i])))
            return false;
    }
    if (str_equal(name, STR("objectType")))
        return !str_equal(text, STR("Agent")) && !str_equal(text, STR("Activity"));
    return !str_equal(name, STR("definition")) && !str_equal(name, STR("display"));
}

/* Declared here because this function and xapi_write_members call each other. */
static void xapi_write_value(struct json_object *json, int depth, bool in_extensions,
                             struct buf *out);

/* Returns whether the member is a list of context activities. A statement may have a single
 * activity in its place, which means the same and must give the same digest. These names have no
 * other use outside of extensions. */
static bool xapi_is_context_activity(struct str name)
{
    static const char *const names[] = {"parent", "grouping", "category", "other"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_equal(name, str_of(names[i])))
            return true;
    }
    return false;
}

/* Writes an activity as xapi_write_value would write a list of this one activity, with its comma
 * before the closing bracket, so that both forms give the same digest. */
static void xapi_write_list_of_one(struct json_object *activity, int depth, struct buf *out)
{
    buf_char(out, '[');
    xapi_write_value(activity, depth + 1, /* in_extensions */ false, out);
    buf_text(out, ",]");
}

/* Writes the members that count for equality as key:value, in the byte order of their keys; inside
 * `extensions` (in_extensions) all count. depth: of the object; 0 is the statement. Sets
 * out->failed when out of memory. The array of names has one element more than needed, so that its
 * size is never 0. */
static void xapi_write_members(struct json_object *object, int depth, bool in_extensions,
                               struct buf *out)
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
        struct json_object *value = json_value_member(object, names.v[k].p);

        if (!in_extensions && !xapi_is_compared(names.v[k], value, depth))
            continue;
        buf_json_string(out, names.v[k]);
        buf_char(out, ':');
        if (!in_extensions && xapi_is_context_activity(names.v[k]) &&
            json_object_is_type(value, json_type_object))
            xapi_write_list_of_one(value, depth + 1, out);
        else
            xapi_write_value(value, depth + 1,
                             in_extensions || str_equal(names.v[k], STR("extensions")), out);
        buf_char(out, ',');
    }
}

/* Writes a JSON value in its canonical form. depth: number of objects and arrays around it.
 * in_extensions: it is inside `extensions`, where every key counts for equality. An integer and a
 * double of the same value are written alike. A comma follows each element, even the last, because
 * the text is only hashed. The recursion is limited to JSON_DEPTH_MAX levels, because json_parse
 * refuses deeper JSON. */
static void xapi_write_value(struct json_object *json, int depth, bool in_extensions,
                             struct buf *out)
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
            xapi_write_value(json_object_array_get_idx(json, i), depth + 1, in_extensions, out);
            buf_char(out, ',');
        }
        buf_char(out, ']');
        break;
    case json_type_object:
        buf_char(out, '{');
        xapi_write_members(json, depth, in_extensions, out);
        buf_char(out, '}');
        break;
    }
}

/* Hashes the canonical text of the statement. The timestamp after the digest is in milliseconds
 * since the epoch, so that 12:00Z equals 13:00+01:00. Its form was checked, so parsing it cannot
 * fail. */
struct str xapi_mark(struct json_object *statement, struct arena *arena)
{
    struct str timestamp = json_value_member_text(statement, "timestamp");
    unsigned char sha[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    int64_t at_ms = 0;
    struct buf text;

    buf_init(&text, arena);
    xapi_write_value(statement, /* depth */ 0, /* in_extensions */ false, &text);
    if (text.failed)
        return (struct str){0};
    digest_sha256(buf_view(&text), sha);
    hex_print(sha, sizeof(sha), hex);
    if (!timestamp.p)
        return arena_copy(arena, str_of(hex));
    (void)xapi_parse_time(timestamp, &at_ms);
    return arena_printf(arena, "%s@%" PRId64, hex, at_ms);
}

/* Compares the digests and, only if both marks have one, the timestamps after the "@". A mark lacks
 * the timestamp when its statement had none, as xAPI allows: a server may then add one. */
bool xapi_marks_equal(struct str a, struct str b)
{
    struct str digest_a = str_cut(&a, '@'), digest_b = str_cut(&b, '@');

    return str_equal(digest_a, digest_b) && (a.n == 0 || b.n == 0 || str_equal(a, b));
}
