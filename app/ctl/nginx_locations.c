/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the part of nginx's configuration that follows from the route tables. A pattern is a path
 * that may have {parameters}; a route has one main pattern and perhaps aliases. Each pattern of
 * each route is a struct path_route. They are sorted so that those with the same path, one for each
 * HTTP method, are neighbours and become one location of nginx. A bucket is a rate limit that one
 * route has or several share. nginx counts requests by the variable $bucket; $limit_class is the
 * bucket's limit in requests a minute. The sidecar is Dapr's process next to the engine, for which
 * nginx has a separate server. */
#include "app/ctl/nginx_locations.h"

#include <stdlib.h>

#include "app/http/router.h"

/* The rate limit (bucket) of requests for paths without a route: name and requests a minute. */
#define OTHER_BUCKET "other"
enum { OTHER_PER_MINUTE = 50 };

/* A path of a route: its main pattern or an alias. */
struct path_route {
    const char *pattern;
    const struct route *route;
    size_t rank; /* position in the route tables, because qsort would not keep their order */
};

/* Routes sorted by path, so that all methods of one path are neighbours. */
struct path_routes {
    struct path_route *v;
    size_t n;
};

/* Returns the name of the route's bucket: one that routes share, or the route's own rate limit. */
static const char *route_bucket(const struct route *route)
{
    return route->bucket ? route->bucket : route->name;
}

/* Returns the route's limit in requests a minute; 0: no limit. */
static int route_limit(const struct route *route)
{
    return route->flags & ROUTE_UNLIMITED ? 0 : route->limit_per_minute;
}

/* Returns the end of the path segment that p points into: the next '/' or the NUL. */
static const char *segment_end(const char *p)
{
    return p + strcspn(p, "/");
}

/* Compares two patterns for qsort. A {parameter} is greater than any literal text, because nginx
 * uses the first location that matches and the engine's router prefers literals. Parameters with
 * different names are equal. */
