/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/canonical.h"

#include <stdio.h>
#include <stdlib.h>

/* Of the character that begins at *p, which is moved on. The text is UTF-8. */
static uint32_t next_character(const char **p)
{
    unsigned char lead = (unsigned char)*(*p)++;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    uint32_t c = more ? lead & (0x3fU >> more) : lead;

    for (; more > 0 && ((unsigned char)**p & 0xc0) == 0x80; more--)
        c = c << 6 | ((unsigned char)*(*p)++ & 0x3f);
    return c;
}

/* Units of UTF-16 order characters as code points do, but that those beyond U+FFFF, being made of
 * surrogates, come before U+E000. */
static uint32_t rank(uint32_t c)
{
    if (c < 0xd800)
        return c;
    return c > 0xffff ? c - 0x10000 + 0xd800 : c + 0x100000;
}

int canonical_compare(struct str a, struct str b)
{
    const char *p = a.p, *q = b.p;

    while (p < a.p + a.n && q < b.p + b.n) {
        uint32_t c = rank(next_character(&p)), d = rank(next_character(&q));

        if (c != d)
            return c < d ? -1 : 1;
    }
    return (p < a.p + a.n) - (q < b.p + b.n);
}

void canonical_string(struct buf *out, struct str text)
{
    static const char *const shorts[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};

    buf_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= 0x20) {
            if (c == '"' || c == '\\')
                buf_char(out, '\\');
            buf_char(out, (char)c);
        } else if (shorts[c]) {
            buf_text(out, shorts[c]);
        } else {
            buf_printf(out, "\\u%04x", c);
        }
    }
    buf_char(out, '"');
}

static int by_name(const void *a, const void *b)
{
    return canonical_compare(*(const struct str *)a, *(const struct str *)b);
}

static void print_object(struct buf *out, struct json_object *json, struct arena *scratch)
{
    size_t n = (size_t)json_object_object_length(json), i = 0;
    struct str *names = arena_array(scratch, n + 1, sizeof(*names));
    struct json_object *value;

    if (!names) {
        out->failed = true;
        return;
    }
    for (struct json_object_iterator at = json_object_iter_begin(json),
                                     end = json_object_iter_end(json);
         !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
        names[i++] = str_of(json_object_iter_peek_name(&at));
    qsort(names, n, sizeof(*names), by_name);
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

static void print_array(struct buf *out, struct json_object *json, struct arena *scratch)
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
    case json_type_array: print_array(out, json, scratch); break;
    case json_type_object: print_object(out, json, scratch); break;
    }
}
