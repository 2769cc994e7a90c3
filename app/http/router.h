/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From method and path to a route. The router is built once from the tables and is then read-only;
 * matching allocates nothing. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "app/http/route.h"

struct router;

struct route_match {
    const struct route *route; /* NULL: 404, or 405 when allowed_methods is not 0 */
    size_t index;              /* of the route over all tables, as in router_route */
    unsigned
        allowed_methods;     /* bit per enum http_method that the path has, with HEAD and OPTIONS */
    struct path_values path; /* parameters; the texts point into pattern and path */
};

/* NULL without memory, or when two rows have the same method and path, which is a bug and reported
 * on stderr. The tables must outlive the router. */
struct router *router_new(const struct route_table *tables, size_t count);
void router_free(struct router *router); /* takes NULL */
/* HEAD matches GET's row. Unless sidecar, ROUTE_SIDECAR_ONLY routes do not exist. The path must
 * outlive *ret. */
void router_match(const struct router *router, enum http_method method, struct str path,
                  bool sidecar, struct route_match *ret);
/* The tables that the router was built from. */
const struct route_table *router_tables(const struct router *router, size_t *ret_count);
/* The area (OpenAPI tag) of a route; NULL for a route that is in no table. */
const char *router_area(const struct router *router, const struct route *route);
/* All routes by index, in the order of the tables; index < router_count. */
size_t router_count(const struct router *router);
const struct route *router_route(const struct router *router, size_t index);
/* The value of an Allow header, such as "GET, HEAD, OPTIONS". */
void router_allow_text(unsigned allowed_methods, char ret_text[64]);

#endif
