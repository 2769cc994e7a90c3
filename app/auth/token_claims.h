/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the claims of a token whose signature is valid (RFC 7519, section 4.1; docs/api.md,
 * Authentication; hazards W3). */
#ifndef AUTH_TOKEN_CLAIMS_H
#define AUTH_TOKEN_CLAIMS_H

#include <json-c/json.h>

#include "app/auth/principal.h"
#include "app/base/config.h"
#include "app/base/problem.h"

/* Checks the claims. When they are valid, returns true and stores user and role in *ret, and exp in
 * whole milliseconds in *ret_expires_ms. Else sets an AUTH_ERROR, whose message names the claim,
 * and stores nothing. claims: any JSON value of json_parse (without duplicate keys); NULL for null.
 */
bool token_claims_valid(struct json_object *claims, const struct config *config, int64_t now_ms,
                        struct principal *ret, int64_t *ret_expires_ms, struct problem *p);

/* Returns the text of the object's member `name`; its p is NULL when the member is missing or not a
 * string. */
struct str token_string_member(struct json_object *object, const char *name);

#endif
