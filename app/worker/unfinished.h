/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finishes what was begun in several steps and was cut short: changes of rosters, new batches
 * (store/unfinished.h). Only the worker with the lease of shard 0 does this. */
#ifndef WORKER_UNFINISHED_H
#define WORKER_UNFINISHED_H

#include "app/service/roster.h"
#include "app/store/unfinished.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* One run finishes the oldest entry of the list. */
struct unfinished {
    struct worker_context *worker;
    const struct shards *shards;
    struct periodic schedule;
    struct command *oldest_cmd; /* reads the entry */
    enum unfinished_kind kind;
    struct str id;               /* of the cohort or batch; in the arena of the task */
    struct roster_change roster; /* for UNFINISHED_COHORT */
    struct command *batch_cmd;   /* for UNFINISHED_BATCH: reads the batch; NULL: not sent yet */
};

void unfinished_init(struct unfinished *unfinished, struct worker_context *w,
                     const struct shards *shards);
void unfinished_tick(struct unfinished *unfinished);

#endif
