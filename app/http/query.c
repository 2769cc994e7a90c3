/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses the query of a URL. It is split at & and = first, and each name and value is decoded
 * afterwards, so that an encoded & or = is part of a value. validate.c decides which parameters a
 * route accepts. */
#include "app/http/query.h"

#include "app/base/percent.h"
#include "app/base/utf8.h"

/* Decodes a name or a value. to: memory for raw.n bytes. Returns false, and leaves *ret unchanged,
 * when the text is wrongly encoded, is not UTF-8 or contains a NUL. A + becomes a
 * space. */
static bool query_decode(struct str raw, char *to, struct str *ret)
{
    struct str text = {to, 0};

    if (!percent_decode(raw, /* plus_is_space */ true, to, &text.n) || !utf8_valid(text) ||
        (text.n > 0 && memchr(text.p, '\0', text.n)))
        return false;
    *ret = text;
    return true;
}

/* Makes a parameter of the text "name=value". The decoded value follows the decoded name in one
 * block of memory. Returns NULL when out of memory. */
static struct query_parameter *query_parse_pair(struct str pair, struct arena *arena)
{
    struct query_parameter *parameter = arena_zalloc(arena, sizeof *parameter);
    char *text = arena_alloc(arena, pair.n); /* decoding never makes a text longer */
    if (!parameter || !text)
        return NULL;
    struct str name = str_cut(&pair, '=');
    parameter->malformed = !query_decode(name, text, &parameter->name) ||
                           !query_decode(pair, text + name.n, &parameter->value);
    return parameter;
}

/* Splits the query at & and appends one parameter for each part. end points to where the address of
 * the next parameter is stored: first, or the member next of the last one. Returns false, and
 * leaves *ret_first unchanged, when out of memory. */
bool query_parse(struct str query, struct arena *arena, struct query_parameter **ret_first)
{
    struct query_parameter *first = NULL, **end = &first;
    while (query.n > 0) {
        struct str pair = str_cut(&query, '&');
        if (pair.n == 0)
            continue;
        *end = query_parse_pair(pair, arena);
        if (!*end)
            return false;
        end = &(*end)->next;
    }
    *ret_first = first;
    return true;
}
