/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads replies of Redis. A reply is untrusted input: no function assumes that it has the expected
 * type (hazards H6). All functions accept NULL, which is the reply of a command of a failed
 * pipeline, so a caller need not check the status of the pipeline first. */
#ifndef STORE_REPLY_H
#define STORE_REPLY_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

/* Result of reading a reply. REPLY_MISSING: the reply is nil. REPLY_ERROR: there is no reply
 * (NULL), or it is an error of Redis, or it has another type than expected. Unless the result is
 * REPLY_OK, the outputs are unchanged. */
enum reply_result { REPLY_OK, REPLY_MISSING, REPLY_ERROR };

/* Reads a bulk string. *ret points into the reply. */
enum reply_result reply_text(const redisReply *reply, struct str *ret);

/* Reads an integer. */
enum reply_result reply_int(const redisReply *reply, int64_t *ret);
/* Reads a number of things: an integer below 0 is a REPLY_ERROR. */
enum reply_result reply_count(const redisReply *reply, int64_t *ret);
/* Reads the number of elements of an array. More than max elements are a REPLY_ERROR. */
enum reply_result reply_array(const redisReply *reply, size_t max, size_t *ret_count);
/* Returns the element at index i of an array; NULL when there is none, or when the reply is not an
 * array. */
const redisReply *reply_at(const redisReply *reply, size_t i);
/* Returns REPLY_OK if the reply is a status such as OK, else REPLY_ERROR. */
enum reply_result reply_status(const redisReply *reply);

/* Reads an integer. False, with the problem for the client in *p (see reply_problem), when the
 * reply is nil, an error or of another type. */
bool reply_expect_int(const redisReply *reply, int64_t *ret, struct problem *p);
/* Reads the number of elements of an array of at most max elements. False, with the problem for the
 * client in *p (see reply_problem), when the reply is nil, an error, longer or of another type. */
bool reply_expect_array(const redisReply *reply, size_t max, size_t *ret_count, struct problem *p);
/* Like reply_text for a text, and accepts nil, which leaves *ret unchanged. Returns false, with *p
 * set, for any other reply. */
bool reply_expect_text_or_nil(const redisReply *reply, struct str *ret, struct problem *p);

/* Classes of error replies, which Redis identifies by a code at the start of the text. What follows
 * from each:
 *
 * | class                   | client gets           | may be repeated | connection |
 * | ----------------------- | --------------------- | --------------- | ---------- |
 * | REPLY_WRONG_SERVER      | 503, Retry-After      | by the store    | ends       |
 * | REPLY_STORE_UNAVAILABLE | 503, Retry-After      | yes             | stays      |
 * | REPLY_WRITES_REFUSED    | 503, Retry-After      | yes             | stays      |
 * | REPLY_NOT_AUTHENTICATED | 503, Retry-After      | yes             | ends       |
 * | REPLY_MISCONFIGURED     | 503, Retry-After      | once corrected  | stays      |
 * | REPLY_NO_SCRIPT         | 500; is sent as EVAL  | by the link     | stays      |
 * | REPLY_BUG               | 500                   | no              | stays      |
 *
 * Nothing was changed by a command with an error reply, except by a script of which a part was
 * executed. */
enum reply_error {
    REPLY_NO_ERROR,
    /* READONLY, MASTERDOWN, LOADING: this server must not be used; by now the address of Redis may
     * lead to another one */
    REPLY_WRONG_SERVER,
    REPLY_STORE_UNAVAILABLE, /* BUSY, CLUSTERDOWN: Redis refuses all commands for now */
    REPLY_WRITES_REFUSED,    /* OOM, MISCONF, ...: Redis refuses writes for now */
    REPLY_NOT_AUTHENTICATED, /* NOAUTH, WRONGPASS, DENIED: the connection cannot be used */
    REPLY_MISCONFIGURED,     /* MOVED, NOPERM, ...: an operator has to correct Redis or REDIS_URL */
    REPLY_NO_SCRIPT,         /* NOSCRIPT: Redis does not know the script of EVALSHA */
    REPLY_BUG,               /* any other error, which only a bug can cause */
};
/* Returns whether the reply is an error by which a node of a cluster says that it has not executed
 * the command, because another node has the slot or will have it soon: MOVED, TRYAGAIN and so on.
 */
bool reply_is_redirection(const redisReply *reply);
/* Returns the class of an error reply; REPLY_NO_ERROR for NULL and for any reply that is not an
 * error. */
enum reply_error reply_error_of(const redisReply *reply);

/* Sets the problem (error for the client) for an unexpected reply: SERVICE_UNAVAILABLE with
 * Retry-After for NULL and for temporary errors (hazards R1), INTERNAL_ERROR for all that only a
 * bug can cause, such as a reply of another type. */
void reply_problem(const redisReply *reply, struct problem *p);

/* Returns true if every command of the pipeline has a reply that is not an error. Otherwise returns
 * false, with the problem of the first command that has none. */
bool pipeline_check_replies(const struct pipeline *pipeline, struct problem *p);

/* Returns the value of the line "name:value" in a text of several lines, the form of replies to
 * INFO and CLUSTER INFO; empty when there is no such line. It points into the text. */
struct str reply_info_value(struct str text, struct str name);

#endif
