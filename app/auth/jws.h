/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signs and verifies tokens in compact form (JWS, RFC 7515). OpenSSL verifies all of them, because
 * libjwt 1.10 knows neither PS256 nor EdDSA, refuses the type at+jwt (RFC 9068), and lets the token
 * choose the algorithm (hazards W2, W5). libjwt signs with HS256, OpenSSL with the other
 * algorithms. token.c checks form, header and claims. */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include "app/auth/token_keys.h"

/* Returns whether the signature of the signed part (header, dot and payload, still encoded) was
 * made with this key and exactly this algorithm: "HS256", "RS256", "PS256", "ES256" or "EdDSA".
 * signature: decoded bytes. */
bool jws_verify(struct str signed_part, struct str signature, const char *algorithm,
                const struct token_key *key);
/* Checks type and size of a public key. Returns NULL when it suits the algorithm, else what is
 * wrong with it. */
const char *jws_key_error(const EVP_PKEY *key, const char *algorithm);
/* Makes a token with these claims (the text of a JSON object), signed by HS256. The caller frees
 * it; NULL on failure. */
char *jws_sign(const char *claims, const struct token_key *secret);
/* Makes a token with these claims (the text of a JSON object), signed with a private key by another
 * algorithm than HS256. The caller frees it; NULL on failure. */
char *jws_sign_private(const char *claims, const char *algorithm, EVP_PKEY *key);

#endif
