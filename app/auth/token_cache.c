/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/auth/token_cache.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "app/auth/token.h"

enum { WAYS = 4, SETS = TOKEN_CACHE_ENTRIES / WAYS, LONGEST_MS = TOKEN_CACHE_S * 1000 };

_Static_assert((SETS & (SETS - 1)) == 0 && SETS <= 65536, "a set is picked by two bytes' low bits");

struct entry {
    unsigned char digest[DIGEST_SIZE];
    uint64_t generation; /* 0: never used */
    int64_t expires_ms;
    struct principal who;
};

struct token_cache {
    struct entry sets[SETS][WAYS];
};

struct token_cache *token_cache_new(void)
{
    return calloc(1, sizeof(struct token_cache));
}

void token_cache_free(struct token_cache *memory)
{
    free(memory);
}

static size_t set_of(const unsigned char digest[DIGEST_SIZE])
{
    return ((size_t)digest[0] << 8 | digest[1]) % SETS;
}

/* An end further away than any entry gets means that the clock was set back: verify anew then. */
static bool counts(const struct entry *e, uint64_t generation, int64_t now_ms)
{
    return e->generation == generation && now_ms < e->expires_ms &&
           e->expires_ms - now_ms <= LONGEST_MS;
}

static bool is_for(const struct entry *e, const unsigned char digest[DIGEST_SIZE])
{
    return CRYPTO_memcmp(e->digest, digest, DIGEST_SIZE) == 0;
}

bool token_cache_find(const struct token_cache *memory, const unsigned char digest[DIGEST_SIZE],
                      uint64_t generation, int64_t now_ms, struct principal *ret)
{
    const struct entry *set = memory->sets[set_of(digest)];
    for (int way = 0; way < WAYS; way++)
        if (counts(&set[way], generation, now_ms) && is_for(&set[way], digest)) {
            principal_set(ret, set[way].who.role, set[way].who.user);
            return true;
        }
    return false;
}

/* One that no longer counts, else the first to expire. */
static struct entry *place_for(struct entry set[WAYS], uint64_t generation, int64_t now_ms)
{
    struct entry *best = &set[0];
    for (int way = 1; way < WAYS && counts(best, generation, now_ms); way++)
        if (!counts(&set[way], generation, now_ms) || set[way].expires_ms < best->expires_ms)
            best = &set[way];
    return best;
}

void token_cache_add(struct token_cache *memory, const unsigned char digest[DIGEST_SIZE],
                     uint64_t generation, int64_t now_ms, int64_t expires_ms,
                     const struct principal *who)
{
    struct entry *e = place_for(memory->sets[set_of(digest)], generation, now_ms);
    memcpy(e->digest, digest, DIGEST_SIZE);
    e->generation = generation;
    e->expires_ms = expires_ms < now_ms + LONGEST_MS ? expires_ms : now_ms + LONGEST_MS;
    principal_set(&e->who, who->role, who->user);
}
