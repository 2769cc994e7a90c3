/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishes what lies in the outboxes of our shards to the Dapr sidecar: one event of a shard at a
 * time, so that each student's order holds; some shards at a time. Each try begins with reading the
 * event: an erasure may have taken it since the last one. What became of the try (see sidecar.h)
 * says whether the event leaves, waits, or dies. */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "app/store/keys.h"
#include "app/store/outbox.h"
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
    bool pending;                   /* there may be more entries in the store */
    bool waits_for_sidecar;         /* waits for the sidecar to come back */
};

struct outbox {
    struct outbox_shard shards[SHARDS];
    size_t reading; /* shards whose try has begun, and has not come to the sidecar yet */
    unsigned rr_cursor;
};

void outbox_tick(struct worker *w);
bool outbox_busy(const struct worker *w);
bool outbox_shard_busy(const struct worker *w, unsigned shard);
/* Something may have come into the shard's outbox. */
void outbox_mark_pending(struct worker *w, unsigned shard);
/* The last look before the first byte: no erasure has ended since the event was read. */
bool outbox_may_send(const struct worker *w, unsigned shard);
/* The sidecar has answered what this shard had published, or has not. */
void outbox_on_result(struct worker *w, unsigned shard, enum publish_outcome outcome,
                      const struct http_call *call);
/* The sidecar is back: what waited for it need not wait for the end of its pause. */
void outbox_resume_all(struct worker *w);

#endif
