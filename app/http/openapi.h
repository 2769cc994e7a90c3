/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the OpenAPI 3.1 document from the route tables, which the router, the validation and the
 * rate limits use too, so that it cannot disagree with them. Each alias of a route is a path of its
 * own. */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "app/base/buf.h"
#include "app/http/route.h"

#define OPENAPI_API_VERSION "1.0.0"

/* Appends the document to out; on failure out->failed is set. Also allocates in the arena of out.
 */
void openapi_write(const struct route_table *tables, size_t count, struct buf *out);

#endif
