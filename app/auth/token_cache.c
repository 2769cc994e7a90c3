/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cache of verified tokens is set-associative, like the caches of processors: two bytes of a
 * token's digest (its SHA-256) select a set of WAYS entries, and the token may be in any of them.
 * The cache has a fixed size and allocates no memory after start. The generation is a number that
 * grows with each change of the keys: an entry is valid only for the keys that verified it. */
#include "app/auth/token_cache.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "app/auth/token.h"

enum { WAYS = 4, SETS = TOKEN_CACHE_ENTRIES / WAYS, LIFETIME_MS = TOKEN_CACHE_S * 1000 };

_Static_assert((SETS & (SETS - 1)) == 0 && SETS <= 65536, "set_of uses the low bits of two bytes");

struct entry {
    unsigned char digest[DIGEST_SIZE];
    uint64_t generation; /* number of the keys that verified the token; 0: the entry is unused */
    int64_t expires_ms;  /* wall clock; the token must be verified again from then on */
    struct principal principal;
};

struct token_cache {
    struct entry sets[SETS][WAYS];
};

struct token_cache *token_cache_new(void)
{
    return calloc(1, sizeof(struct token_cache));
}

void token_cache_free(struct token_cache *cache)
{
    free(cache);
}

/* Returns the index of a digest's set: the low bits of the number in its first two bytes. */
static size_t set_of(const unsigned char digest[DIGEST_SIZE])
{
    return ((size_t)digest[0] << 8 | digest[1]) % SETS;
}

/* Returns whether an entry may be used: the keys are still the same, and it has not expired. An
 * expiry more than LIFETIME_MS away shows that the clock was set back; the entry is then not used.
 */
static bool is_current(const struct entry *entry, uint64_t generation, int64_t now_ms)
{
    return entry->generation == generation && now_ms < entry->expires_ms &&
           entry->expires_ms - now_ms <= LIFETIME_MS;
}

/* Returns whether the entry is of the token with this digest. Compares in constant time, so that
 * the time of a response does not show how much of a guess is right. */
static bool has_digest(const struct entry *entry, const unsigned char digest[DIGEST_SIZE])
{
    return CRYPTO_memcmp(entry->digest, digest, DIGEST_SIZE) == 0;
}

/* Looks at all entries of the set that the digest selects. An entry of other keys or past its
 * expiry is treated as absent. */
bool token_cache_find(const struct token_cache *cache, const unsigned char digest[DIGEST_SIZE],
                      uint64_t generation, int64_t now_ms, struct principal *ret)
{
    const struct entry *set = cache->sets[set_of(digest)];
    for (int way = 0; way < WAYS; way++)
        if (is_current(&set[way], generation, now_ms) && has_digest(&set[way], digest)) {
            principal_set(ret, set[way].principal.role, set[way].principal.user);
            return true;
        }
    return false;
}

/* Returns the entry of a set that a new token replaces: the first one that is not current
 * (is_current); if all are current, the one that expires first. */
static struct entry *entry_to_replace(struct entry set[WAYS], uint64_t generation, int64_t now_ms)
{
    struct entry *best = &set[0];
    for (int way = 1; way < WAYS && is_current(best, generation, now_ms); way++)
        if (!is_current(&set[way], generation, now_ms) || set[way].expires_ms < best->expires_ms)
            best = &set[way];
    return best;
}

/* Writes the token over an entry of the digest's set. The entry expires after LIFETIME_MS
 * (TOKEN_CACHE_S in milliseconds), or with the token when that is earlier. */
void token_cache_add(struct token_cache *cache, const unsigned char digest[DIGEST_SIZE],
                     uint64_t generation, int64_t now_ms, int64_t expires_ms,
                     const struct principal *principal)
{
    struct entry *entry = entry_to_replace(cache->sets[set_of(digest)], generation, now_ms);
    memcpy(entry->digest, digest, DIGEST_SIZE);
    entry->generation = generation;
    entry->expires_ms = expires_ms < now_ms + LIFETIME_MS ? expires_ms : now_ms + LIFETIME_MS;
    principal_set(&entry->principal, principal->role, principal->user);
}
