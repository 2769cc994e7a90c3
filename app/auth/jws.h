/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signs and verifies tokens in compact form (JWS, RFC 7515) by the library libjwt (1.x, written for
 * 1.10.2), which no other file uses. Only signature and algorithm are checked here. token.c checks
 * the form, the header and the claims of a token. */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include "app/auth/token_keys.h"

/* Whether the token was signed by this key with exactly this algorithm ("HS256", "RS256", "ES256").
 * key: bytes of a secret, or the PEM text of a public key. The caller has checked the token before
 * (hazards W4): three sections, none empty, only base64url characters, at most TOKEN_MAX bytes. */
bool jws_verify(const char *token, const char *algorithm, const struct token_key *key);
/* Makes a token with these claims (the text of a JSON object), signed by HS256. The caller frees
 * it; NULL on failure. */
char *jws_sign(const char *claims, const struct token_key *secret);

#endif