static int pattern_compare(const char *a, const char *b)
{
    while (*a && *b) {
        if ((*a == '{') != (*b == '{'))
            return *a == '{' ? 1 : -1;
        if (*a == '{') {
            a = segment_end(a);
            b = segment_end(b);
        } else if (*a == *b) {
            a++;
            b++;
        } else {
            return (unsigned char)*a - (unsigned char)*b;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

/* Compares two routes for qsort: by path; within a path, routes that only the sidecar (Dapr's
 * process) may use are last; then by rank, the position in the route tables. The first route of a
 * path gives the path's map of buckets its name, so it must be the same on the public server, which
 * lacks the sidecar's routes. */
static int path_route_compare(const void *a, const void *b)
{
    const struct path_route *left = a, *right = b;
    bool left_is_last = left->route->flags & ROUTE_SIDECAR_ONLY,
         right_is_last = right->route->flags & ROUTE_SIDECAR_ONLY;
    int order = pattern_compare(left->pattern, right->pattern);

    if (order == 0 && left_is_last != right_is_last)
        order = left_is_last ? 1 : -1;
    if (order == 0)
        order = (left->rank > right->rank) - (left->rank < right->rank);
    return order;
}

/* Adds the route with its pattern and with each of its aliases; all->v has room for them. The rank
 * of each is its position in the order of the tables. */
static void path_routes_add(struct path_routes *all, const struct route *route)
{
    const size_t aliases_max = sizeof(route->aliases) / sizeof(route->aliases[0]);

    all->v[all->n] = (struct path_route){route->pattern, route, all->n};
    all->n++;
    for (size_t i = 0; i < aliases_max && route->aliases[i]; i++) {
        all->v[all->n] = (struct path_route){route->aliases[i], route, all->n};
        all->n++;
    }
}

/* Collects all routes with all their paths, and sorts them. The caller frees ret->v; it is NULL
 * only when out of memory, because calloc gets one element more than needed. */
static void path_routes_collect(const struct route_table *tables, size_t count,
                                struct path_routes *ret)
{
    const size_t patterns_max = 1 + sizeof(((struct route *)0)->aliases) / sizeof(char *);
    size_t routes = 0;

    for (size_t i = 0; i < count; i++)
        routes += tables[i].n;
    *ret = (struct path_routes){calloc(routes * patterns_max + 1, sizeof(struct path_route)), 0};
    if (!ret->v)
        return;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < tables[i].n; k++)
            path_routes_add(ret, &tables[i].v[k]);
    }
    qsort(ret->v, ret->n, sizeof(ret->v[0]), path_route_compare);
}

/* Removes the routes of the first path from *rest and returns them; *rest must not be empty. */
static struct path_routes path_routes_next(struct path_routes *rest)
{
    struct path_routes path = {rest->v, 0};

    while (path.n < rest->n && pattern_compare(path.v[0].pattern, rest->v[path.n].pattern) == 0)
        path.n++;
    rest->v += path.n;
    rest->n -= path.n;
    return path;
}

/* Removes the routes that only the sidecar's server has. */
static void path_routes_drop_sidecar(struct path_routes *all)
{
    size_t count = 0;

    for (size_t i = 0; i < all->n; i++)
        if (!(all->v[i].route->flags & ROUTE_SIDECAR_ONLY))
            all->v[count++] = all->v[i];
    all->n = count;
}

/* Returns whether all methods of the path have the same rate limit (bucket); then no map from
 * method to bucket is needed. */
static bool path_has_one_bucket(struct path_routes path)
{
    for (size_t i = 1; i < path.n; i++)
        if (strcmp(route_bucket(path.v[0].route), route_bucket(path.v[i].route)) != 0)
            return false;
    return true;
}

/* Returns the first of all routes that has the same bucket (shared rate limit) as the given route.
 * Returns NULL, with a line on standard error, when the limits of the two differ. A linear search
 * is enough for a few hundred routes. */
static const struct path_route *bucket_first_route(struct path_routes all,
                                                   const struct path_route *one)
{
    const char *bucket = route_bucket(one->route);

    for (size_t i = 0; i < all.n; i++) {
        if (strcmp(route_bucket(all.v[i].route), bucket) != 0)
            continue;
        if (route_limit(all.v[i].route) == route_limit(one->route))
            /* only `all` is local: the array that all.v points to outlives it */
            /* cppcheck-suppress returnDanglingLifetime */
            return &all.v[i];
        (void)fprintf(stderr,
                      "nginx-locations: %s and %s share the bucket %s but have different limits\n",
                      all.v[i].route->name, one->route->name, bucket);
        return NULL;
    }
    return one;
}

/* Prints the map from $bucket to $limit_class (requests a minute), with each bucket once. Returns
 * 0, or -1 when routes give the bucket that they share different limits. */
static int print_limit_classes(FILE *out, struct path_routes all)
{
    (void)fprintf(out, "map $bucket $limit_class {\n    default %d;\n", OTHER_PER_MINUTE);
    for (size_t i = 0; i < all.n; i++) {
        const struct path_route *first = bucket_first_route(all, &all.v[i]);

        if (!first)
            return -1;
        if (first == &all.v[i])
            (void)fprintf(out, "    %s %d;\n", route_bucket(first->route),
                          route_limit(first->route));
    }
    (void)fputs("}\n", out);
    return 0;
}

/* Prints the map from method to bucket (name of the rate limit) for one path. A method that the
 * path does not have is counted in the path's first bucket, because the response 405 costs time,
 * too. HEAD is counted like GET. */
static void print_method_buckets(FILE *out, struct path_routes path)
{
    (void)fprintf(out, "\n# %s\nmap $request_method $bucket_%zu {\n    default %s;\n",
                  path.v[0].pattern, path.v[0].rank, route_bucket(path.v[0].route));
    for (size_t i = 0; i < path.n; i++) {
        const struct route *route = path.v[i].route;

        (void)fprintf(out, "    %s %s;\n", http_method_name(route->method), route_bucket(route));
        if (route->method == GET)
            (void)fprintf(out, "    HEAD %s;\n", route_bucket(route));
    }
    (void)fputs("}\n", out);
}

/* Prints n characters of a pattern, with a backslash before each that is special in a regular
 * expression. */
static void print_literal(FILE *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(".+*?()[]|^$\\", p[i]))
            (void)fputc('\\', out);
        (void)fputc(p[i], out);
    }
}

