/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds routes (rows of the table of endpoints) by path and method. A pattern is a path in which
 * segments (the parts between slashes) may be parameters such as {student_id}. All patterns are
 * collected and sorted when the process starts, so that matching allocates no memory. A path
 * without parameters is found by binary search. Patterns with parameters are few, and are tried one
 * after the other, the most specific first. */
#include "app/http/router.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALIASES_MAX = sizeof(((struct route *)NULL)->aliases) / sizeof(const char *) };

/* One pattern with the routes that have it. */
struct path_entry {
    struct str pattern;
    /* length of the text before the first parameter; the whole length when there is no parameter */
    size_t prefix;
    int by_method[HTTP_METHODS]; /* index of the method's route in router.routes; -1: no route */
};

/* The router does not change after router_new. */
struct router {
    const struct route_table *tables; /* array of table_count tables; owned by the caller */
    size_t table_count;
    const struct route **routes; /* all routes, in the order of the tables */
    size_t route_count;
    struct path_entry *entries; /* all patterns, sorted by entry_compare */
    size_t exact_count;         /* number of patterns without parameters, which come first */
    size_t count;               /* number of all patterns */
};

/* Returns whether a segment of a pattern is a parameter: {name}. "{}" is no parameter, since it has
 * no name; pattern_is_valid refuses it. */
