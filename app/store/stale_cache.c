/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/stale_cache.h"

#include <stdlib.h>

#include "app/base/digest.h"

/* A table of slots by the hash of the key: a newer answer takes the slot of the one that was there,
 * so the number of entries, and with it the memory, is bounded without any bookkeeping. */
struct slot {
    unsigned char key[DIGEST_SIZE];
    char *body;
    size_t n, size;
    int64_t at_ms;
};

struct stale_cache {
    size_t count;
    struct slot slots[];
};

struct stale_cache *stale_cache_new(size_t entries)
{
    struct stale_cache *a = calloc(1, sizeof(*a) + entries * sizeof(a->slots[0]));

    if (a)
        a->count = entries;
    return a;
}

void stale_cache_clear(struct stale_cache *answers)
{
    for (size_t i = 0; i < answers->count; i++) {
        free(answers->slots[i].body);
        answers->slots[i] = (struct slot){0};
    }
}

void stale_cache_free(struct stale_cache *answers)
{
    if (answers)
        stale_cache_clear(answers);
    free(answers);
}

static struct slot *slot_of(struct stale_cache *answers, struct str key,
                            unsigned char ret_hash[DIGEST_SIZE])
{
    uint64_t n;

    digest_sha256(key, ret_hash);
    memcpy(&n, ret_hash, sizeof(n));
    return &answers->slots[n % answers->count];
}

void stale_cache_add(struct stale_cache *answers, struct str key, struct str body, int64_t now_ms)
{
    unsigned char hash[DIGEST_SIZE];
    struct slot *s;

    if (body.n > STALE_CACHE_BODY_MAX)
        return;
    s = slot_of(answers, key, hash);
    if (s->size < body.n) {
        char *grown = realloc(s->body, body.n);

        if (!grown)
            return;
        s->body = grown;
        s->size = body.n;
    }
    memcpy(s->body, body.p, body.n);
    memcpy(s->key, hash, sizeof(hash));
    s->n = body.n;
    s->at_ms = now_ms;
}

bool stale_cache_find(struct stale_cache *answers, struct str key, int64_t now_ms,
                      struct str *ret_body, int64_t *ret_age_ms)
{
    unsigned char hash[DIGEST_SIZE];
    const struct slot *s = slot_of(answers, key, hash);

    int64_t age_ms = now_ms - s->at_ms;

    /* younger than now: the clock was put back, and nobody knows how old it is */
    if (!s->body || memcmp(s->key, hash, sizeof(hash)) != 0 || age_ms < 0 ||
        age_ms > STALE_CACHE_AGE_MAX_MS)
        return false;
    *ret_body = (struct str){s->body, s->n};
    *ret_age_ms = age_ms;
    return true;
}
