/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the part of nginx's configuration that follows from the route tables, so that nginx's rate
 * limits and locations always match the routes. A bucket is a rate limit that one route has or
 * several routes share. scripts/render-nginx combines this part with the templates of conf/nginx,
 * which define these names:
 *
 *   $bucket          name of the request's bucket, which the access log shows as the route
 *   $limit_exempt    when it is not empty, no rate limit counts the request
 *   $engine_accept   value of the header Accept for the engine
 *   limit-public-N.conf, limit-sidecar-N.conf   limit_req lines for routes with N requests a minute
 *   metrics-allow.conf                          networks that may read the metrics
 *   engine                                      nginx's upstream: the engine's processes
 */
#ifndef CTL_NGINX_LOCATIONS_H
#define CTL_NGINX_LOCATIONS_H

#include <stdio.h>

#include "app/http/route.h"

enum nginx_section {
    NGINX_MAPS,   /* maps for http{}: from $bucket to $limit_class (requests a minute, 0: no limit),
                   * and from method to bucket for paths whose methods differ in the rate limit */
    NGINX_PUBLIC, /* locations of the public server: the routes that clients may use */
    NGINX_SIDECAR, /* locations of the server for Dapr's sidecar: all routes */
};

/* Prints one section from the `count` tables of routes. Returns 0. Returns -1, after a line on
 * standard error, when two routes give one bucket different limits, when memory is exhausted, or
 * when `out` cannot be written. */
int nginx_locations_print(FILE *out, const struct route_table *tables, size_t count,
                          enum nginx_section section);

#endif
