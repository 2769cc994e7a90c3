/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds routes by path and method. All patterns are collected and sorted at start, so that matching
 * allocates nothing: paths without parameters are found by binary search, the few patterns with
 * parameters are tried one after the other, the most specific first. */
#include "app/http/router.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALIASES_MAX = sizeof(((struct route *)NULL)->aliases) / sizeof(const char *) };

/* A pattern with the routes that it has by method: indexes into routes, -1 for none. */
struct path_entry {
    struct str pattern;
    size_t prefix; /* length of the text before the first parameter */
    int by_method[HTTP_METHODS];
};

/* Read-only once it is built. */
struct router {
    const struct route_table *tables;
    size_t table_count;
    const struct route **routes; /* of all tables, in their order */
    size_t route_count;
    struct path_entry *entries; /* sorted by entry_compare: those without parameters come first */
    size_t exact_count, count;
};

/* {name}; "{}" is a literal, which no valid pattern has. */
static bool segment_is_parameter(struct str segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

/* Order: no parameters before parameters; then, at the first segment that differs, a literal one
 * before a parameter, so that the more specific of two matching patterns comes first. */
static int entry_compare(const void *left, const void *right)
{
    const struct path_entry *a = left, *b = right;
    struct str x = a->pattern, y = b->pattern;
    int order = (a->prefix < x.n) - (b->prefix < y.n);
    while (order == 0 && x.n > 0 && y.n > 0) {
        struct str s = str_cut(&x, '/'), t = str_cut(&y, '/');
        order = segment_is_parameter(s) - segment_is_parameter(t);
        if (order == 0 && !segment_is_parameter(s))
            order = str_compare(s, t);
    }
    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

/* ---- Matching ---- */

/* Pattern and path begin with '/'. A parameter matches one segment, not an empty one. values: gets
 * the parameters, or NULL. */
static bool pattern_match(struct str pattern, struct str path, struct path_values *values)
{
    while (pattern.n > 0 && path.n > 0) {
        struct str want = str_cut(&pattern, '/');
        size_t before = path.n;
        struct str have = str_cut(&path, '/');
        bool last = before == have.n; /* no slash follows */
        if (segment_is_parameter(want) && have.n > 0) {
            if (values)
                values->v[values->n++] =
                    (struct path_value){{want.p + 1, want.n - 2}, {have.p, have.n}};
        } else if (!str_equal(want, have)) {
            return false;
        }
        if (pattern.n == 0)
            return last;
    }
    return false;
}

/* Adds the methods of a pattern that matches. Of several patterns the first that has the method
 * gives the route; all together give the allowed methods. */
static void match_add(const struct router *router, const struct path_entry *entry,
                      enum http_method method, struct str path, bool sidecar,
                      struct route_match *match)
{
    for (int m = 0; m < HTTP_METHODS; m++) {
        int index = entry->by_method[m];
        if (index < 0 || (!sidecar && (router->routes[index]->flags & ROUTE_SIDECAR_ONLY)))
            continue;
        match->allowed_methods |= 1U << m | 1U << OPTIONS | (m == GET ? 1U << HEAD : 0);
        if (match->route || m != (int)method)
            continue;
        match->route = router->routes[index];
        match->index = (size_t)index;
        match->path.n = 0;
        (void)pattern_match(entry->pattern, path, &match->path);
    }
}

void router_match(const struct router *router, enum http_method method, struct str path,
                  bool sidecar, struct route_match *ret)
{
    enum http_method row = method == HEAD ? GET : method;
    const struct path_entry wanted = {.pattern = path, .prefix = path.n}, *exact = NULL;
    *ret = (struct route_match){0};
    if (router->exact_count > 0)
        exact =
            bsearch(&wanted, router->entries, router->exact_count, sizeof wanted, entry_compare);
    if (exact && str_equal(exact->pattern, path)) /* entry_compare ignores a slash at the end */
        match_add(router, exact, row, path, sidecar, ret);
    if (ret->route)
        return;
    for (size_t i = router->exact_count; i < router->count; i++) {
        const struct path_entry *entry = &router->entries[i];
        if (path.n > entry->prefix && memcmp(path.p, entry->pattern.p, entry->prefix) == 0 &&
            pattern_match(entry->pattern, path, NULL))
            match_add(router, entry, row, path, sidecar, ret);
    }
}

/* Indexes of routes are labels of metrics: they must not depend on the sorting of patterns. */
size_t router_count(const struct router *router)
{
    return router->route_count;
}

const struct route *router_route(const struct router *router, size_t index)
{
    return router->routes[index];
}

/* 64 bytes hold the names of all methods. */
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

/* Reports a bug in a route table; the process then does not start. */
static bool table_error(const struct route *route, const char *pattern, const char *what)
{
    (void)fprintf(stderr, "route %s, %s %s: %s\n", route->name, http_method_name(route->method),
                  pattern, what);
    return false;
}

/* Begins with a slash, does not end with one (but "/"), braces only around whole segments. */
static bool pattern_is_valid(struct str pattern)
{
    size_t parameters = 0;
    if (pattern.n == 0 || pattern.p[0] != '/' || (pattern.n > 1 && pattern.p[pattern.n - 1] == '/'))
        return false;
    while (pattern.n > 0) {
        struct str segment = str_cut(&pattern, '/');
        if (segment_is_parameter(segment))
            parameters++;
        else if (memchr(segment.p, '{', segment.n) || memchr(segment.p, '}', segment.n))
            return false;
    }
    return parameters <= PATH_VALUES_MAX;
}

/* Whether both match the same paths; names of parameters do not count. */
static bool pattern_same_shape(struct str a, struct str b)
{
    while (a.n > 0 && b.n > 0) {
        struct str x = str_cut(&a, '/'), y = str_cut(&b, '/');
        if (!str_equal(x, y) && !(segment_is_parameter(x) && segment_is_parameter(y)))
            return false;
    }
    return a.n == b.n;
}

/* The entry of the pattern's shape, made if it is the first. */
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
    router->exact_count += entry->prefix == pattern.n;
    for (int m = 0; m < HTTP_METHODS; m++)
        entry->by_method[m] = -1;
    return entry;
}

/* Adds one pattern of a route. False, with a line on stderr, when it contradicts an earlier one. */
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

/* All routes with their aliases, then sorted. False when the tables contradict themselves. */
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

/* Found by address: a route lies in the table of its area. */
const char *router_area(const struct router *router, const struct route *route)
{
    for (size_t i = 0; i < router->table_count; i++) {
        const struct route_table *table = &router->tables[i];

        if (route >= table->v && route < table->v + table->n)
            return table->area;
    }
    return NULL;
}

/* The tables are not the router's and stay. */
void router_free(struct router *router)
{
    if (!router)
        return;
    free(router->entries);
    free(router->routes);
    free(router);
}
