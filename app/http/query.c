/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/query.h"

#include "app/http/json.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The byte that raw begins with; its length, 0 if the encoding is bad. */
static size_t decode_byte(struct str raw, char *ret)
{
    if (raw.p[0] != '%') {
        *ret = raw.p[0];
        if (*ret == '+')
            *ret = ' ';
        return 1;
    }
    int high = raw.n >= 3 ? hex_digit(raw.p[1]) : -1;
    int low = raw.n >= 3 ? hex_digit(raw.p[2]) : -1;
    if (high < 0 || low < 0)
        return 0;
    *ret = (char)(high * 16 + low);
    return 3;
}

/* to has room for raw.n bytes. *ret is untouched on failure. */
static bool decode(struct str raw, char *to, struct str *ret)
{
    struct str text = {to, 0};
    while (raw.n > 0) {
        size_t n = decode_byte(raw, to);
        if (n == 0 || *to == '\0')
            return false;
        raw = (struct str){raw.p + n, raw.n - n};
        to++;
        text.n++;
    }
    if (!utf8_valid(text))
        return false;
    *ret = text;
    return true;
}

static struct query_parameter *read_pair(struct str pair, struct arena *arena)
{
    struct query_parameter *parameter = arena_zalloc(arena, sizeof *parameter);
    char *text = arena_alloc(arena, pair.n);
    if (!parameter || !text)
        return NULL;
    struct str name = str_cut(&pair, '=');
    parameter->malformed =
        !decode(name, text, &parameter->name) || !decode(pair, text + name.n, &parameter->value);
    return parameter;
}

bool query_parse(struct str query, struct arena *arena, struct query_parameter **ret_first)
{
    struct query_parameter *first = NULL, **end = &first;
    while (query.n > 0) {
        struct str pair = str_cut(&query, '&');
        if (pair.n == 0)
            continue;
        *end = read_pair(pair, arena);
        if (!*end)
            return false;
        end = &(*end)->next;
    }
    *ret_first = first;
    return true;
}
