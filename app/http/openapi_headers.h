/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of the OpenAPI document. One table describes each header and says on which routes and
 * responses it occurs; operations refer to the components made from it. */
#ifndef HTTP_OPENAPI_HEADERS_H
#define HTTP_OPENAPI_HEADERS_H

#include <stdbool.h>

#include "app/base/json_write.h"
#include "app/http/route.h"

/* Writes the components `parameters` and `headers`. */
void headers_write_components(struct jw *w);
/* Writes the request headers of the route, as elements of its list of parameters. */
void headers_write_request(const struct route *route, struct jw *w);
/* Writes the member `headers` of a response with this status. route NULL: only the headers of all
 * routes; status 0: only those of all responses. */
void headers_write_response(const struct route *route, int status, struct jw *w);
/* Whether errors of this route have headers that errors of other routes do not have. */
bool headers_extend_errors(const struct route *route);

#endif
