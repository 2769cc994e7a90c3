/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last answers this process served, looked at only while the store is away (X-Cache: STALE).
 * Bounded in entries and bytes, the oldest go first; nothing older than STALE_CACHE_AGE_MAX_MS is
 * given.
 */
#ifndef STORE_STALE_CACHE_H
#define STORE_STALE_CACHE_H

#include "app/base/str.h"

struct stale_cache;

#define STALE_CACHE_AGE_MAX_MS INT64_C(300000)
enum { STALE_CACHE_BODY_MAX = 16384 };

struct stale_cache *stale_cache_new(size_t entries); /* NULL without memory */
void stale_cache_free(struct stale_cache *answers);  /* takes NULL */
/* key: what was asked, by whom. Larger answers than STALE_CACHE_BODY_MAX are not kept. */
void stale_cache_add(struct stale_cache *answers, struct str key, struct str body, int64_t now_ms);
/* The text is valid until the next call. */
bool stale_cache_find(struct stale_cache *answers, struct str key, int64_t now_ms,
                      struct str *ret_body, int64_t *ret_age_ms);
void stale_cache_clear(struct stale_cache *answers);

#endif
