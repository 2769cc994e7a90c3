/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishes what lies in the outboxes of our shards to the Dapr sidecar: one event of a shard at a
 * time, so that each student's order holds; some shards at a time. Each try begins with reading the
 * event: an erasure may have taken it since the last one. What became of the try (see sidecar.h)
 * says whether the event leaves, waits, or dies. */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "app/store/keys.h"
#include "app/store/outbox.h"
#include "app/worker/shards.h"
#include "app/worker/sidecar.h"
#include "app/worker/task.h"

struct outbox_shard {
    struct task *task; /* of the try under way, with its texts; NULL: none is */
    struct outbox_entry entry;
    struct command *read_cmd, *remove_cmd;
    uint64_t erasures_seen;         /* had ended when the try began */
    char tried_id[STREAM_ID_SIZE];  /* of the entry that was tried last */
    char remove_id[STREAM_ID_SIZE]; /* of one that is to be removed; empty: none is */
    int64_t next_run_us;            /* not before */
    int tries;                      /* failed ones of that id, by our count */
    int backoffs;                   /* in a row: each is longer */
    long http_status;               /* of the last answer to it; 0: there was none */
    bool waits_for_sidecar;         /* waits for the sidecar to come back */
};

struct outbox {
    struct worker_context *worker;
    struct shards *shards;
    struct sidecar *sidecar;
    struct outbox_shard v[SHARDS];
    size_t reading; /* shards whose try has begun, and has not come to the sidecar yet */
    unsigned rr_cursor;
};

void outbox_tick(struct outbox *outbox);
bool outbox_busy(const struct outbox *outbox);

#endif
