/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the route (row of the table of endpoints) for a method and a path. The router is built once
 * from the route tables and does not change afterwards. Finding a route allocates no memory. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "app/http/route.h"

struct router;

struct route_match {
    const struct route *route; /* NULL: 404, or 405 when allowed_methods is not 0 */
    size_t index;              /* index of the route, a parameter of router_route */
    unsigned allowed_methods;  /* bit 1 << m for each enum http_method m that the path has */
    struct path_values path;   /* path parameters; their texts point into pattern and path */
};

/* Builds a router of count tables. Returns NULL when out of memory, and when two rows have the same
 * method and path, which is a bug and is reported on stderr. The tables must outlive the router. */
struct router *router_new(const struct route_table *tables, size_t count);
void router_free(struct router *router); /* NULL is allowed */
/* Finds the route of a method and path. HEAD finds the route of GET. sidecar: whether the request
 * came by the sidecar's listener; else routes with ROUTE_SIDECAR_ONLY do not exist. The path must
 * outlive *ret. */
void router_match(const struct router *router, enum http_method method, struct str path,
                  bool sidecar, struct route_match *ret);
/* Returns the tables that the router was built from. */
const struct route_table *router_tables(const struct router *router, size_t *ret_count);
/* Returns the area (OpenAPI tag) of a route; NULL for a route that is in no table. */
const char *router_area(const struct router *router, const struct route *route);
/* Returns the number of routes. */
size_t router_count(const struct router *router);
/* Returns the route with this index, in the order of the tables; index < router_count. */
const struct route *router_route(const struct router *router, size_t index);
/* Returns the methods that a path allows because it has a route of this method, as bits 1 << m
 * (route_match.allowed_methods). A route of GET also allows HEAD, and every route OPTIONS. */
unsigned router_allowed_methods(enum http_method method);
/* Writes the value of an Allow header, such as "GET, HEAD, OPTIONS". allowed_methods: bits 1 << m.
 */
void router_allow_text(unsigned allowed_methods, char ret_text[64]);

#endif
