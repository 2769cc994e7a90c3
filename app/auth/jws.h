/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures of tokens in compact form: the only place that knows libjwt (1.x; made for 1.10.2).
 * It trusts nothing but the signature: shape, header and claims are the business of token.c. */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include "app/auth/token_keys.h"

/* Signed by key with exactly this algorithm ("HS256", "RS256", "ES256")? key: secret bytes or the
 * PEM text of a public key. token must have been checked before (hazards W4): three parts, none
 * empty, base64url letters only, TOKEN_MAX at most. */
bool jws_verify(const char *token, const char *algorithm, const struct token_key *key);
/* A token with these claims (text of a JSON object), HS256. malloc'd; NULL on failure. */
char *jws_sign(const char *claims, const struct token_key *secret);

#endif
