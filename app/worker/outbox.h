/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishes the events in the outboxes of the shards that this worker holds. An outbox is a stream
 * in Redis with events that the sidecar (the Dapr process through which events are published) has
 * not accepted yet, one stream for each shard. Of each shard one event is published at a time,
 * which preserves the order of each student's events; several shards are served at the same time.
 * Each attempt reads the event from Redis first, because an erasure may have removed it since the
 * last attempt: no event is retained in memory between attempts. */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "app/store/outbox.h"
#include "app/worker/shards.h"
#include "app/worker/sidecar.h"
#include "app/worker/task.h"

/* The outbox of one shard. */
struct outbox_shard {
    /* Task of the running attempt to publish an event; NULL: none is running. Its memory has the
     * texts of `entry`. */
    struct task *task;
    struct outbox_entry entry;  /* oldest event of the outbox, read by the running attempt */
    struct command *read_cmd;   /* reads the oldest entry that is not removed */
    struct command *remove_cmd; /* removes remove_id; NULL: there is nothing to remove */
    /* how many erasures all processes had completed when the attempt started */
    uint64_t erasures_seen;
    char tried_id[STREAM_ID_SIZE];  /* id of the entry of the last attempt */
    char remove_id[STREAM_ID_SIZE]; /* id of the entry to remove from Redis; empty: none */
    int64_t next_run_us;            /* monotonic; earliest start of the next attempt */
    /* number of pauses in succession, each longer than the one before */
    int backoffs;
    long http_status;       /* HTTP status with which the sidecar refused tried_id; 0: it has not */
    bool waits_for_sidecar; /* true: the last attempt ended with PUBLISH_AWAY */
};

struct outbox {
    struct worker_context *worker;
    struct shards *shards;
    struct sidecar *sidecar;
    struct outbox_shard each[SHARDS]; /* indexed by the number of the shard */
    size_t reading;     /* attempts to publish an event that are still reading it from Redis */
    unsigned rr_cursor; /* the shard with which the next tick starts: round robin */
};

/* Called in every loop iteration: starts the attempts that are due. */
void outbox_tick(struct outbox *outbox);

#endif
