/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON Web Tokens: verification against configured keys and one configured algorithm (never the
 * token's own choice), RFC 7519, 7515, 8725, with the checks of hazards W1 to W7 around libjwt.
 * Verified tokens are remembered by SHA-256 of the whole token, for 60 s at most, never past exp,
 * bounded, and forgotten when keys change. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "app/auth/principal.h"
#include "app/base/config.h"
#include "app/base/problem.h"

struct tokens;

enum { TOKEN_MAX = 8192, TOKEN_KEYS_MAX = 4, TOKEN_CACHE_S = 60, TOKEN_CACHE_ENTRIES = 4096 };

/* Reads and checks the keys (HS256: each secret >= 32 bytes; RS256: RSA >= 2048 bits; ES256:
 * P-256). NULL with one line in ret_error. config must outlive the result. */
struct tokens *tokens_new(const struct config *config, char ret_error[200]);
void tokens_free(struct tokens *tokens); /* wipes the keys */
/* Reads the key files again; on any error the old keys stay and false is returned. Keys that are
 * there no longer verify for KEY_GRACE_S more. now_us: monotonic. */
bool tokens_reload(struct tokens *tokens, int64_t now_us, char ret_error[200]);
/* Ends those whose time is over, and what was remembered of them. */
void tokens_expire_keys(struct tokens *tokens, int64_t now_us);
/* Another number whenever the keys are others. */
uint64_t tokens_generation(const struct tokens *tokens);

/* authorization: value of the Authorization header, "Bearer x". False with AUTH_ERROR in p (the
 * message never says which check of the signature failed); *ret is then untouched. */
bool tokens_verify_header(struct tokens *tokens, struct str authorization, int64_t now_ms,
                          struct principal *ret, struct problem *p);
bool tokens_verify(struct tokens *tokens, struct str token, int64_t now_ms, struct principal *ret,
                   struct problem *p);

/* A token signed with the first HS256 secret, for mastery-ctl and demos. NULL when the algorithm is
 * not HS256 or on failure; malloc'd. issuer and audience come from the configuration. */
char *token_make(const struct config *config, const char *user_id, enum role role,
                 int64_t issued_at_s, int64_t expires_at_s);

#endif
