/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads replies of Redis. They are input, too: no function assumes that a reply has the expected
 * type (hazards H6), and all accept NULL, the reply of a command of a failed pipeline. So a caller
 * need not check the pipeline's status first. */
#ifndef STORE_REPLY_H
#define STORE_REPLY_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

/* REPLY_MISSING: nil. REPLY_ERROR: no reply, an error of Redis, or another type. In both cases the
 * outputs are untouched. */
enum reply_result { REPLY_OK, REPLY_MISSING, REPLY_ERROR };

/* A bulk string. *ret points into the reply. */
enum reply_result reply_text(const redisReply *reply, struct str *ret);
enum reply_result reply_int(const redisReply *reply, int64_t *ret);
/* An array; more than max elements: REPLY_ERROR. */
enum reply_result reply_array(const redisReply *reply, size_t max, size_t *ret_count);
/* An element of an array; NULL if there is none. */
const redisReply *reply_at(const redisReply *reply, size_t i);
/* A status such as OK. */
enum reply_result reply_status(const redisReply *reply);

/* The same for replies that must be as expected: false with *p filled (reply_problem) if not. */
bool reply_expect_int(const redisReply *reply, int64_t *ret, struct problem *p);
bool reply_expect_array(const redisReply *reply, size_t max, size_t *ret_count, struct problem *p);
/* Here nil is expected as well: *ret is untouched then. */
bool reply_expect_text_or_nil(const redisReply *reply, struct str *ret, struct problem *p);

/* Classes of error replies, by their code. */
enum reply_error {
    REPLY_NO_ERROR,
    REPLY_STORE_UNAVAILABLE, /* LOADING, MASTERDOWN, BUSY, ...: refuses all commands for now */
    REPLY_WRITES_REFUSED,    /* OOM, MISCONF, READONLY, ...: refuses writes for now */
    REPLY_NOT_AUTHENTICATED, /* NOAUTH, WRONGPASS: the connection cannot be used */
    REPLY_NO_SCRIPT,
    REPLY_BUG, /* any other */
};
enum reply_error reply_error_of(const redisReply *reply); /* NULL: REPLY_NO_ERROR */

/* Sets the problem that an unexpected reply is for the client: SERVICE_UNAVAILABLE with Retry-After
 * for NULL and for the errors that pass (hazards R1), INTERNAL_ERROR for all that only a bug can
 * cause, such as a reply of another type. */
void reply_problem(const redisReply *reply, struct problem *p);

/* True if all commands have a reply that is no error; else sets the problem of the first one. */
bool pipeline_check_replies(const struct pipeline *pipeline, struct problem *p);

#endif
