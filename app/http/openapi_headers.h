/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the headers of the OpenAPI document. One table describes each header and says on which
 * routes and responses it occurs. Operations refer to the components that are made from the table.
 */
#ifndef HTTP_OPENAPI_HEADERS_H
#define HTTP_OPENAPI_HEADERS_H

#include <stdbool.h>

#include "app/base/json_write.h"
#include "app/http/route.h"

/* Writes the components `parameters` and `headers`. */
void headers_write_components(struct jw *w);
/* Writes references to the request headers of the route, as elements of its list of parameters. */
void headers_write_request(const struct route *route, struct jw *w);
/* Writes the member `headers` of a response with this status. route: NULL writes the headers that
 * occur on all routes. status: 0 writes the headers that occur with all statuses. */
void headers_write_response(const struct route *route, int status, struct jw *w);
/* Returns whether the errors of this route have headers that the errors of other routes do not
 * have. */
bool headers_extend_errors(const struct route *route);

#endif
