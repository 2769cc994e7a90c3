/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The examples of the OpenAPI document, made from the rules: requests that the engine accepts when
 * it has the demo class of scripts/run (students student-1 to student-3, cohort demo-class). */
#ifndef HTTP_OPENAPI_EXAMPLE_H
#define HTTP_OPENAPI_EXAMPLE_H

#include "app/base/json_write.h"
#include "app/http/route.h"

/* Writes the example of the field under a key. today: the UTC day that dates and times have,
 * in days since 1970-01-01. */
void example_write(const struct rule *rule, const char *key, int32_t today, struct jw *w);
/* Writes the member "example" of a request body, or "examples" when a field of the body selects its
 * form: one example for each choice. many: as a list of one object. */
void example_write_body(const struct route *route, bool many, int32_t today, struct jw *w);

#endif
