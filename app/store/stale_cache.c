/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table of slots, chosen by the hash of the key. A new response replaces the one in its slot, so
 * the number of entries, and with it the memory, is bounded without a list of their ages. */
#include "app/store/stale_cache.h"

#include <stdlib.h>

#include "app/base/digest.h"

struct stale_slot {
    unsigned char key[DIGEST_SIZE]; /* SHA-256 of the key */
    char *body;                     /* NULL: the slot is empty */
    size_t n, size;                 /* bytes used and allocated */
    int64_t at_ms;
};

struct stale_cache {
    size_t count;
    struct stale_slot slots[];
};

/* Bodies are allocated when they are stored: an unused cache takes 64 bytes per entry. */
struct stale_cache *stale_cache_new(size_t entries)
{
    struct stale_cache *cache = calloc(1, sizeof(*cache) + entries * sizeof(cache->slots[0]));

    if (cache)
        cache->count = entries;
    return cache;
}

void stale_cache_clear(struct stale_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        free(cache->slots[i].body);
        cache->slots[i] = (struct stale_slot){0};
    }
}

void stale_cache_free(struct stale_cache *cache)
{
    if (cache)
        stale_cache_clear(cache);
    free(cache);
}

/* The whole hash is stored and compared: two keys in one slot must never be confused. */
static struct stale_slot *stale_cache_slot(struct stale_cache *cache, struct str key,
                                           unsigned char ret_hash[DIGEST_SIZE])
{
    uint64_t n;

    digest_sha256(key, ret_hash);
    memcpy(&n, ret_hash, sizeof(n));
    return &cache->slots[n % cache->count];
}

/* The buffer of a slot is reused, and grows to the largest body it has had. */
void stale_cache_add(struct stale_cache *cache, struct str key, struct str body, int64_t now_ms)
{
    unsigned char hash[DIGEST_SIZE];
    struct stale_slot *slot;

    if (body.n > STALE_CACHE_BODY_MAX)
        return;
    slot = stale_cache_slot(cache, key, hash);
    if (slot->size < body.n) {
        char *grown = realloc(slot->body, body.n);

        if (!grown)
            return;
        slot->body = grown;
        slot->size = body.n;
    }
    memcpy(slot->body, body.p, body.n);
    memcpy(slot->key, hash, sizeof(hash));
    slot->n = body.n;
    slot->at_ms = now_ms;
}

/* A negative age means that the clock was set back, so the age is not known. */
bool stale_cache_find(struct stale_cache *cache, struct str key, int64_t now_ms,
                      struct str *ret_body, int64_t *ret_age_ms)
{
    unsigned char hash[DIGEST_SIZE];
    const struct stale_slot *slot = stale_cache_slot(cache, key, hash);
    int64_t age_ms = now_ms - slot->at_ms;

    if (!slot->body || memcmp(slot->key, hash, sizeof(hash)) != 0 || age_ms < 0 ||
        age_ms > STALE_CACHE_AGE_MAX_MS)
        return false;
    *ret_body = (struct str){slot->body, slot->n};
    *ret_age_ms = age_ms;
    return true;
}
