/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verifies JSON Web Tokens (RFC 7519, 7515, 8725) with the configured keys and the one configured
 * algorithm, never the token's own choice. Adds the checks of hazards W1 to W7 to those of libjwt.
 * Verified tokens are cached by the SHA-256 of the whole token, for TOKEN_CACHE_S at most, never
 * past exp, and not beyond a change of the keys. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "app/auth/principal.h"
#include "app/base/config.h"
#include "app/base/problem.h"

struct tokens;

enum {
    TOKEN_MAX = 8192, /* bytes */
    TOKEN_KEYS_MAX = 4,
    TOKEN_CACHE_S = 60,
    TOKEN_CACHE_ENTRIES = 4096,
};

/* Loads and checks the keys (HS256: each secret has 32 bytes or more; RS256: RSA of 2048 bits or
 * more; ES256: P-256). NULL with one line in ret_error. config must outlive the result. */
struct tokens *tokens_new(const struct config *config, char ret_error[200]);
void tokens_free(struct tokens *tokens); /* wipes the keys */
/* Reads the key files again. On any error the old keys stay and false is returned. Keys that are no
 * longer in the files are accepted for KEY_GRACE_S more. now_us: monotonic. */
bool tokens_reload(struct tokens *tokens, int64_t now_us, char ret_error[200]);
/* Drops removed keys whose grace time is over. now_us: monotonic. */
void tokens_expire_keys(struct tokens *tokens, int64_t now_us);
/* A number that changes whenever the accepted keys change. */
uint64_t tokens_generation(const struct tokens *tokens);

/* authorization: value of the Authorization header, "Bearer x". now_ms: wall clock. False with
 * AUTH_ERROR in p, whose message does not say which check of the signature failed; *ret is then
 * untouched. */
bool tokens_verify_header(struct tokens *tokens, struct str authorization, int64_t now_ms,
                          struct principal *ret, struct problem *p);
bool tokens_verify(struct tokens *tokens, struct str token, int64_t now_ms, struct principal *ret,
                   struct problem *p);

/* Makes a token signed with the first secret, for mastery-ctl. iss and aud come from the
 * configuration. NULL on failure and when the algorithm is not HS256; the caller frees the text. */
char *token_make(const struct config *config, const char *user_id, enum role role,
                 int64_t issued_at_s, int64_t expires_at_s);

#endif
