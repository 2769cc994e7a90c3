/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stored form of a batch (many students whose mastery is calculated in the background): its
 * fields, its items and its keys. An item is what is known about a student that has no result yet.
 * Commands that work on a batch are in batch.h. */
#ifndef STORE_BATCH_RECORD_H
#define STORE_BATCH_RECORD_H

#include "app/base/problem.h"
#include "app/domain/mastery.h"
#include "app/store/keys.h"
#include "app/store/queue.h"

enum {
    BATCH_STUDENTS_MAX = 1000, /* largest number of students in a batch */
    BATCH_CHUNK = 64,          /* number of students that one job calculates */
    BATCH_LANES = 4,           /* largest number of jobs of one batch at a time */
    BATCH_ID_SIZE = 33         /* bytes of an id, with its terminating null byte */
};
#define BATCH_TTL_MS (7 * DAY_MS) /* time from its creation after which a batch expires */

enum batch_status {
    BATCH_PENDING,
    BATCH_PROCESSING,
    BATCH_COMPLETED,
    BATCH_FAILED, /* no student succeeded, or a chunk can never succeed */
    BATCH_CANCELLED,
    BATCH_STATUSES
};
/* Names in Redis and in responses, by enum batch_status; NULL at the end. */
extern const char *const batch_status_names[BATCH_STATUSES + 1];
/* Names in Redis and in responses, by enum queue_priority; NULL at the end. */
extern const char *const batch_priority_names[QUEUE_PRIORITIES + 1];

/* Returns whether the status is final: completed, failed or cancelled. */
static inline bool batch_ended(enum batch_status status)
{
    return status >= BATCH_COMPLETED;
}

/* What a batch does for one student. */
struct batch_item {
    struct str student;
    /* true: from the client's `components`; false: recalculate from the stored state */
    bool stated;
    double components[COMPONENTS];
    bool own_weights; /* true: with the client's `weights` as well */
    double weights[COMPONENTS];
};

struct batch {
    bool exists; /* false: there is no such batch, and all other members are 0 */
    enum batch_status status;
    enum queue_priority priority;
    int64_t total, processed, failed; /* numbers of students: all, with a result, failed */
    int64_t created_ms, started_ms, completed_ms; /* times; 0: not yet */
    struct str actor;                             /* user whose request created the batch */
    struct str correlation_id, traceparent; /* id and trace of the request that created the batch */
    struct str callback_url; /* URL to notify when the batch has ended; may be empty */
};

/* The fields of the hash batch:{ID} that are read, in the order of batch_parse_fields. The hash has
 * one more field, `caller`: the chunk whose job sends the callback. lua/lib/batch_chunk.lua has the
 * same list. */
#define BATCH_FIELDS(X)                                                                            \
    X("status")                                                                                    \
    X("priority")                                                                                  \
    X("total")                                                                                     \
    X("processed")                                                                                 \
    X("failed")                                                                                    \
    X("created")                                                                                   \
    X("started")                                                                                   \
    X("completed")                                                                                 \
    X("actor")                                                                                     \
    X("correlation")                                                                               \
    X("traceparent")                                                                               \
    X("callback")
#define BATCH_FIELD_ONE(name) +1
#define BATCH_FIELD_STR(name) STR_INIT(name),
enum { BATCH_FIELD_COUNT = 0 BATCH_FIELDS(BATCH_FIELD_ONE) };

/* Puts the Redis keys of the batch (its fields, students, items and results) into ret_keys, by enum
 * batch_key. */
void batch_put_keys(struct arena *arena, struct str id, struct str ret_keys[BATCH_KEYS]);
/* Parses the reply to HMGET with BATCH_FIELDS. ret->exists is false if there is no such batch. */
bool batch_parse_fields(const redisReply *reply, struct batch *ret, struct problem *p);
/* Prints what an item states about one student: the components, then the weights if the client
 * stated its own, as decimals that each end with a space, such as "0.5 0.7 0.25 1 ". Not for an
 * item that is not stated, whose text is "". The result's p is NULL when out of memory. */
struct str batch_print_item(struct arena *arena, const struct batch_item *item);
/* Parses the text of an item as batch_print_item prints it ("0.5 0.7 0.25 1 ": the components, then
 * the client's own weights if any; each in [0,1]) or "" (calculate from the stored state). Returns
 * false for any other text. Does not set the student. */
bool batch_parse_item(struct str text, struct batch_item *ret);
/* Returns the body of the job for the chunk that begins at position `from`: {"batch":ID,"from":N}.
 */
struct str batch_job_body(struct arena *arena, struct str id, int64_t from);

#endif
