/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes an error response of a problem (docs/api.md, Errors). No other file does. */
#ifndef HTTP_PROBLEM_RESPONSE_H
#define HTTP_PROBLEM_RESPONSE_H

#include "app/base/problem.h"
#include "app/http/response.h"

/* Replaces the contents of r, and adds the headers that the code requires (WWW-Authenticate,
 * Retry-After, Accept). */
void problem_respond(const struct problem *p, struct str correlation_id, struct http_response *r);
/* Writes only the object {"code","message","details"}, as member `key`. */
void problem_write(const struct problem *p, const char *key, struct jw *w);

#endif
