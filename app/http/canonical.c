/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints JSON in the one form that RFC 8785 (JCS) defines, so that equal values have equal bytes
 * and equal hashes. base/buf prints the numbers, as doubles. All texts come from json_parse, which
 * has checked that they are valid UTF-8. */
#include "app/http/canonical.h"

#include <stdio.h>
#include <stdlib.h>

/* Decodes the UTF-8 character at *p, moves *p past it and returns its code point. The first byte
 * says how many continuation bytes follow. The loop ends before a byte that is no continuation
 * byte, so that it never reads past the NUL at the end of a text. */
static uint32_t utf8_next(const char **p)
{
    unsigned char lead = (unsigned char)*(*p)++;
    int continuations = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    uint32_t code = continuations ? lead & (0x3fU >> continuations) : lead;

    for (; continuations > 0 && ((unsigned char)**p & 0xc0) == 0x80; continuations--)
        code = code << 6 | ((unsigned char)*(*p)++ & 0x3f);
    return code;
}

/* Returns a number by which characters are in the order of their UTF-16 code units. In UTF-16 a
 * character above U+FFFF is written as two surrogates from U+D800 to U+DFFF. It therefore comes
 * before the characters U+E000 to U+FFFF, which get higher numbers here. All other characters keep
 * the order of their code points. */
static uint32_t utf16_rank(uint32_t code)
{
    if (code < 0xd800)
        return code;
    return code > 0xffff ? code - 0x10000 + 0xd800 : code + 0x100000;
}

/* Compares the UTF-8 names character by character, by utf16_rank: the result is that of comparing
 * UTF-16 code units. When one name is the beginning of the other, the shorter name comes first. */
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

/* Prints a text in quotes. The quote, the backslash and control characters are escaped, and no
 * other characters (RFC 8785, section 3.2.2.2). */
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

/* Order for qsort of the names (struct str) of an object's members. */
static int canonical_compare_names(const void *a, const void *b)
{
    return canonical_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Prints the members of an object sorted by their names (RFC 8785, section 3.2.3). When there is no
 * memory for sorting, sets out->failed. */
static void canonical_print_object(struct buf *out, struct json_object *json, struct arena *scratch)
{
    size_t n = (size_t)json_object_object_length(json), i = 0;
    struct str *names = arena_array(scratch, n, sizeof(*names));
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

/* Prints the elements of an array in their order. */
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

/* Prints a value and, by recursion, the values in it. The recursion is limited, because json_parse
 * refuses values of more than JSON_DEPTH_MAX levels. */
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
