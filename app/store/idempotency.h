/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of Idempotency-Keys: idempotency:{CALLER}:HASH, one a caller, route and key. */
#ifndef STORE_IDEMPOTENCY_H
#define STORE_IDEMPOTENCY_H

#include "app/base/problem.h"
#include "app/store/store.h"

enum { IDEMPOTENCY_TTL_MS = 86400000 };

enum idempotency_state {
    IDEMPOTENCY_ACQUIRED, /* nobody had it, or whoever had it has died: it is ours now */
    IDEMPOTENCY_RUNNING,  /* another request has it */
    IDEMPOTENCY_DONE,     /* the answer is there */
};

struct idempotency_record {
    enum idempotency_state state;
    struct str digest;   /* of the body of the first request; empty when TAKEN */
    int status;          /* DONE */
    struct str student;  /* whom the answer is about: an erasure finds it by this; may be empty */
    struct str location; /* a header of the answer; may be empty */
    struct str body;
};

/* p NULL without memory. */
struct str idempotency_key(struct arena *arena, const char *role, struct str user, struct str hash);
/* Takes the key for running_ms. A request that has not ended by then is taken for dead: the same
 * body may then have the key, another body still not. Should it live after all, both run: the
 * marker of the change lets one of them count, and the late one's answer is not kept. owner: a word
 * that is this request's. */
struct command *idempotency_cmd_acquire(struct pipeline *a, struct str key, struct str digest,
                                        struct str owner, int64_t running_ms);
/* Notes that the record will hold an answer about the student, so that an erasure finds it. */
void idempotency_cmd_register(struct pipeline *a, struct str student, struct str key);
/* Texts point into the reply. */
bool idempotency_parse_acquire(const struct command *command, struct idempotency_record *ret,
                               struct problem *p);
/* Both do nothing when the key is not the owner's any more, or the record has gone: the student was
 * erased meanwhile. An owner whose time is up keeps nothing. */
void idempotency_cmd_save(struct pipeline *a, struct str key, struct str owner,
                          const struct idempotency_record *record);
void idempotency_cmd_release(struct pipeline *a, struct str key, struct str owner);

#endif
