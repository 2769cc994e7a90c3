/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at replies. Redis is input too: the type of a reply is never taken for granted
 * (hazards H6); one accessor for each type that is expected. */
#ifndef STORE_REPLY_H
#define STORE_REPLY_H

#include "app/base/problem.h"
#include "app/store/store.h"

enum reply_result { REPLY_OK, REPLY_MISSING, REPLY_ERROR };

/* A bulk string; *ret points into the reply. MISSING for nil. */
enum reply_result reply_text(const redisReply *reply, struct str *ret);
enum reply_result reply_int(const redisReply *reply, int64_t *ret);
/* An array of at most max elements; look at elements by reply_at. */
enum reply_result reply_array(const redisReply *reply, size_t max, size_t *ret_count);
const redisReply *reply_at(const redisReply *reply, size_t i); /* NULL beyond the end */
enum reply_result reply_status(const redisReply *reply);       /* a status such as OK */

/* What an error of Redis means. */
enum reply_error {
    REPLY_NO_ERROR,
    REPLY_STORE_UNAVAILABLE, /* it serves nobody at the moment: LOADING, MASTERDOWN, BUSY, ... */
    REPLY_WRITES_REFUSED,    /* it takes no writes at the moment: OOM, MISCONF, READONLY, ... */
    REPLY_NOT_AUTHENTICATED, /* NOAUTH, WRONGPASS: the connection is of no use */
    REPLY_NO_SCRIPT,
    REPLY_BUG,
};
enum reply_error reply_error_of(const redisReply *reply);

/* No reply at all, as after a failed round, is 503: so whoever reads replies needs no other check.
 * The problem that an error reply of Redis means for the client (hazards R1): 503 with Retry-After
 * for OOM, LOADING, READONLY, BUSY, MISCONF, ..., INTERNAL_ERROR for what only a bug can cause.
 * Any reply that is not an error but was not expected is INTERNAL_ERROR too. */
void reply_problem(const redisReply *reply, struct problem *p);

/* Whether all of a round were answered, and none by an error; else the first one's problem. */
bool pipeline_check_replies(const struct pipeline *a, struct problem *p);

#endif
