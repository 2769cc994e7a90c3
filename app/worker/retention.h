/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletes outdated data that Redis does not expire by itself: old entries of streams and old fields
 * of hashes, whose keys are still written to. Each worker does so hourly for the students of its
 * shards who are due by the lists of these shards (app/store/retention.h). The worker that holds
 * the lease of shard 0 also looks for keys that no list has, at most some hundred a second, when it
 * starts and once a day. */
#ifndef WORKER_RETENTION_H
#define WORKER_RETENTION_H

#include "app/store/scan_cursor.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct retention {
    struct worker_context *worker;
    const struct shards *shards;
    /* when the next step of the scan runs: one SCAN, and what is done about the keys found */
    struct periodic schedule;
    char cursor[SCAN_CURSOR_SIZE]; /* cursor of the next SCAN; empty: no pass is in progress */
    uint64_t scanned;              /* number of keys that this pass has found */
    /* when the next step of the pass over the lists runs: those of a few shards */
    struct periodic due_schedule;
    unsigned due_shard; /* the first of these shards */
    bool has_found_due; /* this pass has found students who are due */
};

/* Prepares two passes that delete entries that are too old: one over the lists of students who are
 * due, and one over all keys (scan), which finds what is in no list. */
void retention_init(struct retention *retention, struct worker_context *worker,
                    const struct shards *shards);
/* Called in every loop iteration: starts the next steps, or new passes, if they are due. */
void retention_tick(struct retention *retention);

#endif
