/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends this worker's heartbeat to the store and reads those of the others: the number of living
 * workers determines how many shards are a fair share. */
#ifndef WORKER_HEARTBEAT_H
#define WORKER_HEARTBEAT_H

#include "app/store/workers.h"
#include "app/worker/journal.h"
#include "app/worker/periodic.h"
#include "app/worker/sidecar.h"

struct peer {
    char id[UUID_TEXT_SIZE];
    int64_t beats;        /* its counter, as read last */
    int64_t last_beat_us; /* monotonic; when its counter was seen to change last */
};

struct heartbeat {
    struct worker_context *worker;
    const struct shards *shards;
    struct journal *journal;
    const struct sidecar *sidecar;
    struct periodic schedule;
    struct peer peers[WORKERS_MAX]; /* the other workers that live */
    size_t count;
    int64_t beats; /* sent by this worker */
};

void heartbeat_tick(struct heartbeat *heartbeat);
/* The number of living workers, this one included: 1 or more. */
size_t heartbeat_live_workers(const struct heartbeat *heartbeat);

#endif
