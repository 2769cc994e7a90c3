/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From route tables to nginx configuration. Every pattern of every route is a claim on a path; the
 * claims are sorted, so that those of one path are neighbours and become one location. A bucket is
 * a rate limit that several routes may share; nginx counts it by the variable $bucket. */
#include "app/ctl/nginx_locations.h"

#include <stdlib.h>

/* Requests for paths without a route share this rate-limit bucket. */
#define OTHER_BUCKET "other"
enum { OTHER_PER_MINUTE = 50 };

/* One pattern of one route: its canonical one or an alias. */
struct claim {
    const char *pattern;
    const struct route *route;
    size_t rank; /* position in the tables: qsort is not stable by itself */
};

/* Claims sorted by pattern, so that all methods of one path are neighbours. */
struct claims {
    struct claim *v;
    size_t n;
};

static const char *route_bucket(const struct route *route)
{
    return route->bucket ? route->bucket : route->name;
}

static int route_limit(const struct route *route)
{
    return route->flags & ROUTE_UNLIMITED ? 0 : route->limit_per_minute;
}

/* The end of the path segment at p. */
static const char *segment_end(const char *p)
{
    return p + strcspn(p, "/");
}

/* Sorts literals before parameters: nginx uses the first regular expression that matches, and the
 * router prefers literals. The names of parameters do not matter. */
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

/* Within a path, routes of the sidecar alone come last: the first claim is then the same on both
 * servers, and with it the name of the path's map. */
static int claim_compare(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    unsigned x_hidden = x->route->flags & ROUTE_SIDECAR_ONLY,
             y_hidden = y->route->flags & ROUTE_SIDECAR_ONLY;
    int order = pattern_compare(x->pattern, y->pattern);

    if (order == 0 && x_hidden != y_hidden)
        order = x_hidden ? 1 : -1;
    if (order == 0)
        order = x->rank < y->rank ? -1 : x->rank > y->rank;
    return order;
}

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

/* Collects the claims of all routes, sorted. The caller frees ret->v, which is NULL without memory.
 */
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

/* Cuts the claims of one path off the front of *rest. */
static struct claims claims_cut_path(struct claims *rest)
{
    struct claims path = {rest->v, 0};

    while (path.n < rest->n && pattern_compare(path.v[0].pattern, rest->v[path.n].pattern) == 0)
        path.n++;
    rest->v += path.n;
    rest->n -= path.n;
    return path;
}

/* Removes the routes that only the sidecar's server has. */
static void claims_drop_sidecar(struct claims *claims)
{
    size_t kept = 0;

    for (size_t i = 0; i < claims->n; i++)
        if (!(claims->v[i].route->flags & ROUTE_SIDECAR_ONLY))
            claims->v[kept++] = claims->v[i];
    claims->n = kept;
}

/* Whether all methods of the path share one bucket, which then needs no map. */
static bool path_has_one_bucket(struct claims path)
{
    for (size_t i = 1; i < path.n; i++)
        if (strcmp(route_bucket(path.v[0].route), route_bucket(path.v[i].route)) != 0)
            return false;
    return true;
}

/* The first claim of the same bucket. NULL with a line on standard error when their limits differ.
 */
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

/* map $bucket -> $limit_class: the requests a minute of each bucket. */
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

/* Methods that the path does not have count in its first bucket: answering 405 costs as well. */
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
    return 0;
}

/* Escapes what is special in a regular expression. */
static void print_literal(FILE *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(".+*?()[]|^$\\", p[i]))
            (void)fputc('\\', out);
        (void)fputc(p[i], out);
    }
}

/* A pattern with parameters as a regular expression: each {parameter} matches one segment. */
static void print_regex(FILE *out, const char *pattern)
{
    (void)fputs("location ~ \"^", out);
    for (const char *p = pattern; *p;) {
        size_t n = strcspn(p, "{");

        print_literal(out, p, n);
        p += n;
        if (*p) {
            (void)fputs("[^/]+", out);
            p = segment_end(p);
        }
    }
    (void)fputs("$\" {\n", out);
}

static void print_match(FILE *out, const char *pattern)
{
    if (strchr(pattern, '{'))
        print_regex(out, pattern);
    else
        (void)fprintf(out, "location = %s {\n", pattern);
}

/* Whether an earlier claim of the path has the same limit, whose zone is then included already. */
static bool limit_is_repeated(struct claims path, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (route_limit(path.v[i].route) == route_limit(path.v[before].route))
            return true;
    return false;
}

/* A path whose methods have several limits includes the zone of each; a zone counts only requests
 * of its own limit. */
static void print_limits(FILE *out, struct claims path, const char *server)
{
    for (size_t i = 0; i < path.n; i++) {
        int class = route_limit(path.v[i].route);

        if (class > 0 && !limit_is_repeated(path, i))
            (void)fprintf(out, "    include limit-%s-%d.conf;\n", server, class);
    }
}

static void print_bucket(FILE *out, struct claims path)
{
    if (path_has_one_bucket(path))
        (void)fprintf(out, "    set $bucket %s;\n", route_bucket(path.v[0].route));
    else
        (void)fprintf(out, "    set $bucket $bucket_%zu;\n", path.v[0].rank);
}

/* One location block. Flags that any method of the path has decide the body size and the access
 * list. */
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
    print_limits(out, path, section == NGINX_SIDECAR ? "sidecar" : "public");
    if (any_flags & ROUTE_BIG_BODY)
        (void)fputs("    client_max_body_size 4m;\n    client_body_buffer_size 4m;\n", out);
    if (any_flags & ROUTE_NETWORK_ALLOWLIST)
        (void)fputs("    include metrics-allow.conf;\n    set $engine_accept $http_accept;\n", out);
    if (any_flags & ROUTE_STATIC_PAGE)
        (void)fputs("    include docs.conf;\n}\n", out);
    else
        (void)fputs("    fastcgi_pass engine;\n}\n", out);
}

static void print_locations(FILE *out, struct claims rest, enum nginx_section section)
{
    const char *server = section == NGINX_SIDECAR ? "sidecar" : "public";

    while (rest.n > 0)
        print_location(out, claims_cut_path(&rest), section);
    (void)fprintf(out,
                  "location / {\n    set $bucket " OTHER_BUCKET ";\n"
                  "    include limit-%s-%d.conf;\n    fastcgi_pass engine;\n}\n",
                  server, OTHER_PER_MINUTE);
}

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
