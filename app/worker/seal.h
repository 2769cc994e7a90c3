/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seals the new audit records of the shards that this worker holds, once a second (see
 * app/service/audit_chain.h). The head of a chain that has grown is written to audit:heads at once
 * and to the log once a minute (an anchor): the log is stored elsewhere, so that a chain whose end
 * was cut off in Redis is noticed. */
#ifndef WORKER_SEAL_H
#define WORKER_SEAL_H

#include "app/service/audit_chain.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct seal_shard {
    struct audit_link link;      /* the end of the chain in the store; valid if link_known */
    struct audit_link next_link; /* the end once the seal in flight is stored */
    struct command *cmd;         /* of the current round trip; NULL: none for this shard */
    size_t next_count;           /* records under the seal in flight */
    bool link_known;
    bool unanchored; /* the chain has grown since the last anchor */
};

struct seals {
    struct worker_context *worker;
    struct shards *shards;
    struct periodic schedule;
    unsigned key_generation; /* of engine->secrets, when the keys were loaded last */
    struct seal_shard v[SHARDS];
    int64_t next_anchor_us, next_error_log_us; /* monotonic */
};

void seals_init(struct seals *seals, struct worker_context *w, struct shards *shards);
void seals_tick(struct seals *seals);

#endif
