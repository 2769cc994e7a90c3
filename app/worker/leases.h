/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Obtains leases of shards (a lease is the time-limited ownership of a group of keys) up to this
 * worker's fair share, renews them, and gives them back. */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "app/worker/heartbeat.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* Duration of a lease in ms. If a worker dies, other workers obtain its shards after this time plus
 * at most the second between two calls of leases_tick that send commands. */
enum { LEASE_MS = 6000 };

struct leases {
    struct worker_context *worker;
    struct shards *shards;
    const struct heartbeat *heartbeat;
    struct periodic schedule;
    /* by shard: acquires or renews the lease in the current interval; NULL: none was sent */
    struct command *acquire_cmds[SHARDS];
    size_t logged_count; /* number of held leases in the last log line worker.leases */
    unsigned rr_cursor;  /* the shard with which the search for free leases starts */
};

/* Starts without leases (rights of this worker to process shards). */
void leases_init(struct leases *leases, struct worker_context *worker, struct shards *shards,
                 const struct heartbeat *heartbeat);
/* Called in every loop iteration: renews this worker's leases before they end and acquires free
 * ones, once in an interval. */
void leases_tick(struct leases *leases);
/* Queues commands that give back all leases that this worker holds. In this process the leases
 * count as lost at once. */
void leases_queue_release(struct leases *leases, struct pipeline *pipeline);

#endif
