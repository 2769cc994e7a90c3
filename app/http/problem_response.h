/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the response of a problem, which is an error on its way to the client (docs/api.md,
 * Errors). All error responses of the engine are made here. */
#ifndef HTTP_PROBLEM_RESPONSE_H
#define HTTP_PROBLEM_RESPONSE_H

#include "app/base/problem.h"
#include "app/http/response.h"

/* Replaces status, headers and body of the response by the error. Adds the headers that the code of
 * the problem requires (WWW-Authenticate, Retry-After, Accept). */
void problem_respond(const struct problem *p, struct str correlation_id,
                     struct http_response *response);
/* Writes the error as an object {"code","message","details"} under the name `key`, for an error
 * that is part of another response. */
void problem_write(const struct problem *p, const char *key, struct jw *w);

#endif
