/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletes outdated data that Redis does not expire by itself: old entries of streams and old fields
 * of hashes, whose keys are still written to. Runs when a worker starts and once a day, in the
 * worker that holds the lease of shard 0. */
#ifndef WORKER_RETENTION_H
#define WORKER_RETENTION_H

#include "app/store/scan_cursor.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct retention {
    struct worker_context *worker;
    const struct shards *shards;
    /* When the next step runs: one SCAN, and in each key found the deletion of what is too old. */
    struct periodic schedule;
    char cursor[SCAN_CURSOR_SIZE]; /* cursor of the next SCAN; empty: no pass is in progress */
    size_t scan;                   /* the scan in progress: an index of scans[] */
    uint64_t scanned;              /* number of keys that this pass has found */
};

/* Prepares the passes over all students, which delete entries that are too old. */
void retention_init(struct retention *retention, struct worker_context *worker,
                    const struct shards *shards);
/* Called in every loop iteration: starts the next step of a pass, which deletes old data of all
 * students, or a new pass, if one is due. */
void retention_tick(struct retention *retention);

#endif
