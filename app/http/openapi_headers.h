/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of the OpenAPI document: one table says what each means, which routes take or give it
 * and on which answers; operations refer to it. */
#ifndef HTTP_OPENAPI_HEADERS_H
#define HTTP_OPENAPI_HEADERS_H

#include <stdbool.h>

#include "app/base/json_write.h"
#include "app/http/route.h"

/* The components `parameters` and `headers`. */
void headers_write_components(struct jw *w);
/* Those that the route takes, as elements of its parameters. */
void headers_write_request(const struct route *route, struct jw *w);
/* The member `headers` of an answer of this status. route NULL: of whatever route; status 0: only
 * what every answer has. */
void headers_write_response(const struct route *route, int status, struct jw *w);
/* Whether the route's errors have more headers than everybody's. */
bool headers_extend_errors(const struct route *route);

#endif
