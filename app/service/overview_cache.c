/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cache is a table indexed by the first bytes of the hash of the student's id. calloc reserves
 * its memory, but the kernel provides it only as entries are added: a process that serves no
 * overview uses none. */
#include "app/service/overview_cache.h"

#include <stdlib.h>

struct overview_cache {
    bool used; /* an entry was added since it was cleared */
    struct overview_entry places[OVERVIEW_CACHE_PLACES];
};

struct overview_cache *overview_cache_new(void)
{
    return calloc(1, sizeof(struct overview_cache));
}

void overview_cache_free(struct overview_cache *cache)
{
    free(cache);
}

void overview_cache_clear(struct overview_cache *cache)
{
    if (cache && cache->used)
        memset(cache, 0, sizeof(*cache));
}

/* Returns the index of the one place in the cache for a student with this hash. */
static size_t overview_cache_index(const unsigned char hash[DIGEST_SIZE])
{
    return (hash[0] | (size_t)hash[1] << 8 | (size_t)hash[2] << 16) % OVERVIEW_CACHE_PLACES;
}

const struct overview_entry *overview_cache_find(const struct overview_cache *cache,
                                                 struct str student, int32_t today)
{
    unsigned char hash[DIGEST_SIZE];
    const struct overview_entry *entry;

    if (!cache)
        return NULL;
    digest_sha256(student, hash);
    entry = &cache->places[overview_cache_index(hash)];
    return entry->today == today && memcmp(entry->student, hash, DIGEST_SIZE) == 0 ? entry : NULL;
}

void overview_cache_add(struct overview_cache *cache, struct str student, struct str stamp,
                        int32_t today, const struct overview_outlook *outlook)
{
    unsigned char hash[DIGEST_SIZE];
    struct overview_entry *entry;

    if (!cache || stamp.n != STATE_STAMP_SIZE)
        return;
    digest_sha256(student, hash);
    entry = &cache->places[overview_cache_index(hash)];
    memcpy(entry->student, hash, DIGEST_SIZE);
    memcpy(entry->stamp, stamp.p, STATE_STAMP_SIZE);
    entry->today = today;
    entry->outlook = *outlook;
    cache->used = true;
}
