/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stale cache (responses to send again while Redis is away) is a table of slots. The hash of a
 * key determines its slot, and a new response replaces the one in its slot. So the number of
 * responses, and with it the memory, is limited without a list of their ages. */
#include "app/store/stale_cache.h"

#include <stdlib.h>

#include "app/base/digest.h"

struct stale_slot {
    unsigned char key[DIGEST_SIZE]; /* SHA-256 of the key of the response */
    char *body;                     /* body of the response; NULL: the slot is empty */
    size_t n, size;                 /* bytes of the response's body; bytes allocated for it */
    int64_t at_ms;                  /* when it was stored */
};

struct stale_cache {
    size_t count; /* number of slots */
    struct stale_slot slots[];
};

/* Allocates the slots only, 64 bytes for each entry; a body is allocated when it is stored. */
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

/* Finds the slot for a key and returns the SHA-256 of the key in ret_hash. Callers compare the
 * whole hash with that of the slot, because different keys can have the same slot. */
static struct stale_slot *stale_cache_slot(struct stale_cache *cache, struct str key,
                                           unsigned char ret_hash[DIGEST_SIZE])
{
    uint64_t number;

    digest_sha256(key, ret_hash);
    memcpy(&number, ret_hash, sizeof(number));
    return &cache->slots[number % cache->count];
}

/* Replaces the response in the slot. The buffer of a slot is reused and grows to the largest body
 * that the slot has had. When out of memory, the old response stays. */
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

/* Compares the whole key and the age. A negative age means that the clock was set back. The real
 * age is not known then, so the entry is not used. */
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
