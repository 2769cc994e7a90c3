/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/router.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALIASES_MAX = sizeof(((struct route *)NULL)->aliases) / sizeof(const char *) };

/* A pattern, and the routes that it has by method: indexes into routes, -1 for none. */
struct path_entry {
    struct str pattern;
    size_t prefix; /* length of what stands before the first parameter */
    int by_method[HTTP_METHODS];
};

/* Paths without parameters are found by hash, the few others one after the other, the more special
 * first: a literal segment comes before a parameter. */
struct router {
    const struct route_table *tables;
    size_t table_count;
    const struct route **routes;
    size_t route_count;
    struct path_entry *exact, *open; /* two parts of places */
    size_t exact_count, open_count;
    struct path_entry *places;
    uint16_t *buckets; /* position in exact + 1, 0 for empty; linear probing */
    size_t bucket_mask;
};

static uint32_t hash(struct str s)
{
    uint32_t h = 2166136261U; /* FNV-1a; the table is ours and half empty, so nobody can crowd it */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619U;
    return h;
}

static bool is_parameter(struct str segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

/* ---- Matching ---- */

/* values may be NULL. Pattern and path begin with '/'; a parameter takes one segment, not empty. */
static bool pattern_match(struct str pattern, struct str path, struct path_values *values)
{
    while (pattern.n > 0 && path.n > 0) {
        struct str want = str_cut(&pattern, '/');
        size_t before = path.n;
        struct str have = str_cut(&path, '/');
        bool last = before == have.n;
        if (is_parameter(want) && have.n > 0) {
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

static const struct path_entry *find_exact(const struct router *router, struct str path)
{
    for (size_t i = hash(path) & router->bucket_mask; router->buckets[i] != 0;
         i = (i + 1) & router->bucket_mask) {
        const struct path_entry *place = &router->exact[router->buckets[i] - 1];
        if (str_equal(place->pattern, path))
            return place;
    }
    return NULL;
}

/* Notes what the place offers. The first place that has the method is the one. */
static void consider(const struct router *router, const struct path_entry *place,
                     enum http_method method, struct str path, bool sidecar,
                     struct route_match *match)
{
    for (int m = 0; m < HTTP_METHODS; m++) {
        int index = place->by_method[m];
        if (index < 0 || (!sidecar && (router->routes[index]->flags & ROUTE_SIDECAR_ONLY)))
            continue;
        match->allowed_methods |= 1U << m | 1U << OPTIONS | (m == GET ? 1U << HEAD : 0);
        if (match->route || m != (int)method)
            continue;
        match->route = router->routes[index];
        match->index = (size_t)index;
        match->path.n = 0;
        (void)pattern_match(place->pattern, path, &match->path);
    }
}

static bool same_prefix(const struct path_entry *place, struct str path)
{
    return path.n > place->prefix && memcmp(path.p, place->pattern.p, place->prefix) == 0;
}

void router_match(const struct router *router, enum http_method method, struct str path,
                  bool sidecar, struct route_match *ret)
{
    enum http_method row = method == HEAD ? GET : method;
    *ret = (struct route_match){0};
    const struct path_entry *exact = find_exact(router, path);
    if (exact)
        consider(router, exact, row, path, sidecar, ret);
    if (ret->route)
        return;
    for (size_t i = 0; i < router->open_count; i++) {
        const struct path_entry *place = &router->open[i];
        if (same_prefix(place, path) && pattern_match(place->pattern, path, NULL))
            consider(router, place, row, path, sidecar, ret);
    }
}

size_t router_count(const struct router *router)
{
    return router->route_count;
}

const struct route *router_route(const struct router *router, size_t index)
{
    return router->routes[index];
}

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

/* A bug in a table of ours: the process cannot start. */
static bool refuse(const struct route *route, const char *pattern, const char *why)
{
    (void)fprintf(stderr, "route %s, %s %s: %s\n", route->name, http_method_name(route->method),
                  pattern, why);
    return false;
}

static bool is_pattern(struct str pattern)
{
    size_t parameters = 0;
    if (pattern.n == 0 || pattern.p[0] != '/' || (pattern.n > 1 && pattern.p[pattern.n - 1] == '/'))
        return false;
    while (pattern.n > 0) {
        struct str segment = str_cut(&pattern, '/');
        if (is_parameter(segment))
            parameters++;
        else if (memchr(segment.p, '{', segment.n) || memchr(segment.p, '}', segment.n))
            return false;
    }
    return parameters <= PATH_VALUES_MAX;
}

/* Do both match the same paths, whatever their parameters are called? */
static bool same_shape(struct str a, struct str b)
{
    while (a.n > 0 && b.n > 0) {
        struct str x = str_cut(&a, '/'), y = str_cut(&b, '/');
        if (!str_equal(x, y) && !(is_parameter(x) && is_parameter(y)))
            return false;
    }
    return a.n == b.n;
}

static struct path_entry *find_shape(struct path_entry *places, size_t count, struct str pattern)
{
    for (size_t i = 0; i < count; i++) {
        if (same_shape(places[i].pattern, pattern))
            return &places[i];
    }
    return NULL;
}

static struct path_entry *place_add(struct router *router, size_t *count, struct str pattern)
{
    struct path_entry *place = &router->places[(*count)++];
    const char *brace = memchr(pattern.p, '{', pattern.n);
    place->pattern = pattern;
    place->prefix = brace ? (size_t)(brace - pattern.p) : pattern.n;
    for (int m = 0; m < HTTP_METHODS; m++)
        place->by_method[m] = -1;
    return place;
}

static bool claim(struct router *router, size_t *count, size_t index, const char *text)
{
    const struct route *route = router->routes[index];
    struct str pattern = str_of(text);
    if (!is_pattern(pattern))
        return refuse(route, text, "the pattern cannot be read");
    struct path_entry *place = find_shape(router->places, *count, pattern);
    if (!place)
        place = place_add(router, count, pattern);
    if (!str_equal(place->pattern, pattern))
        return refuse(route, text, "another row calls the parameters otherwise");
    if (place->by_method[route->method] >= 0)
        return refuse(route, text, "another row has claimed this");
    place->by_method[route->method] = (int)index;
    return true;
}

static bool claim_all(struct router *router, size_t *count)
{
    for (size_t i = 0; i < router->route_count; i++) {
        const struct route *route = router->routes[i];
        if (!claim(router, count, i, route->pattern))
            return false;
        for (size_t a = 0; a < ALIASES_MAX && route->aliases[a]; a++) {
            if (!claim(router, count, i, route->aliases[a]))
                return false;
        }
    }
    return true;
}

/* Exact paths first, then the more special: at the first segment that differs, a literal one. */
static int more_special(const void *left, const void *right)
{
    const struct path_entry *a = left, *b = right;
    struct str x = a->pattern, y = b->pattern;
    int order = (a->prefix < x.n) - (b->prefix < y.n);
    while (order == 0 && x.n > 0 && y.n > 0) {
        struct str s = str_cut(&x, '/'), t = str_cut(&y, '/');
        order = is_parameter(s) - is_parameter(t);
        if (order == 0 && !is_parameter(s))
            order = str_compare(s, t);
    }
    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

static bool index_exact(struct router *router)
{
    size_t size = 16;
    while (size < 2 * router->exact_count)
        size *= 2;
    router->buckets = calloc(size, sizeof *router->buckets);
    if (!router->buckets)
        return false;
    router->bucket_mask = size - 1;
    for (size_t k = 0; k < router->exact_count; k++) {
        size_t i = hash(router->exact[k].pattern) & router->bucket_mask;
        while (router->buckets[i] != 0)
            i = (i + 1) & router->bucket_mask;
        router->buckets[i] = (uint16_t)(k + 1);
    }
    return true;
}

static bool build(struct router *router)
{
    size_t count = 0;
    if (!claim_all(router, &count))
        return false;
    if (count > 0)
        qsort(router->places, count, sizeof *router->places, more_special);
    while (router->exact_count < count && router->places[router->exact_count].prefix ==
                                              router->places[router->exact_count].pattern.n)
        router->exact_count++;
    router->exact = router->places;
    router->open = router->places + router->exact_count;
    router->open_count = count - router->exact_count;
    return index_exact(router);
}

static void collect(struct router *router, const struct route_table *tables, size_t count)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].n; i++)
            router->routes[router->route_count++] = &tables[t].v[i];
    }
}

struct router *router_new(const struct route_table *tables, size_t count)
{
    size_t n = 0;
    for (size_t t = 0; t < count; t++)
        n += tables[t].n;
    struct router *router = calloc(1, sizeof *router);
    if (!router)
        return NULL;
    router->tables = tables;
    router->table_count = count;
    router->routes = calloc(n + 1, sizeof *router->routes);
    router->places = calloc(n * (1 + ALIASES_MAX) + 1, sizeof *router->places);
    bool built = router->routes && router->places;
    if (built) {
        collect(router, tables, count);
        built = build(router);
    }
    if (!built) {
        router_free(router);
        return NULL;
    }
    return router;
}

const struct route_table *router_tables(const struct router *router, size_t *ret_count)
{
    *ret_count = router->table_count;
    return router->tables;
}

const char *router_area(const struct router *router, const struct route *route)
{
    for (size_t i = 0; i < router->table_count; i++) {
        const struct route_table *table = &router->tables[i];

        if (route >= table->v && route < table->v + table->n)
            return table->area;
    }
    return NULL;
}

void router_free(struct router *router)
{
    if (!router)
        return;
    free(router->buckets);
    free(router->places);
    free(router->routes);
    free(router);
}
