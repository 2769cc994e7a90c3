/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seals new audit records that are in the forms of schema 1 (of version 0.1.0), in the shards whose
 * leases this worker holds: once a second, or every ten seconds when newer records are in segments
 * instead (audit_segments.h). A seal closes a group of records and is a link of the HMAC chain of
 * its shard (app/service/audit_chain.h); the MAC of the latest seal is the head of the chain. A new
 * head is written to the Redis hash audit:heads at once, and to the log once a minute (such a log
 * line is an anchor). The log is stored outside Redis; a comparison with it shows whether the end
 * of a chain was removed in Redis. */
#ifndef WORKER_SEAL_H
#define WORKER_SEAL_H

#include "app/service/audit_chain.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* The chain of one shard. */
struct seal_shard {
    struct audit_link link;      /* end of the chain in Redis; valid if link_known */
    struct audit_link next_link; /* end of the chain after the seal that is being stored */
    struct command *cmd;         /* command of the current round trip; NULL: none for this shard */
    size_t next_count;           /* number of records under the seal that is being stored */
    bool link_known;             /* false: the latest seal has to be read from Redis first */
    bool unanchored;             /* true: the chain has grown since the last anchor */
};

struct seals {
    struct worker_context *worker;
    struct shards *shards;
    struct periodic schedule;
    /* generation (number of the reload) of the secrets whose keys are in use */
    unsigned key_generation;
    struct seal_shard v[SHARDS];
    /* monotonic: when the next anchors are due; when a bad chain may be logged again */
    int64_t next_anchor_us, next_error_log_us;
};

/* Prepares the runs, which add seals (HMACs of new records) to the audit logs of shards. */
void seals_init(struct seals *seals, struct worker_context *w, struct shards *shards);
/* Called in every loop iteration: starts a run, which seals the audit logs of this worker's shards,
 * if one is due. */
void seals_tick(struct seals *seals);

#endif
