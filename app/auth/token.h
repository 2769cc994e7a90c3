/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verifies JSON Web Tokens (RFC 7519, 7515, 8725) with the configured keys and the configured
 * algorithm; the algorithm that a token names must be the same (hazards W1 to W7). A verified token
 * is cached by its SHA-256. It leaves the cache after TOKEN_CACHE_S, at its expiry (exp), or when
 * the keys change. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "app/auth/principal.h"
#include "app/auth/provider_event.h"
#include "app/base/config.h"
#include "app/base/problem.h"

struct provider;
struct tokens;

enum {
    TOKEN_MAX = 8192,           /* most bytes of a token */
    TOKEN_KEYS_MAX = 64,        /* most keys at the same time */
    TOKEN_CACHE_S = 60,         /* longest time that a verified token is cached, in seconds */
    TOKEN_CACHE_ENTRIES = 4096, /* most tokens in the cache */
};

/* Loads and checks the keys (HS256: each secret has 32 bytes or more; RS256, PS256: RSA of
 * 2048 bits or more; ES256: P-256; EdDSA: Ed25519), and the settings about claims. Returns NULL on
 * failure, with one line in ret_error. config must outlive the struct tokens. */
struct tokens *tokens_new(const struct config *config, char ret_error[200]);
void tokens_free(struct tokens *tokens); /* wipes the keys */
/* Loads the keys again: the secrets that the configuration has just read again (its file is not
 * read a second time, since it may have changed in between), and the file of public keys. On any
 * error the old keys stay and false is returned. Keys that are no longer there are accepted for
 * KEY_GRACE_S seconds more. now_us: monotonic. */
bool tokens_reload(struct tokens *tokens, int64_t now_us, char ret_error[200]);
/* Drops removed keys whose grace time is over. now_us: monotonic. */
void tokens_expire_keys(struct tokens *tokens, int64_t now_us);
/* Returns the identity provider from whose server the keys come; NULL when they come from settings
 * or files. */
struct provider *tokens_provider(const struct tokens *tokens);
/* To be called once in each loop iteration: lets the provider fetch keys when that is due, and uses
 * the keys that have arrived. Without a provider always returns PROVIDER_NOTHING. now_us:
 * monotonic. */
enum provider_event tokens_tick(struct tokens *tokens, int64_t now_us);
/* Returns whether keys are being fetched, so that requests which have p->awaits_keys should wait.
 */
bool tokens_are_fetching(const struct tokens *tokens);
/* Returns a number that changes whenever the set of accepted keys changes. */
uint64_t tokens_generation(const struct tokens *tokens);

/* tokens_verify_header verifies the token of an Authorization header ("Bearer TOKEN"),
 * tokens_verify a token alone. Both return true and store user and role in *ret; or return false
 * with AUTH_ERROR in p and leave *ret unchanged. The message of the error does not say which check
 * of the signature failed. now_ms: wall clock.
 *
 * With keys of a provider, p->awaits_keys means that the token may be valid by a key that is being
 * fetched: the caller should clear p and try again when tokens_are_fetching has become false. When
 * there are no keys at all, p is SERVICE_UNAVAILABLE: the token may be valid or not. */
bool tokens_verify_header(struct tokens *tokens, struct str authorization, int64_t now_ms,
                          struct principal *ret, struct problem *p);
bool tokens_verify(struct tokens *tokens, struct str token, int64_t now_ms, struct principal *ret,
                   struct problem *p);

/* Makes a token for mastery-ctl, signed with the first secret (HS256) or with the private key of
 * JWT_PRIVATE_KEY_FILE. The claims iss and aud come from the configuration, and so do the names of
 * the claims with user and role. The caller frees the text. Returns NULL with a line in ret_error
 * on failure. */
char *token_make(const struct config *config, const char *user_id, enum role role,
                 int64_t issued_at_s, int64_t expires_at_s, char ret_error[200]);

#endif
