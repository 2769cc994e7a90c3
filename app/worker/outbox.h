/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishes the events in the outboxes of the shards that this worker holds. One event of a shard
 * at a time, so that the order of each student's events is preserved; several shards at the same
 * time. Each attempt reads the event from the store first, because an erasure may have removed it
 * since the last attempt: nothing to publish is retained in memory. */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "app/store/outbox.h"
#include "app/worker/shards.h"
#include "app/worker/sidecar.h"
#include "app/worker/task.h"

struct outbox_shard {
    struct task *task; /* of the running attempt; its arena has the entry's texts. NULL: none */
    struct outbox_entry entry;
    struct command *read_cmd, *remove_cmd; /* remove_cmd NULL: there is nothing to remove */
    uint64_t erasures_seen;                /* erasures in the pool when the attempt started */
    char tried_id[STREAM_ID_SIZE];         /* the entry of the last attempt */
    char remove_id[STREAM_ID_SIZE];        /* the entry to remove from the store; empty: none */
    int64_t next_run_us;                   /* monotonic; no attempt starts earlier */
    int failed_attempts;                   /* to publish tried_id, by this worker */
    int backoffs;                          /* in succession: each is longer than the one before */
    long http_status;                      /* of the last response to tried_id; 0: there was none */
    bool waits_for_sidecar;                /* next_run_us is the pause for an unavailable sidecar */
};

struct outbox {
    struct worker_context *worker;
    struct shards *shards;
    struct sidecar *sidecar;
    struct outbox_shard v[SHARDS];
    size_t reading;     /* attempts that have not reached the sidecar yet */
    unsigned rr_cursor; /* the shard with which the next tick starts: round robin */
};

void outbox_tick(struct outbox *outbox);

#endif
