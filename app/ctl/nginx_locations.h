/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the section of nginx's configuration that follows from the route tables, so that nginx's
 * limits and locations cannot differ from the routes. scripts/render-nginx joins it with the
 * templates of conf/nginx, which define what is used here:
 *
 *   $bucket          the rate-limit bucket of the request; also the route in the access log
 *   $limit_exempt    not empty: no rate limit counts the request
 *   $engine_accept   passed on to the engine as Accept
 *   limit-public-N.conf, limit-sidecar-N.conf   limit_req lines of the routes with N a minute
 *   metrics-allow.conf                          networks that may read the metrics
 *   engine                                      the upstream
 */
#ifndef CTL_NGINX_LOCATIONS_H
#define CTL_NGINX_LOCATIONS_H

#include <stdio.h>

#include "app/http/route.h"

enum nginx_section {
    NGINX_MAPS,    /* for http{}: $bucket -> $limit_class (requests a minute, 0: no limit), and the
                    * $bucket of paths whose methods have different buckets */
    NGINX_PUBLIC,  /* locations of the public server, without the sidecar's routes */
    NGINX_SIDECAR, /* locations of the sidecar's server: all routes */
};

/* Returns 0, or -1 after a line on standard error: two rows give one bucket different limits,
 * memory is short, or out cannot be written. */
int nginx_locations_print(FILE *out, const struct route_table *tables, size_t count,
                          enum nginx_section section);

#endif
