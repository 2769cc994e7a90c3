/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the OpenAPI 3.1 document from the route tables. The router, the validation of input and
 * the rate limits use the same tables, so the document always agrees with them. Each alias of a
 * route (a second path with the same handler) is a path of the document. */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "app/base/buf.h"
#include "app/http/route.h"

#define OPENAPI_API_VERSION "1.0.0"

/* Appends the document to out and uses the arena of out for its own memory. When out of
 * memory, out->failed is set. today: the UTC day that dates in the examples have, in days since
 * 1970-01-01. */
void openapi_write(const struct route_table *tables, size_t count, int32_t today, struct buf *out);

#endif