/* Prints a pattern as a regular expression in which each {parameter} matches one segment of the
 * path. */
static void print_regex(FILE *out, const char *pattern)
{
    (void)fputc('^', out);
    for (const char *p = pattern; *p;) {
        size_t n = strcspn(p, "{");

        print_literal(out, p, n);
        p += n;
        if (*p) {
            (void)fputs("[^/]+", out);
            p = segment_end(p);
        }
    }
    (void)fputc('$', out);
}

/* Prints the map from path to the methods of its routes on the public server, for the header Allow
 * of responses to CORS preflights, which nginx makes. */
static void print_allowed_methods(FILE *out, struct path_routes rest)
{
    (void)fputs("\nmap $uri $allowed_methods {\n    default \"\";\n", out);
    while (rest.n > 0) {
        const struct path_routes path = path_routes_next(&rest);
        unsigned methods = 0;
        char text[64];

        for (size_t i = 0; i < path.n; i++)
            if (!(path.v[i].route->flags & ROUTE_SIDECAR_ONLY))
                methods |= router_allowed_methods(path.v[i].route->method);
        if (methods == 0)
            continue;
        router_allow_text(methods, text);
        (void)fputs("    \"~", out);
        print_regex(out, path.v[0].pattern);
        (void)fprintf(out, "\" \"%s\";\n", text);
    }
    (void)fputs("}\n", out);
}

/* Prints all maps: of limits, of rate limits (buckets) by method for paths whose methods differ in
 * them, and of allowed methods. Returns 0, or -1 when a bucket has two limits. */
static int print_maps(FILE *out, struct path_routes all)
{
    struct path_routes rest = all;

    if (print_limit_classes(out, all) != 0)
        return -1;
    while (rest.n > 0) {
        struct path_routes path = path_routes_next(&rest);

        if (!path_has_one_bucket(path))
            print_method_buckets(out, path);
    }
    print_allowed_methods(out, all);
    return 0;
}

/* Prints the first line of a location: a regular expression for a pattern with parameters, else an
 * exact match (=), which nginx finds without trying any regular expression. */
static void print_match(FILE *out, const char *pattern)
{
    if (strchr(pattern, '{')) {
        (void)fputs("location ~ \"", out);
        print_regex(out, pattern);
        (void)fputs("\" {\n", out);
    } else {
        (void)fprintf(out, "location = %s {\n", pattern);
    }
}

/* Returns whether an earlier method of the path has the same limit as the one at `index`; the
 * limit's file is then included already. */
static bool limit_is_repeated(struct path_routes path, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (route_limit(path.v[i].route) == route_limit(path.v[index].route))
            return true;
    return false;
}

/* Prints an include line for each limit that a method of the path has. Each included file only
 * counts requests whose $limit_class is the file's limit. On the sidecar's server, which can be
 * reached only from this host, probes and scrapes (the routes with ROUTE_SERVED_LATE) have no
 * limit: refused probes would end the sidecar's subscriptions (hazards Y6). */
static void print_limits(FILE *out, struct path_routes path, enum nginx_section section)
{
    const char *server = section == NGINX_SIDECAR ? "sidecar" : "public";

    for (size_t i = 0; i < path.n; i++) {
        int limit = route_limit(path.v[i].route);

        if (section == NGINX_SIDECAR && path.v[i].route->flags & ROUTE_SERVED_LATE)
            continue;
        if (limit > 0 && !limit_is_repeated(path, i))
            (void)fprintf(out, "    include limit-%s-%d.conf;\n", server, limit);
    }
}

