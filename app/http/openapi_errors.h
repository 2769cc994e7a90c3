/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the errors of the OpenAPI document. One table says which error a route can respond with.
 */
#ifndef HTTP_OPENAPI_ERRORS_H
#define HTTP_OPENAPI_ERRORS_H

#include "app/base/json_write.h"
#include "app/http/route.h"

/* Writes the schema that all errors have, as a member of the components `schemas`. */
void errors_write_schema(struct jw *w);
/* Writes the components `responses`. */
void errors_write_components(struct jw *w);
/* Writes the errors that a route can respond with, each as a member named by its status. The last
 * member, "default", covers all other errors, such as those that nginx makes. */
void errors_write_responses(const struct route *route, struct jw *w);

#endif
