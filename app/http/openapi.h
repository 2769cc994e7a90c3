/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The OpenAPI 3.1 document, made from the route tables: what it says is what the router, the
 * validation and the limits do. Each alias of a route is a path of its own. */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "app/base/buf.h"
#include "app/http/route.h"

#define OPENAPI_API_VERSION "1.0.0"

/* Appends the whole document to out; sticky as all appending. Allocates in out's arena besides. */
void openapi_write(const struct route_table *tables, size_t count, struct buf *out);

#endif
