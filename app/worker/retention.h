/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletes outdated data that does not expire by itself: entries of streams and fields of hashes
 * that are still written to. Runs when a worker starts and once a day, in the worker that holds the
 * lease of shard 0. */
#ifndef WORKER_RETENTION_H
#define WORKER_RETENTION_H

#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct retention {
    struct worker_context *worker;
    const struct shards *shards;
    struct periodic schedule; /* a run is one step: one SCAN with its deletions */
    char cursor[24];          /* of SCAN; empty: no pass is in progress */
    size_t scan;              /* the row of the table of scans that is in progress */
    uint64_t scanned;         /* keys found in this pass */
};

void retention_init(struct retention *retention, struct worker_context *w,
                    const struct shards *shards);
void retention_tick(struct retention *retention);

#endif
