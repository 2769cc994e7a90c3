/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Caches tokens that were verified a moment ago, so that a client's next requests cost a hash and a
 * lookup instead of the check of a signature. Only valid tokens are added, so invalid ones cannot
 * displace them. The size is fixed: a new token replaces the entry that expires first. The key is
 * the SHA-256 of the whole token; an entry is valid only for the generation of keys that verified
 * it (hazards W7). */
#ifndef AUTH_TOKEN_CACHE_H
#define AUTH_TOKEN_CACHE_H

#include "app/auth/principal.h"
#include "app/base/digest.h"

struct token_cache;

struct token_cache *token_cache_new(void); /* NULL when out of memory */
void token_cache_free(struct token_cache *cache);
/* Finds a token by its digest. Returns true and stores user and role in *ret, or returns false.
 * generation: number of the current set of keys (tokens_generation). now_ms: wall clock. */
bool token_cache_find(const struct token_cache *cache, const unsigned char digest[DIGEST_SIZE],
                      uint64_t generation, int64_t now_ms, struct principal *ret);
/* Adds a token for TOKEN_CACHE_S, or until expires_ms when that is earlier. generation: number of
 * the set of keys that verified it; not 0, which marks an unused entry. To be called after
 * token_cache_find has returned false, because a token must not be added twice. */
void token_cache_add(struct token_cache *cache, const unsigned char digest[DIGEST_SIZE],
                     uint64_t generation, int64_t now_ms, int64_t expires_ms,
                     const struct principal *principal);

#endif
