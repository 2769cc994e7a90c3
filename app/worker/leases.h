/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The leases of shards: taken up to a fair share, renewed, given back. */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "app/store/keys.h"
#include "app/store/store.h"
#include "app/worker/heartbeat.h"
#include "app/worker/shards.h"

/* A worker that dies is followed by another after LEASE_MS and one round at most. */
enum { LEASE_MS = 6000 };

struct leases {
    struct worker_context *worker;
    struct shards *shards;
    struct heartbeat *heartbeat;
    struct command *acquire_cmds[SHARDS];
    size_t logged_held; /* as last logged */
    unsigned rr_cursor; /* the shard at which the search for free ones begins */
    int64_t next_run_us;
    bool busy;
};

void leases_init(struct leases *leases);
void leases_tick(struct leases *leases);
/* Asks to give back all. */
void leases_queue_release(struct leases *leases, struct pipeline *a);

#endif
