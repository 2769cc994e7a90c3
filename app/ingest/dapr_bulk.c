/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the members of objects and the elements of lists only by their brackets, commas and quotes.
 * The text comes from the sidecar and is valid JSON; any other text gives wrong entries or none,
 * but never text outside of the body. */
#include "app/ingest/dapr_bulk.h"

struct scan {
    const char *at, *end; /* at: the next byte */
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* Moves past the character c and the white space before it. Returns false when the next character
 * is another one. */
static bool take(struct scan *scan, char c)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* Moves from the opening quote of a string past its closing quote. Returns false when there is
 * none. */
static bool skip_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->end; scan->at++) {
        if (*scan->at == '"') {
            scan->at++;
            return true;
        }
        if (*scan->at == '\\')
            scan->at++;
    }
    scan->at = scan->end; /* a backslash at the end has moved beyond it */
    return false;
}

/* Moves from the opening bracket of an object or list past its closing bracket. Does not check that
 * both are of the same kind. */
static bool skip_brackets(struct scan *scan)
{
    size_t depth = 0;

    while (scan->at < scan->end) {
        char c = *scan->at;

        if (c == '"') {
            if (!skip_string(scan))
                return false;
            continue;
        }
        scan->at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

/* Moves past a JSON value, and sets *ret to its text. Returns false when there is no value, or when
 * its string, object or list has no end. */
static bool take_value(struct scan *scan, struct str *ret)
{
    bool closed = true;

    skip_space(scan);
    const char *from = scan->at;
    if (scan->at < scan->end && *scan->at == '"')
        closed = skip_string(scan);
    else if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '['))
        closed = skip_brackets(scan);
    else
        while (scan->at < scan->end && !strchr(",]} \n\r\t", *scan->at))
            scan->at++;
    *ret = (struct str){from, (size_t)(scan->at - from)};
    return closed && ret->n > 0;
}

/* Moves past a key, its colon and its value. ret_key: without its quotes. Returns false when they
 * are not there. */
static bool take_member(struct scan *scan, struct str *ret_key, struct str *ret_value)
{
    if (!take(scan, '"'))
        return false;
    scan->at--; /* back to the opening quote, where skip_string begins */
    const char *quote = scan->at;
    if (!skip_string(scan))
        return false;
    *ret_key = (struct str){quote + 1, (size_t)(scan->at - quote) - 2};
    return take(scan, ':') && take_value(scan, ret_value);
}

/* Finds the JSON texts of the members entryId and event of one entry. Returns false when the entry
 * is not an object. */
static bool split_entry(struct str text, struct dapr_bulk_entry *ret)
{
    struct scan scan = {text.p, text.p + text.n};
    struct str key, value;

    *ret = (struct dapr_bulk_entry){0};
    if (!take(&scan, '{'))
        return false;
    if (take(&scan, '}'))
        return true;
    do {
        if (!take_member(&scan, &key, &value))
            return false;
        if (str_equal(key, STR("entryId")))
            ret->id = value;
        else if (str_equal(key, STR("event")))
            ret->event = value;
    } while (take(&scan, ','));
    return take(&scan, '}');
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

/* Splits the bulk's list of entries: appends an entry to *ret for each element. Returns false when
 * the text is not a list of objects, or when out of memory. */
static bool split_entries(struct str list, struct arena *arena, struct dapr_bulk *ret)
{
    struct scan scan = {list.p, list.p + list.n};
    size_t room = 0;

    if (!take(&scan, '['))
        return false;
    if (take(&scan, ']'))
        return true;
    do {
        struct dapr_bulk_entry *entry = bulk_add(ret, &room, arena);
        struct str text;

        if (!entry || !take_value(&scan, &text) || !split_entry(text, entry))
            return false;
    } while (take(&scan, ','));
    return take(&scan, ']');
}

bool dapr_bulk_split(struct str body, struct arena *arena, struct dapr_bulk *ret)
{
    struct scan scan = {body.p, body.p + body.n};
    struct str key, value, type = {0}, entries = {0};

    *ret = (struct dapr_bulk){0};
    if (!take(&scan, '{'))
        return false;
    do {
        if (!take_member(&scan, &key, &value))
            return false;
        if (str_equal(key, STR("type")))
            type = value;
        else if (str_equal(key, STR("entries")))
            entries = value;
    } while (take(&scan, ','));
    if (!take(&scan, '}'))
        return false;
    skip_space(&scan);
    return scan.at == scan.end && str_equal(type, STR("\"" DAPR_BULK_TYPE "\"")) &&
           split_entries(entries, arena, ret);
}
