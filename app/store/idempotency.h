/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of Idempotency-Keys: idempotency:{CALLER}:HASH, one per caller, route and key
 * (docs/api.md, Idempotency). A record says that a request is running, or has its response. */
#ifndef STORE_IDEMPOTENCY_H
#define STORE_IDEMPOTENCY_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

enum { IDEMPOTENCY_TTL_MS = 86400000 };

enum idempotency_state {
    IDEMPOTENCY_ACQUIRED, /* by this request: there was no record, or its request has died */
    IDEMPOTENCY_RUNNING,  /* another request with this key is running */
    IDEMPOTENCY_DONE,     /* the record has the response */
};

struct idempotency_record {
    enum idempotency_state state;
    struct str digest;   /* of the first request's body; empty if ACQUIRED */
    int status;          /* this and the following: of the response, if DONE */
    struct str student;  /* that it is about, by which an erasure finds it; may be empty */
    struct str location; /* header Location; may be empty */
    struct str body;
};

/* p NULL: out of memory. */
struct str idempotency_key(struct arena *arena, const char *role, struct str user, struct str hash);
/* Acquires the key for running_ms. A request that has not finished by then counts as dead, and one
 * with the same body may acquire the key. Should the first one be alive after all, both run: the
 * mark of the change lets one of them succeed, and the response of the late one is not stored.
 * owner: unique to the request, without spaces. */
struct command *idempotency_cmd_acquire(struct pipeline *pipeline, struct str key,
                                        struct str digest, struct str owner, int64_t running_ms);
/* Lists the record as one about the student, so that an erasure finds it. */
void idempotency_cmd_register(struct pipeline *pipeline, struct str student, struct str key);
/* Texts point into the reply. */
bool idempotency_parse_acquire(const struct command *command, struct idempotency_record *ret,
                               struct problem *p);
/* Stores the response, or releases the key. Neither has an effect if the key is not the owner's any
 * more, or if an erasure has deleted the record. When running_ms is over nothing is stored. */
void idempotency_cmd_save(struct pipeline *pipeline, struct str key, struct str owner,
                          const struct idempotency_record *record);
void idempotency_cmd_release(struct pipeline *pipeline, struct str key, struct str owner);

#endif
