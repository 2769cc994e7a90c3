/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The errors of the OpenAPI document: one table says which routes can respond with which error. */
#ifndef HTTP_OPENAPI_ERRORS_H
#define HTTP_OPENAPI_ERRORS_H

#include "app/base/json_write.h"
#include "app/http/route.h"

/* Writes the components `schemas` and `responses`. */
void errors_write_components(struct jw *w);
/* Writes the errors of a route, as members of its responses. The last one, "default", covers all
 * that are not listed: those that nginx makes, and those that depend on no route. */
void errors_write_responses(const struct route *route, struct jw *w);

#endif
