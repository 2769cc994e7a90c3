/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of each shard (group of keys in Redis) that several subsystems share: whether this
 * worker holds its lease (time-limited ownership), and whether its journal and outbox have work to
 * do. leases.c obtains leases; journal.c, outbox.c and journal_wait.c set and read the other
 * fields; every subsystem may report that a lease is lost. This file does not access Redis. */
#ifndef WORKER_SHARDS_H
#define WORKER_SHARDS_H

#include "app/store/keys.h"
#include "app/store/stream.h"
#include "app/worker/context.h"

/* The worker that holds the lease of this shard does the work that only one worker may do at a
 * time: retention, calibration, unfinished erasures and changes. */
enum { SINGLE_WORKER_SHARD = 0 };

struct shard {
    /* monotonic; end of the lease, a little earlier than in Redis; 0: not held */
    int64_t lease_end_us;
    int64_t lease_begin_us;               /* monotonic; when this worker obtained the lease */
    char journal_last_id[STREAM_ID_SIZE]; /* id of the last journal entry that was read */
    bool journal_pending;                 /* true: the journal may have entries */
    bool journal_busy;                    /* true: a task processes the journal */
    bool journal_unusable; /* true: the journal's key has another type in Redis (journal.c) */
    bool outbox_pending;   /* true: the outbox may have events to publish */
    /* true: an event is being published, or was published and has to be removed */
    bool outbox_busy;
};

struct shards {
    const struct worker_context *worker;
    struct shard v[SHARDS];
    size_t held_count; /* number of leases that this worker holds */
};

/* Starts without any lease. worker must live as long as shards. */
void shards_init(struct shards *shards, const struct worker_context *worker);
/* Returns true if this worker held the lease at the start of this loop iteration. */
bool shards_lease_held(const struct shards *shards, unsigned shard);
/* Returns true if this worker holds the lease at this moment, for which it reads the clock. */
bool shards_lease_held_now(const struct shards *shards, unsigned shard);
/* Records that this worker has obtained or renewed the lease until end_us (monotonic). If it did
 * not hold the lease before, journal and outbox become pending, because the holder before it may
 * have left work. */
void shards_lease_gained(struct shards *shards, unsigned shard, int64_t end_us);
/* Records that this worker no longer holds the lease: it has given the lease back, or a script has
 * reported another holder. */
void shards_lease_lost(struct shards *shards, unsigned shard);

#endif
