/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens that were verified a moment ago, so that a client's next requests cost a hash and a look.
 * Only what was verified comes in, so nobody can fill it with inventions. Bounded: a set that is
 * full forgets what expires first. Keyed by the whole SHA-256 of the whole token; an entry counts
 * only for the key generation it was made under (hazards W7). */
#ifndef AUTH_TOKEN_MEMORY_H
#define AUTH_TOKEN_MEMORY_H

#include "app/auth/principal.h"
#include "app/base/digest.h"

struct token_memory;

struct token_memory *token_memory_new(void); /* NULL when there is no memory */
void token_memory_free(struct token_memory *memory);
bool token_memory_find(const struct token_memory *memory, const unsigned char digest[DIGEST_SIZE],
                       uint64_t generation, int64_t now_ms, struct principal *ret);
/* For TOKEN_MEMORY_S, or until expires_ms when that is sooner. generation > 0. For tokens that
 * token_memory_find has just not found. */
void token_memory_add(struct token_memory *memory, const unsigned char digest[DIGEST_SIZE],
                      uint64_t generation, int64_t now_ms, int64_t expires_ms,
                      const struct principal *who);

#endif