static bool segment_is_parameter(struct str segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

/* Orders patterns for qsort and bsearch. Patterns without parameters (prefix, the length of the
 * text before the first parameter, is the whole length) come first. Otherwise the first segment
 * that differs decides: a fixed text comes before a parameter, so that of two patterns that match a
 * path the more specific one comes first. */
static int entry_compare(const void *left, const void *right)
{
    const struct path_entry *a = left, *b = right;
    struct str x = a->pattern, y = b->pattern;
    int order = (a->prefix < x.n) - (b->prefix < y.n); /* 0: both with or both without parameters */
    if (order == 0 && a->prefix == x.n)
        return str_compare(x, y);
    while (order == 0 && x.n > 0 && y.n > 0) {
        struct str s = str_cut(&x, '/'), t = str_cut(&y, '/');
        order = segment_is_parameter(s) - segment_is_parameter(t);
        if (order == 0 && !segment_is_parameter(s))
            order = str_compare(s, t);
    }
    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

/* ---- Matching ---- */

/* Returns whether the path matches the pattern; both begin with '/'. They are compared segment by
 * segment. A parameter matches one segment that is not empty. values: receives the names and texts
 * of the parameters; may be NULL. */
static bool pattern_match(struct str pattern, struct str path, struct path_values *values)
{
    while (pattern.n > 0 && path.n > 0) {
        struct str expected = str_cut(&pattern, '/');
        size_t before = path.n;
        struct str actual = str_cut(&path, '/');
        bool last = before == actual.n; /* no slash follows the segment of the path */
        if (segment_is_parameter(expected) && actual.n > 0) {
            if (values)
                values->v[values->n++] =
                    (struct path_value){{expected.p + 1, expected.n - 2}, {actual.p, actual.n}};
        } else if (!str_equal(expected, actual)) {
            return false;
        }
        if (pattern.n == 0)
            return last;
    }
    return false;
}

/* Adds the methods of a pattern that matches the path to *match. When several patterns match, the
 * first one that has the requested method gives the route, and all of them together give the
 * allowed methods. OPTIONS is allowed on every path, and HEAD where GET is. sidecar: whether the
 * request came by the sidecar's listener; routes of the sidecar do not exist for other requests. */
static void match_add(const struct router *router, const struct path_entry *entry,
                      enum http_method method, struct str path, bool sidecar,
                      struct route_match *match)
{
    for (int m = 0; m < HTTP_METHODS; m++) {
        int index = entry->by_method[m];
        if (index < 0 || (!sidecar && (router->routes[index]->flags & ROUTE_SIDECAR_ONLY)))
            continue;
        match->allowed_methods |= router_allowed_methods((enum http_method)m);
        if (match->route || m != (int)method)
            continue;
        match->route = router->routes[index];
        match->index = (size_t)index;
        match->path.n = 0;
        (void)pattern_match(entry->pattern, path, &match->path); /* matches; fills match->path */
    }
}

/* Looks for a pattern without parameters first: if it has the method, it wins over patterns with
 * parameters. Otherwise the patterns with parameters are tried too, because one of them may have
 * the method. */
void router_match(const struct router *router, enum http_method method, struct str path,
                  bool sidecar, struct route_match *ret)
{
    enum http_method row_method = method == HEAD ? GET : method;
    const struct path_entry wanted = {.pattern = path, .prefix = path.n}, *exact = NULL;
    *ret = (struct route_match){0};
    if (router->exact_count > 0)
        exact =
            bsearch(&wanted, router->entries, router->exact_count, sizeof wanted, entry_compare);
    if (exact)
        match_add(router, exact, row_method, path, sidecar, ret);
    if (ret->route)
        return;
    for (size_t i = router->exact_count; i < router->count; i++) {
        const struct path_entry *entry = &router->entries[i];
        if (path.n > entry->prefix &&
            memcmp(path.p, entry->pattern.p, entry->prefix) == 0 && /* a quick test */
            pattern_match(entry->pattern, path, NULL))
            match_add(router, entry, row_method, path, sidecar, ret);
    }
}

/* Returns the number of routes. Metrics identify a route by its index, which follows the order of
 * the tables, not that of the sorted patterns. */
size_t router_count(const struct router *router)
{
    return router->route_count;
}

const struct route *router_route(const struct router *router, size_t index)
{
    return router->routes[index];
}

unsigned router_allowed_methods(enum http_method method)
{
    return 1U << method | 1U << OPTIONS | (method == GET ? 1U << HEAD : 0);
}

/* Writes the names of the methods, separated by commas. 64 bytes are enough for all of them. */
void router_allow_text(unsigned allowed_methods, char ret_text[64])
{
    size_t n = 0;
    ret_text[0] = '\0';
    for (int m = 0; m < OTHER_METHOD; m++) {
        if (allowed_methods & 1U << m)
            n += (size_t)snprintf(ret_text + n, 64 - n, "%s%s", n > 0 ? ", " : "",
                                  http_method_name((enum http_method)m));
    }
}

/* ---- Building ---- */

/* Reports a bug in a route table on stderr. Always returns false, which the callers return too, so
 * that the process does not start. */
static bool table_error(const struct route *route, const char *pattern, const char *what)
{
    (void)fprintf(stderr, "route %s, %s %s: %s\n", route->name, http_method_name(route->method),
                  pattern, what);
    return false;
}

/* Returns whether a pattern begins with a slash, does not end with one (except the path "/"), has
 * braces only around whole segments, and has at most PATH_VALUES_MAX parameters. */
static bool pattern_is_valid(struct str pattern)
{
    size_t parameter_count = 0;
    if (pattern.n == 0 || pattern.p[0] != '/' || (pattern.n > 1 && pattern.p[pattern.n - 1] == '/'))
        return false;
    while (pattern.n > 0) {
        struct str segment = str_cut(&pattern, '/');
        if (segment_is_parameter(segment))
            parameter_count++;
        else if (memchr(segment.p, '{', segment.n) || memchr(segment.p, '}', segment.n))
            return false;
    }
    return parameter_count <= PATH_VALUES_MAX;
}

/* Returns whether two patterns match the same paths: they are equal except for the names of their
 * parameters. */
static bool pattern_same_shape(struct str a, struct str b)
{
    while (a.n > 0 && b.n > 0) {
        struct str x = str_cut(&a, '/'), y = str_cut(&b, '/');
        if (!str_equal(x, y) && !(segment_is_parameter(x) && segment_is_parameter(y)))
            return false;
    }
    return a.n == b.n;
}

/* Returns the entry of the pattern or of one that matches the same paths; adds an entry without
 * routes (by_method -1) when there is none. A linear search is fast enough for a few hundred
 * entries, which are made once at start. */
static struct path_entry *entry_get(struct router *router, struct str pattern)
{
    const char *brace = memchr(pattern.p, '{', pattern.n);
    struct path_entry *entry = router->entries;
    for (; entry < router->entries + router->count; entry++) {
        if (pattern_same_shape(entry->pattern, pattern))
            return entry;
    }
    router->count++;
    entry->pattern = pattern;
    entry->prefix = brace ? (size_t)(brace - pattern.p) : pattern.n;
    if (entry->prefix == pattern.n)
        router->exact_count++;
    for (int m = 0; m < HTTP_METHODS; m++)
        entry->by_method[m] = -1;
    return entry;
}

/* Adds the route with this index under one of its patterns. Returns false, with a line on stderr,
 * when the pattern is not valid or an earlier route has the same paths and method. */
static bool router_add_pattern(struct router *router, size_t index, const char *text)
{
    const struct route *route = router->routes[index];
    struct str pattern = str_of(text);
    struct path_entry *entry;
    if (!pattern_is_valid(pattern))
        return table_error(route, text, "the pattern is not valid");
    entry = entry_get(router, pattern);
    if (!str_equal(entry->pattern, pattern))
        return table_error(route, text, "another row names the parameters differently");
    if (entry->by_method[route->method] >= 0)
        return table_error(route, text, "another row has this method and pattern");
    entry->by_method[route->method] = (int)index;
    return true;
}

/* Adds all routes under their patterns and aliases, then sorts the patterns. Returns false when two
 * rows of the tables contradict each other. */
static bool router_add_all(struct router *router)
{
    for (size_t i = 0; i < router->route_count; i++) {
        const struct route *route = router->routes[i];
        if (!router_add_pattern(router, i, route->pattern))
            return false;
        for (size_t a = 0; a < ALIASES_MAX && route->aliases[a]; a++) {
            if (!router_add_pattern(router, i, route->aliases[a]))
                return false;
        }
    }
    if (router->count > 0)
        qsort(router->entries, router->count, sizeof *router->entries, entry_compare);
    return true;
}

/* Counts the routes, allocates the router, and adds the routes. The arrays have one spare element,
 * so that their size is not 0 when there are no routes. */
struct router *router_new(const struct route_table *tables, size_t count)
{
    struct router *router = calloc(1, sizeof *router);
    size_t n = 0;
    for (size_t t = 0; t < count; t++)
        n += tables[t].n;
    if (!router)
        return NULL;
    router->tables = tables;
    router->table_count = count;
    router->routes = calloc(n + 1, sizeof *router->routes);
    router->entries = calloc(n * (1 + ALIASES_MAX) + 1, sizeof *router->entries);
    if (router->routes && router->entries) {
        for (size_t t = 0; t < count; t++) {
            for (size_t i = 0; i < tables[t].n; i++)
                router->routes[router->route_count++] = &tables[t].v[i];
        }
        if (router_add_all(router))
            return router;
    }
    router_free(router);
    return NULL;
}

const struct route_table *router_tables(const struct router *router, size_t *ret_count)
{
    *ret_count = router->table_count;
    return router->tables;
}

/* Finds the table by the address of the route, which is an element of one of the tables. */
const char *router_area(const struct router *router, const struct route *route)
{
    for (size_t i = 0; i < router->table_count; i++) {
        const struct route_table *table = &router->tables[i];

        if (route >= table->v && route < table->v + table->n)
            return table->area;
    }
    return NULL;
}

/* Frees the router, but not the route tables, which belong to the caller. */
void router_free(struct router *router)
{
    if (!router)
        return;
    free(router->entries);
    free(router->routes);
    free(router);
}
