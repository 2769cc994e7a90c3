/* SPDX-License-Identifier: GPL-3.0-or-later */
/* This worker's signs of life, and those of the others: how many there are says how many shards are
 * a fair share. */
#ifndef WORKER_HEARTBEAT_H
#define WORKER_HEARTBEAT_H

#include "app/base/ids.h"
#include "app/store/workers.h"

struct worker;

struct peer {
    char id[UUID_TEXT_SIZE];
    int64_t beats;
    int64_t last_beat_us; /* when its count moved last */
};

struct heartbeat {
    struct peer peers[WORKERS_MAX]; /* the others that live */
    size_t count;
    int64_t beats;
    int64_t next_run_us;
    bool busy;
};

void heartbeat_tick(struct worker *w);
/* Living workers, this one among them. */
size_t heartbeat_live_workers(const struct worker *w);

#endif
