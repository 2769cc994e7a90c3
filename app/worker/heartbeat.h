/* SPDX-License-Identifier: GPL-3.0-or-later */
/* This worker's signs of life, and those of the others: how many there are says how many shards are
 * a fair share. */
#ifndef WORKER_HEARTBEAT_H
#define WORKER_HEARTBEAT_H

#include "app/base/ids.h"
#include "app/store/workers.h"
#include "app/worker/journal.h"
#include "app/worker/shards.h"
#include "app/worker/sidecar.h"

struct peer {
    char id[UUID_TEXT_SIZE];
    int64_t beats;
    int64_t last_beat_us; /* when its count moved last */
};

struct heartbeat {
    struct worker_context *worker;
    struct shards *shards;
    struct journal *journal;
    struct sidecar *sidecar;
    struct peer peers[WORKERS_MAX]; /* the others that live */
    size_t count;
    int64_t beats;
    int64_t next_run_us;
    bool busy;
};

void heartbeat_tick(struct heartbeat *heartbeat);
/* Living workers, this one among them. */
size_t heartbeat_live_workers(const struct heartbeat *heartbeat);

#endif
