/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Printing of JSON as RFC 8785 (JCS) wants it, so that equal values give equal bytes and equal
 * hashes. Numbers are printed as doubles by base/buf, texts are UTF-8 and already valid. */
#include "app/http/canonical.h"

#include <stdio.h>
#include <stdlib.h>

/* Decodes the UTF-8 character at *p and moves *p past it. */
static uint32_t utf8_next(const char **p)
{
    unsigned char lead = (unsigned char)*(*p)++;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    uint32_t c = more ? lead & (0x3fU >> more) : lead;

    for (; more > 0 && ((unsigned char)**p & 0xc0) == 0x80; more--)
        c = c << 6 | ((unsigned char)*(*p)++ & 0x3f);
    return c;
}

/* Position of a character in the order of UTF-16 code units, which is the order of code points with
 * one exception: characters above U+FFFF are surrogates there, and so come before U+E000. */
static uint32_t utf16_rank(uint32_t c)
{
    if (c < 0xd800)
        return c;
    return c > 0xffff ? c - 0x10000 + 0xd800 : c + 0x100000;
}

/* A name that is the beginning of another comes before it. */
int canonical_compare(struct str a, struct str b)
{
    const char *p = a.p, *q = b.p;

    while (p < a.p + a.n && q < b.p + b.n) {
        uint32_t c = utf16_rank(utf8_next(&p)), d = utf16_rank(utf8_next(&q));

        if (c != d)
            return c < d ? -1 : 1;
    }
    return (p < a.p + a.n) - (q < b.p + b.n);
}

/* Only the quote, the backslash and control characters are escaped (RFC 8785, 3.2.2.2). */
void canonical_string(struct buf *out, struct str text)
{
    static const char *const short_escapes[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};

    buf_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= 0x20) {
            if (c == '"' || c == '\\')
                buf_char(out, '\\');
            buf_char(out, (char)c);
        } else if (short_escapes[c]) {
            buf_text(out, short_escapes[c]);
        } else {
            buf_printf(out, "\\u%04x", c);
        }
    }
    buf_char(out, '"');
}

static int canonical_compare_names(const void *a, const void *b)
{
    return canonical_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Members sorted by name (RFC 8785, 3.2.3). Without scratch memory `out` is marked as failed. */
static void canonical_print_object(struct buf *out, struct json_object *json, struct arena *scratch)
{
    size_t n = (size_t)json_object_object_length(json), i = 0;
    struct str *names = arena_array(scratch, n + 1, sizeof(*names));
    struct json_object *value;

    if (!names) {
        out->failed = true;
        return;
    }
    for (struct json_object_iterator it = json_object_iter_begin(json),
                                     end = json_object_iter_end(json);
         !json_object_iter_equal(&it, &end); json_object_iter_next(&it))
        names[i++] = str_of(json_object_iter_peek_name(&it));
    qsort(names, n, sizeof(*names), canonical_compare_names);
    buf_char(out, '{');
    for (i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, ',');
        canonical_string(out, names[i]);
        buf_char(out, ':');
        if (json_object_object_get_ex(json, names[i].p, &value))
            canonical_print(out, value, scratch);
    }
    buf_char(out, '}');
}

/* Arrays keep their order; only their elements are printed canonically. */
static void canonical_print_array(struct buf *out, struct json_object *json, struct arena *scratch)
{
    size_t n = json_object_array_length(json);

    buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, ',');
        canonical_print(out, json_object_array_get_idx(json, i), scratch);
    }
    buf_char(out, ']');
}

/* Recursive: callers print values of json_parse, whose depth is limited. */
void canonical_print(struct buf *out, struct json_object *json, struct arena *scratch)
{
    switch (json_object_get_type(json)) {
    case json_type_null: buf_text(out, "null"); break;
    case json_type_boolean: buf_text(out, json_object_get_boolean(json) ? "true" : "false"); break;
    case json_type_int:
    case json_type_double: buf_number(out, json_object_get_double(json)); break;
    case json_type_string:
        canonical_string(out, (struct str){json_object_get_string(json),
                                           (size_t)json_object_get_string_len(json)});
        break;
    case json_type_array: canonical_print_array(out, json, scratch); break;
    case json_type_object: canonical_print_object(out, json, scratch); break;
    }
}
