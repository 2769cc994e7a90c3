/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stale cache: the latest responses of this process, served only while Redis is away (header
 * X-Cache: STALE). The number and the size of the entries are limited, and an entry older than
 * STALE_CACHE_AGE_MAX_MS is not used. The key of an entry contains who may see it. */
#ifndef STORE_STALE_CACHE_H
#define STORE_STALE_CACHE_H

#include "app/base/str.h"

struct stale_cache;

#define STALE_CACHE_AGE_MAX_MS INT64_C(300000)
enum { STALE_CACHE_BODY_MAX = 16384 }; /* bytes */

/* Makes the cache of responses for the time while Redis is away, with room for so many entries.
 * Returns NULL when out of memory. */
struct stale_cache *stale_cache_new(size_t entries);
/* Frees the cache with its responses; accepts NULL. */
void stale_cache_free(struct stale_cache *cache);
/* Stores the body of a response. key: the request together with its caller. A body of more than
 * STALE_CACHE_BODY_MAX bytes is not stored. */
void stale_cache_add(struct stale_cache *cache, struct str key, struct str body, int64_t now_ms);
/* Finds the response for the key. False: there is none, or it is too old. *ret_body is valid until
 * the next call, *ret_age_ms is its age. */
bool stale_cache_find(struct stale_cache *cache, struct str key, int64_t now_ms,
                      struct str *ret_body, int64_t *ret_age_ms);

/* Removes all responses from the cache, as after an erasure: they may show the erased student. */
void stale_cache_clear(struct stale_cache *cache);

#endif
