/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens that were verified a moment ago, so that a client's next requests cost a hash and a look.
 * Only what was verified comes in, so nobody can fill it with inventions. Bounded: a set that is
 * full forgets what expires first. Keyed by the whole SHA-256 of the whole token; an entry counts
 * only for the key generation it was made under (hazards W7). */
#ifndef AUTH_TOKEN_CACHE_H
#define AUTH_TOKEN_CACHE_H

#include "app/auth/principal.h"
#include "app/base/digest.h"

struct token_cache;

struct token_cache *token_cache_new(void); /* NULL when there is no memory */
void token_cache_free(struct token_cache *memory);
bool token_cache_find(const struct token_cache *memory, const unsigned char digest[DIGEST_SIZE],
                      uint64_t generation, int64_t now_ms, struct principal *ret);
/* For TOKEN_CACHE_S, or until expires_ms when that is sooner. generation > 0. For tokens that
 * token_cache_find has just not found. */
void token_cache_add(struct token_cache *memory, const unsigned char digest[DIGEST_SIZE],
                     uint64_t generation, int64_t now_ms, int64_t expires_ms,
                     const struct principal *who);

#endif
