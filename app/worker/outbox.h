/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishes what lies in the outboxes of our shards to the Dapr sidecar: one event of a shard at a
 * time, so that each student's order holds; some shards at a time. What became of each try (see
 * sidecar.h) says whether it leaves, waits, or dies. */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "app/store/keys.h"
#include "app/store/outbox.h"
#include "app/worker/sidecar.h"
#include "app/worker/task.h"

struct outbox_shard {
    struct task *task; /* keeps the entries at hand; NULL: none are */
    struct outbox_entry *entries;
    size_t count, at; /* entries[at] is to be published next */
    struct ask *asked;
    int64_t again_us; /* not before */
    int tries;        /* failed ones of entries[at], by our count */
    int pauses;       /* in a row: each is longer */
    bool news;        /* there may be more entries in the store */
    bool busy;        /* the store or the sidecar is being asked */
    bool was_away;    /* waits for the sidecar to come back */
};

struct outbox {
    struct outbox_shard shards[SHARDS];
    unsigned first;
};

void outbox_tick(struct worker *w);
bool outbox_busy(const struct worker *w);
bool outbox_busy_with(const struct worker *w, unsigned shard);
/* Something may have come into the shard's outbox. */
void outbox_news(struct worker *w, unsigned shard);
/* The sidecar has answered what this shard had published, or has not. */
void outbox_published(struct worker *w, unsigned shard, enum publish_outcome outcome,
                      const struct http_call *call);
/* The sidecar is back: what waited for it need not wait for the end of its pause. */
void outbox_wake_all(struct worker *w);

#endif
