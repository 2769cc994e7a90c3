/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes nginx's configuration of the route tables. A pattern is a path that may have {parameters};
 * a route has one pattern and perhaps aliases. Each pattern of each route claims a path (struct
 * claim). The claims are sorted so that those with the same path, one per HTTP method, are
 * neighbours and become one location of nginx. A bucket is a rate limit that one route has or
 * several share; nginx counts requests by the variable $bucket, and $limit_class is the bucket's
 * limit in requests a minute. The sidecar is Dapr's process next to the engine, with an nginx
 * server of its own. */
#include "app/ctl/nginx_locations.h"

#include <stdlib.h>

#include "app/http/router.h"

/* The bucket of requests for paths without a route, and its limit. */
#define OTHER_BUCKET "other"
enum { OTHER_PER_MINUTE = 50 };

/* A pattern that claims a path for a route: the route's main pattern or an alias. */
struct claim {
    const char *pattern;
    const struct route *route;
    size_t rank; /* position in the tables; keeps their order, as qsort alone does not */
};

/* Claims sorted by pattern, so that all methods of one path are neighbours. */
struct claims {
    struct claim *v;
    size_t n;
};

/* Returns the name of the route's bucket; a route that shares none has its own. */
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

/* Compares two claims for qsort: by path; within a path routes of the sidecar alone last; then by
 * rank. The first claim of a path names the path's map of buckets, so it must be the same on the
 * public server, which lacks the sidecar's routes. */
static int claim_compare(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    unsigned x_is_last = x->route->flags & ROUTE_SIDECAR_ONLY,
             y_is_last = y->route->flags & ROUTE_SIDECAR_ONLY;
    int order = pattern_compare(x->pattern, y->pattern);

    if (order == 0 && x_is_last != y_is_last)
        order = x_is_last ? 1 : -1;
    if (order == 0)
        order = x->rank < y->rank ? -1 : x->rank > y->rank;
    return order;
}

/* Adds a claim for the route's pattern and for each of its aliases; claims->v has room for them. */
static void claims_add(struct claims *claims, const struct route *route)
{
    const size_t aliases_max = sizeof(route->aliases) / sizeof(route->aliases[0]);

    claims->v[claims->n] = (struct claim){route->pattern, route, claims->n};
    claims->n++;
    for (size_t i = 0; i < aliases_max && route->aliases[i]; i++) {
        claims->v[claims->n] = (struct claim){route->aliases[i], route, claims->n};
        claims->n++;
    }
}

/* Collects the claims of all routes and sorts them. The caller frees ret->v, which is NULL when
 * memory is exhausted; calloc gets one claim more, so that NULL has no other reason. */
static void claims_collect(const struct route_table *tables, size_t count, struct claims *ret)
{
    const size_t patterns_max = 1 + sizeof(((struct route *)0)->aliases) / sizeof(char *);
    size_t routes = 0;

    for (size_t i = 0; i < count; i++)
        routes += tables[i].n;
    *ret = (struct claims){calloc(routes * patterns_max + 1, sizeof(struct claim)), 0};
    if (!ret->v)
        return;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < tables[i].n; k++)
            claims_add(ret, &tables[i].v[k]);
    qsort(ret->v, ret->n, sizeof(ret->v[0]), claim_compare);
}

/* Cuts the claims of one path off the front of *rest and returns them; *rest must not be empty. */
static struct claims claims_cut_path(struct claims *rest)
{
    struct claims path = {rest->v, 0};

    while (path.n < rest->n && pattern_compare(path.v[0].pattern, rest->v[path.n].pattern) == 0)
        path.n++;
    rest->v += path.n;
    rest->n -= path.n;
    return path;
}

/* Removes the claims of the routes that only the sidecar's server has. */
static void claims_drop_sidecar(struct claims *claims)
{
    size_t kept = 0;

    for (size_t i = 0; i < claims->n; i++)
        if (!(claims->v[i].route->flags & ROUTE_SIDECAR_ONLY))
            claims->v[kept++] = claims->v[i];
    claims->n = kept;
}

/* Returns whether all methods of the path have the same bucket; the path then needs no map. */
static bool path_has_one_bucket(struct claims path)
{
    for (size_t i = 1; i < path.n; i++)
        if (strcmp(route_bucket(path.v[0].route), route_bucket(path.v[i].route)) != 0)
            return false;
    return true;
}

/* Returns the first of all claims that has the bucket of the given claim. NULL with a line on
 * standard error when the two claims have different limits. Compares at most all claims, a few
 * hundred. */
static const struct claim *bucket_first_claim(struct claims claims, const struct claim *claim)
{
    const char *bucket = route_bucket(claim->route);

    for (size_t i = 0; i < claims.n; i++) {
        if (strcmp(route_bucket(claims.v[i].route), bucket) != 0)
            continue;
        if (route_limit(claims.v[i].route) == route_limit(claim->route))
            /* claims.v is not local */
            /* cppcheck-suppress returnDanglingLifetime */
            return &claims.v[i];
        (void)fprintf(stderr,
                      "nginx-locations: %s and %s share the bucket %s but have different limits\n",
                      claims.v[i].route->name, claim->route->name, bucket);
        return NULL;
    }
    return claim;
}

