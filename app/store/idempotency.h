/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idempotency records. A client may send a request with an Idempotency-Key, so that a repeated
 * request gets the stored response and has no second effect (docs/api.md, Idempotency). There is
 * one record idempotency:{CALLER}:HASH per caller, route and key. It says that a request is
 * running, or has the response. While it runs the record has the id of the change, which is also
 * stored with what was changed: a repetition continues with this id, so that the change is made
 * once. Without a record, or when it has expired, a request makes a new change, with a new id. */
#ifndef STORE_IDEMPOTENCY_H
#define STORE_IDEMPOTENCY_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

enum { IDEMPOTENCY_TTL_MS = 86400000 }; /* a record expires after a day */

enum idempotency_state {
    /* this request owns the key: there was no record, or the ownership of the earlier request had
     * ended */
    IDEMPOTENCY_ACQUIRED,
    IDEMPOTENCY_RUNNING, /* another request with this key is running */
    IDEMPOTENCY_DONE,    /* the record has the response */
};

struct idempotency_record {
    enum idempotency_state state;
    struct str digest; /* digest of the first request's body */
    /* Id of the change, by which a repetition makes no second change. Empty if DONE: a repetition
     * gets the stored response. */
    struct str effect;
    int64_t left_ms;     /* if RUNNING: how long the other request still owns the key; may be 0 */
    int status;          /* HTTP status; like the members below it is set only if DONE */
    struct str student;  /* student that the response is about; may be empty */
    struct str location; /* value of the header Location; may be empty */
    struct str body;     /* body of the response */
};

/* Returns the Redis key of a record. hash: hash of the route and the Idempotency-Key. The p of the
 * result is NULL when out of memory. */
struct str idempotency_key(struct arena *arena, const char *role, struct str user, struct str hash);
/* Acquires the Idempotency-Key for running_ms (milliseconds). Afterwards another request with the
 * same body may acquire it, even if the first one is still running. Both then have the same id of
 * the change, so only one of them makes it, and the response of the first owner is not stored.
 * digest: that of the body and, on some routes, of the headers that begin with ce-. owner: letters
 * and digits, unique to the request. */
struct command *idempotency_cmd_acquire(struct pipeline *pipeline, struct str key,
                                        struct str digest, struct str owner, int64_t running_ms);
/* Adds the record to the student's list of idempotency records, so that an erasure of the student
 * finds it. The reply is a number; after an error no response may be stored. */
struct command *idempotency_cmd_register(struct pipeline *pipeline, struct str student,
                                         struct str key);
/* Parses the reply to idempotency_cmd_acquire. owner: the same text as for that command. If the
 * record has it, this request has acquired the key (IDEMPOTENCY_ACQUIRED). Texts point into the
 * reply. */
bool idempotency_parse_acquire(const struct command *command, struct str owner,
                               struct idempotency_record *ret, struct problem *p);
/* The three functions below end a request's ownership of the key. They have no effect if another
 * request has acquired the key, or if an erasure has deleted the record. */
/* Stores the response in the record of the Idempotency-Key, if `owner` still owns the key. The
 * reply is 1 when it was stored, else 0. */
struct command *idempotency_cmd_save(struct pipeline *pipeline, struct str key, struct str owner,
                                     const struct idempotency_record *record);
/* For a request that has made no change: deletes the record of its Idempotency-Key, so that the key
 * may be used with another body. If this request has acquired the key of an earlier one, which may
 * have made the change, the record stays and only the ownership ends. */
void idempotency_cmd_release(struct pipeline *pipeline, struct str key, struct str owner);
/* For a request with an unknown outcome (a reply was lost, for example), which may have made the
 * change: ends only the ownership. The record stays "running" with the id of the change, so that a
 * repetition with the same body acquires the key at once and makes the change at most once. */
void idempotency_cmd_end(struct pipeline *pipeline, struct str key, struct str owner);

#endif
