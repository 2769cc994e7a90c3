/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wraps the library libjwt 1.10 so that two of its weaknesses cannot be used (hazards W1
 * and W2): a key always has bytes, and the algorithm is always the configured one. */
#include "app/auth/jws.h"

#include <limits.h>

#include <jwt.h>
#include <openssl/err.h>

/* True only when libjwt accepts the signature and the token names the configured algorithm. Without
 * key bytes libjwt would verify no signature, so such a key is refused first. */
bool jws_verify(const char *token, const char *algorithm, const struct token_key *key)
{
    /* libjwt gets the length as an int; W1: with length 0 it accepts any token. */
    if (key->n == 0 || key->n > INT_MAX)
        return false;
    jwt_t *jwt = NULL;
    bool valid = jwt_decode(&jwt, token, key->p, (int)key->n) == 0;
    /* libjwt lets the token choose among all algorithms that the key's bytes can be used for (W2).
     */
    valid = valid && jwt_get_alg(jwt) == jwt_str_alg(algorithm) && jwt_get_alg(jwt) != JWT_ALG_NONE;
    jwt_free(jwt);
    ERR_clear_error(); /* libjwt leaves errors in OpenSSL's queue, which later code would report */
    return valid;
}

/* Builds a JWT with these claims in libjwt, and encodes it signed by HS256. token stays NULL when
 * libjwt refuses the claims or the key. An empty secret is refused, as in jws_verify. */
char *jws_sign(const char *claims, const struct token_key *secret)
{
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (secret->n == 0 || secret->n > INT_MAX || jwt_new(&jwt) != 0)
        return NULL;
    if (jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, secret->p, (int)secret->n) == 0)
        token = jwt_encode_str(jwt);
    jwt_free(jwt);
    return token;
}
