/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The errors of the OpenAPI document: one table says which routes answer which. */
#ifndef HTTP_OPENAPI_ERRORS_H
#define HTTP_OPENAPI_ERRORS_H

#include "app/base/json_write.h"
#include "app/http/route.h"

/* The components `schemas` and `responses`. */
void errors_write_components(struct jw *w);
/* Those of a route, as members of its responses; the last one stands for all that are not listed:
 * nginx's own, and what concerns no route in particular. */
void errors_write_responses(const struct route *route, struct jw *w);

#endif
