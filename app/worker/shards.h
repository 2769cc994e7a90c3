/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of each shard that several subsystems share: whether this worker holds its lease, and
 * what its journal and its outbox have to do. leases.c obtains leases; journal.c, outbox.c and
 * journal_wait.c set and read the marks; every subsystem may report a lease as lost. Nothing here
 * talks to the store. */
#ifndef WORKER_SHARDS_H
#define WORKER_SHARDS_H

#include "app/store/keys.h"
#include "app/store/stream.h"
#include "app/worker/context.h"

struct shard {
    int64_t lease_end_us; /* monotonic; 0: not held. Somewhat earlier than the end in the store */
    char journal_last_id[STREAM_ID_SIZE]; /* the last journal entry that this worker has read */
    bool journal_pending;                 /* its journal may have entries */
    bool journal_busy;                    /* its journal is being processed */
    bool outbox_pending;                  /* its outbox may have more events */
    bool outbox_busy; /* an event of it is being published, or is to be removed from the store */
};

struct shards {
    const struct worker_context *worker;
    struct shard v[SHARDS];
    size_t held_count; /* leases that this worker holds */
};

/* worker must live as long as shards. */
void shards_init(struct shards *shards, const struct worker_context *worker);
/* Whether the lease is held at the time at which this loop iteration started. */
bool shards_lease_held(const struct shards *shards, unsigned shard);
/* Whether the lease is held at this moment: reads the clock. */
bool shards_lease_held_now(const struct shards *shards, unsigned shard);
/* The lease is ours until end_us (monotonic). A shard that was not held becomes pending, because
 * its earlier holder may have left work behind. */
void shards_lease_gained(struct shards *shards, unsigned shard, int64_t end_us);
/* The lease was given back, or a script has reported that another worker holds it. */
void shards_lease_lost(struct shards *shards, unsigned shard);

#endif
