/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Obtains the leases of shards up to this worker's fair share, renews them, and gives them back. */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "app/worker/heartbeat.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* Another worker has the shards of one that died after LEASE_MS and one interval at most. */
enum { LEASE_MS = 6000 };

struct leases {
    struct worker_context *worker;
    struct shards *shards;
    const struct heartbeat *heartbeat;
    struct periodic schedule;
    struct command *acquire_cmds[SHARDS]; /* NULL: nothing was queued for the shard */
    size_t logged_count;                  /* leases held, as logged last */
    unsigned rr_cursor;                   /* the shard with which the search for free ones starts */
};

void leases_init(struct leases *leases, struct worker_context *w, struct shards *shards,
                 const struct heartbeat *heartbeat);
void leases_tick(struct leases *leases);
/* Queues commands that give back all leases; they count as lost at once. */
void leases_queue_release(struct leases *leases, struct pipeline *pipeline);

#endif
