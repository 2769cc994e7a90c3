/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one place where a problem becomes an HTTP error answer (api-contract section 1). */
#ifndef HTTP_PROBLEM_RESPONSE_H
#define HTTP_PROBLEM_RESPONSE_H

#include "app/base/problem.h"
#include "app/http/response.h"

/* Replaces whatever r held; headers that the code calls for are set too (WWW-Authenticate,
 * Retry-After, Accept). */
void problem_respond(const struct problem *p, struct str correlation_id, struct http_response *r);
/* {"code","message","details"} alone, for `error` inside a process answer. */
void problem_write(const struct problem *p, const char *key, struct jw *w);

#endif