/* Prints the map from $bucket to $limit_class, with each bucket once. Returns 0, or -1 when a
 * bucket has two limits. */
static int print_classes(FILE *out, struct claims claims)
{
    (void)fprintf(out, "map $bucket $limit_class {\n    default %d;\n", OTHER_PER_MINUTE);
    for (size_t i = 0; i < claims.n; i++) {
        const struct claim *first = bucket_first_claim(claims, &claims.v[i]);

        if (!first)
            return -1;
        if (first == &claims.v[i])
            (void)fprintf(out, "    %s %d;\n", route_bucket(first->route),
                          route_limit(first->route));
    }
    (void)fputs("}\n", out);
    return 0;
}

/* Prints the map from method to bucket for one path. A method that the path does not have counts in
 * the path's first bucket, because the response 405 costs time too. HEAD counts as GET. */
static void print_method_buckets(FILE *out, struct claims path)
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
static void print_allowed_methods(FILE *out, struct claims rest)
{
    (void)fputs("\nmap $uri $allowed_methods {\n    default \"\";\n", out);
    while (rest.n > 0) {
        const struct claims path = claims_cut_path(&rest);
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

/* Prints all maps. Returns 0, or -1 when a bucket has two limits. */
static int print_maps(FILE *out, struct claims claims)
{
    struct claims rest = claims;

    if (print_classes(out, claims) != 0)
        return -1;
    while (rest.n > 0) {
        struct claims path = claims_cut_path(&rest);

        if (!path_has_one_bucket(path))
            print_method_buckets(out, path);
    }
    print_allowed_methods(out, claims);
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

/* Returns whether an earlier claim of the path has the same limit as the claim at `index`; the
 * limit's file is then included already. */
static bool limit_is_repeated(struct claims path, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (route_limit(path.v[i].route) == route_limit(path.v[index].route))
            return true;
    return false;
}

/* Prints an include line for each limit that a method of the path has. Each included file counts
 * only requests whose $limit_class is its own limit. Probes and scrapes on the sidecar's server,
 * which is reached from this host only, have no limit: refused probes would end the sidecar's
 * subscriptions (hazards Y6). */
static void print_limits(FILE *out, struct claims path, enum nginx_section section)
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

/* Prints the line that sets $bucket: to the path's only bucket, or to the variable of its map. */
static void print_bucket(FILE *out, struct claims path)
{
    if (path_has_one_bucket(path))
        (void)fprintf(out, "    set $bucket %s;\n", route_bucket(path.v[0].route));
    else
        (void)fprintf(out, "    set $bucket $bucket_%zu;\n", path.v[0].rank);
}

/* Prints the location block of one path. A path gets the settings for big bodies, deliveries,
 * networks or static pages if any of its methods has the flag. Only if all its methods have the
 * flag, requests with dapr-api-token are exempt from rate limits; the engine compares that token
 * with the sidecar's (pipeline/authenticate.c). */
static void print_location(FILE *out, struct claims path, enum nginx_section section)
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
    else if (any_flags & ROUTE_XAPI) /* its errors need headers that nginx.conf adds */
        (void)fputs("    fastcgi_pass engine;\n}\n", out);
    else
        (void)fputs("    include engine.conf;\n}\n", out);
}

/* Prints the locations of all paths, and at the end those of requests without one: paths that no
 * route has, and methods for which nginx chooses no location (conf/nginx/errors.conf). */
static void print_locations(FILE *out, struct claims rest, enum nginx_section section)
{
    static const char *const others[] = {"/", "@method-not-allowed"};
    const char *server = section == NGINX_SIDECAR ? "sidecar" : "public";

    while (rest.n > 0)
        print_location(out, claims_cut_path(&rest), section);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        (void)fprintf(out,
                      "location %s {\n    set $bucket " OTHER_BUCKET ";\n"
                      "    include limit-%s-%d.conf;\n    fastcgi_pass engine;\n}\n",
                      others[i], server, OTHER_PER_MINUTE);
}

/* Collects the claims and prints the section. The maps are made of all claims, because both servers
 * use the same maps; only the locations of the public server leave the sidecar's routes out. A
 * failure to write is found at the end, by ferror. */
int nginx_locations_print(FILE *out, const struct route_table *tables, size_t count,
                          enum nginx_section section)
{
    struct claims claims;
    int status = 0;

    claims_collect(tables, count, &claims);
    if (!claims.v) {
        (void)fputs("nginx-locations: out of memory\n", stderr);
        return -1;
    }
    if (section == NGINX_PUBLIC)
        claims_drop_sidecar(&claims);
    if (section == NGINX_MAPS)
        status = print_maps(out, claims);
    else
        print_locations(out, claims, section);
    free(claims.v);
    if (fflush(out) != 0 || ferror(out)) {
        perror("nginx-locations: writing");
        return -1;
    }
    return status;
}
