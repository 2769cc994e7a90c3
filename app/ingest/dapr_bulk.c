/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the members of objects and the elements of lists only by their brackets, commas and quotes.
 * The text comes from the sidecar and is valid JSON; any other text gives wrong entries or none,
 * but never text outside of the body. */
#include "app/ingest/dapr_bulk.h"

struct scan {
    const char *at, *end; /* at: the next byte */
};

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* Moves past the character c and the white space before it. Returns false when the next character
 * is another one. */
static bool take(struct scan *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* Moves from the opening quote of a string past its closing quote. Returns false when there is
 * none. */
static bool skip_string(struct scan *s)
{
    for (s->at++; s->at < s->end; s->at++) {
        if (*s->at == '"') {
            s->at++;
            return true;
        }
        if (*s->at == '\\')
            s->at++;
    }
    s->at = s->end; /* a backslash at the end has moved beyond it */
    return false;
}

/* Moves from the opening bracket of an object or list past its closing bracket. Does not check that
 * both are of the same kind. */
static bool skip_brackets(struct scan *s)
{
    size_t depth = 0;

    while (s->at < s->end) {
        char c = *s->at;

        if (c == '"') {
            if (!skip_string(s))
                return false;
            continue;
        }
        s->at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

/* Moves past a JSON value, and sets *ret to its text. Returns false when there is no value, or when
 * its string, object or list has no end. */
static bool take_value(struct scan *s, struct str *ret)
{
    bool closed = true;

    skip_space(s);
    const char *from = s->at;
    if (s->at < s->end && *s->at == '"')
        closed = skip_string(s);
    else if (s->at < s->end && (*s->at == '{' || *s->at == '['))
        closed = skip_brackets(s);
    else
        while (s->at < s->end && !strchr(",]} \n\r\t", *s->at))
            s->at++;
    *ret = (struct str){from, (size_t)(s->at - from)};
    return closed && ret->n > 0;
}

/* Moves past a key, its colon and its value. ret_key: without its quotes. */
static bool take_member(struct scan *s, struct str *ret_key, struct str *ret_value)
{
    if (!take(s, '"'))
        return false;
    s->at--;
    const char *quote = s->at;
    if (!skip_string(s))
        return false;
    *ret_key = (struct str){quote + 1, (size_t)(s->at - quote) - 2};
    return take(s, ':') && take_value(s, ret_value);
}

/* Finds the JSON texts of the members entryId and event of one entry. Returns false when the entry
 * is not an object. */
static bool split_entry(struct str text, struct dapr_bulk_entry *ret)
{
    struct scan s = {text.p, text.p + text.n};
    struct str key, value;

    *ret = (struct dapr_bulk_entry){0};
    if (!take(&s, '{'))
        return false;
    if (take(&s, '}'))
        return true;
    do {
        if (!take_member(&s, &key, &value))
            return false;
        if (str_equal(key, STR("entryId")))
            ret->id = value;
        else if (str_equal(key, STR("event")))
            ret->event = value;
    } while (take(&s, ','));
    return take(&s, '}');
}

/* Returns a new last element, and doubles the room when it is used up. Returns NULL when out of
 * memory. */
static struct dapr_bulk_entry *bulk_add(struct dapr_bulk *bulk, size_t *room, struct arena *arena)
{
    enum { FIRST_ROOM = 128 };

    if (bulk->n == *room) {
        size_t more = *room > 0 ? 2 * *room : FIRST_ROOM;
        struct dapr_bulk_entry *entries = arena_array(arena, more, sizeof(*entries));

        if (!entries)
            return NULL;
        if (bulk->n > 0)
            memcpy(entries, bulk->entries, bulk->n * sizeof(*entries));
        bulk->entries = entries;
        *room = more;
    }
    return &bulk->entries[bulk->n++];
}

/* Appends each element of the bulk's list of entries to *ret. Returns false when it is not a list
 * of objects, or when out of memory. */
static bool split_entries(struct str list, struct arena *arena, struct dapr_bulk *ret)
{
    struct scan s = {list.p, list.p + list.n};
    size_t room = 0;

    if (!take(&s, '['))
        return false;
    if (take(&s, ']'))
        return true;
    do {
        struct dapr_bulk_entry *entry = bulk_add(ret, &room, arena);
        struct str text;

        if (!entry || !take_value(&s, &text) || !split_entry(text, entry))
            return false;
    } while (take(&s, ','));
    return take(&s, ']');
}

bool dapr_bulk_split(struct str body, struct arena *arena, struct dapr_bulk *ret)
{
    struct scan s = {body.p, body.p + body.n};
    struct str key, value, type = {0}, entries = {0};

    *ret = (struct dapr_bulk){0};
    if (!take(&s, '{'))
        return false;
    do {
        if (!take_member(&s, &key, &value))
            return false;
        if (str_equal(key, STR("type")))
            type = value;
        else if (str_equal(key, STR("entries")))
            entries = value;
    } while (take(&s, ','));
    if (!take(&s, '}'))
        return false;
    skip_space(&s);
    return s.at == s.end && str_equal(type, STR("\"" DAPR_BULK_TYPE "\"")) &&
           split_entries(entries, arena, ret);
}
