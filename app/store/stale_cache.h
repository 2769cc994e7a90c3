/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The latest responses of this process, served only while Redis is away (X-Cache: STALE). The
 * number of entries and the size of each are limited, and none older than STALE_CACHE_AGE_MAX_MS is
 * returned. Who may see an entry is part of its key. */
#ifndef STORE_STALE_CACHE_H
#define STORE_STALE_CACHE_H

#include "app/base/str.h"

struct stale_cache;

#define STALE_CACHE_AGE_MAX_MS INT64_C(300000)
enum { STALE_CACHE_BODY_MAX = 16384 };

struct stale_cache *stale_cache_new(size_t entries); /* NULL: out of memory */
void stale_cache_free(struct stale_cache *cache);    /* accepts NULL */
/* key: the request and its caller. A body above STALE_CACHE_BODY_MAX is not stored. */
void stale_cache_add(struct stale_cache *cache, struct str key, struct str body, int64_t now_ms);
/* *ret_body is valid until the next call. */
bool stale_cache_find(struct stale_cache *cache, struct str key, int64_t now_ms,
                      struct str *ret_body, int64_t *ret_age_ms);
void stale_cache_clear(struct stale_cache *cache);

#endif
