/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From method and path to a route. Built once from the tables; matching allocates nothing. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "app/http/route.h"

struct router;

struct route_match {
    const struct route *route; /* NULL: 404, or 405 when allowed_methods is not 0 */
    size_t index;              /* of the route over all tables: metrics' endpoint */
    unsigned
        allowed_methods; /* bit per enum http_method that the path knows, HEAD and OPTIONS too */
    struct path_values path;
};

/* NULL without memory or when two rows claim the same method and path (a bug, said on stderr).
 * Tables must outlive the router. */
struct router *router_new(const struct route_table *tables, size_t count);
void router_free(struct router *router);
/* HEAD matches GET's row. A sidecar-only route does not exist for other listeners. */
void router_match(const struct router *router, enum http_method method, struct str path,
                  bool sidecar, struct route_match *ret);
/* The tables that the router was built from. */
const struct route_table *router_tables(const struct router *router, size_t *ret_count);
/* The area (OpenAPI tag) of a route; NULL for a route that is in no table. */
const char *router_area(const struct router *router, const struct route *route);
size_t router_count(const struct router *router);
const struct route *router_route(const struct router *router, size_t index);
/* "GET, HEAD, OPTIONS" */
void router_allow_text(unsigned allowed_methods, char ret_text[64]);

#endif