/* Prints the line that sets $bucket (name of the rate limit): to the path's only one, or to the
 * variable of the path's map. */
static void print_bucket(FILE *out, struct path_routes path)
{
    if (path_has_one_bucket(path))
        (void)fprintf(out, "    set $bucket %s;\n", route_bucket(path.v[0].route));
    else
        (void)fprintf(out, "    set $bucket $bucket_%zu;\n", path.v[0].rank);
}

/* Prints the location block of one path. The path gets the settings for big bodies, deliveries,
 * networks or static pages if any of its methods has the flag. Requests with dapr-api-token are
 * exempt from rate limits only if all its methods have the flag; the engine compares that token
 * with the sidecar's (pipeline/authenticate.c). */
static void print_location(FILE *out, struct path_routes path, enum nginx_section section)
{
    unsigned any_flags = 0, all_flags = ~0U;

    for (size_t i = 0; i < path.n; i++) {
        any_flags |= path.v[i].route->flags;
        all_flags &= path.v[i].route->flags;
    }
    print_match(out, path.v[0].pattern);
    print_bucket(out, path);
    if (section == NGINX_SIDECAR && all_flags & ROUTE_SIDECAR_TRUSTED)
        (void)fputs("    set $limit_exempt $http_dapr_api_token;\n", out);
    print_limits(out, path, section);
    if (section == NGINX_PUBLIC && any_flags & (ROUTE_CLOUDEVENTS | ROUTE_WEBHOOK))
        (void)fputs("    include cloudevents.conf;\n", out);
    if (any_flags & ROUTE_DELIVERY)
        (void)fputs("    include delivery.conf;\n", out);
    else if (any_flags & ROUTE_BIG_BODY)
        (void)fputs("    client_max_body_size 4m;\n", out);
    if (any_flags & ROUTE_NETWORK_ALLOWLIST)
        (void)fputs("    include metrics-allow.conf;\n    set $engine_accept $http_accept;\n", out);
    if (any_flags & ROUTE_STATIC_PAGE)
        (void)fputs("    include docs.conf;\n}\n", out);
    else if (any_flags & ROUTE_XAPI) /* nginx.conf adds headers that errors of xAPI routes need */
        (void)fputs("    fastcgi_pass engine;\n}\n", out);
    else
        (void)fputs("    include engine.conf;\n}\n", out);
}

/* Prints the locations of all paths and, at the end, those for requests without a route, which
 * share a rate limit (bucket): unknown paths, and methods for which nginx chooses no location
 * (conf/nginx/errors.conf). */
static void print_locations(FILE *out, struct path_routes rest, enum nginx_section section)
{
    static const char *const others[] = {"/", "@method-not-allowed"};
    const char *server = section == NGINX_SIDECAR ? "sidecar" : "public";

    while (rest.n > 0)
        print_location(out, path_routes_next(&rest), section);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        (void)fprintf(out,
                      "location %s {\n    set $bucket " OTHER_BUCKET ";\n"
                      "    include limit-%s-%d.conf;\n    fastcgi_pass engine;\n}\n",
                      others[i], server, OTHER_PER_MINUTE);
}

/* Collects the routes and prints the section. The maps are made from all routes, because both
 * servers use them; only the locations of the public server lack the sidecar's routes. ferror finds
 * a failed write at the end. */
int nginx_locations_print(FILE *out, const struct route_table *tables, size_t count,
                          enum nginx_section section)
{
    struct path_routes all;
    int status = 0;

    path_routes_collect(tables, count, &all);
    if (!all.v) {
        (void)fputs("nginx-locations: out of memory\n", stderr);
        return -1;
    }
    if (section == NGINX_PUBLIC)
        path_routes_drop_sidecar(&all);
    if (section == NGINX_MAPS)
        status = print_maps(out, all);
    else
        print_locations(out, all, section);
    free(all.v);
    if (fflush(out) != 0 || ferror(out)) {
        perror("nginx-locations: writing");
        return -1;
    }
    return status;
}
