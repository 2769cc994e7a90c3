/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a token says once its signature is known to be good (api-contract section 2, RFC 7519
 * section 4.1, hazards W3). */
#ifndef AUTH_TOKEN_CLAIMS_H
#define AUTH_TOKEN_CLAIMS_H

#include <json-c/json.h>

#include "app/auth/principal.h"
#include "app/base/config.h"

/* NULL when the claims make their bearer *ret; otherwise why not, for the client, with nothing
 * written. claims: any JSON value, NULL for null; strictly parsed before (no duplicates).
 * *ret_expires_ms: when the token ends, whole milliseconds, cut. */
const char *token_claims_error(struct json_object *claims, const struct config *config,
                               int64_t now_ms, struct principal *ret, int64_t *ret_expires_ms);

/* A string member as text, p NULL when it is missing or no string. */
struct str token_string_member(struct json_object *object, const char *name);

#endif
