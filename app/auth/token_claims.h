/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the claims of a token whose signature is valid (RFC 7519, section 4.1; docs/api.md,
 * Authentication; hazards W3). */
#ifndef AUTH_TOKEN_CLAIMS_H
#define AUTH_TOKEN_CLAIMS_H

#include <json-c/json.h>

#include "app/auth/principal.h"
#include "app/base/config.h"

/* Returns NULL and fills *ret when the claims are valid now; else why they are not, for the client,
 * and writes nothing. claims: any JSON value, NULL for null, parsed by json_parse (no duplicate
 * keys). *ret_expires_ms: exp, cut to whole milliseconds. */
const char *token_claims_error(struct json_object *claims, const struct config *config,
                               int64_t now_ms, struct principal *ret, int64_t *ret_expires_ms);

/* The text of a string member; p is NULL when it is missing or not a string. */
struct str token_string_member(struct json_object *object, const char *name);

#endif
