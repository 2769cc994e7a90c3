/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last answers this process served, looked at only while the store is away (X-Cache: STALE).
 * Bounded in entries and bytes, the oldest go first; nothing older than ANSWER_AGE_MAX_MS is given.
 */
#ifndef STORE_ANSWERS_H
#define STORE_ANSWERS_H

#include "app/base/str.h"

struct answers;

#define ANSWER_AGE_MAX_MS INT64_C(300000)
enum { ANSWER_SIZE_MAX = 16384 };

struct answers *answers_new(size_t entries); /* NULL without memory */
void answers_free(struct answers *answers);  /* takes NULL */
/* key: what was asked, by whom. Larger answers than ANSWER_SIZE_MAX are not kept. */
void answers_keep(struct answers *answers, struct str key, struct str body, int64_t now_ms);
/* The text is valid until the next call. */
bool answers_find(struct answers *answers, struct str key, int64_t now_ms, struct str *ret_body,
                  int64_t *ret_age_ms);
void answers_forget_all(struct answers *answers);

#endif
