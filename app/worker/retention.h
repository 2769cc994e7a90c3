/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletes outdated data that Redis does not expire by itself: old entries of streams and old fields
 * of hashes, whose keys are still written to. Each shard has a list of students with the days on
 * which some of their data will be too old (app/store/retention.h). Once an hour each worker
 * processes the students in the lists of its shards who are due. The worker that holds the lease of
 * shard 0 also looks for students who are in no list: it scans all keys, at most some hundred a
 * second, when it starts and once a day. */
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
    /* when the next step of the pass over the lists runs; a step reads the lists of a few shards */
    struct periodic due_schedule;
    unsigned due_shard; /* the first shard of that step */
    /* this pass over the lists has found students who are due: the next pass follows at once */
    bool has_found_due;
};

/* Prepares two passes that delete entries that are too old: one over the lists of students who are
 * due, and one over all keys (scan), which finds what is in no list. */
void retention_init(struct retention *retention, struct worker_context *worker,
                    const struct shards *shards);
/* Called in every loop iteration: starts the next steps, or new passes, if they are due. */
void retention_tick(struct retention *retention);

#endif
