/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finishes changes of rosters and new batches that were begun in several round trips and cut short,
 * for example because the process died (store/unfinished.h). Only the worker with the lease of
 * shard 0 does this. */
#ifndef WORKER_UNFINISHED_H
#define WORKER_UNFINISHED_H

#include "app/service/roster.h"
#include "app/store/unfinished.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* The runs that finish changes of cohorts and batches whose process died. The list of unfinished
 * changes is in Redis (store/unfinished.h); one run finishes its oldest entry. */
struct unfinished {
    struct worker_context *worker;
    const struct shards *shards;
    struct periodic schedule;
    struct command *oldest_cmd;  /* reads the oldest entry of the list of unfinished changes */
    enum unfinished_kind kind;   /* what the entry names: a cohort or a batch */
    struct str id;               /* id of the cohort or batch; in the arena of the task */
    struct roster_change roster; /* UNFINISHED_COHORT: the change of its roster */
    struct command *batch_cmd;   /* UNFINISHED_BATCH: reads the batch; NULL: not sent yet */
    bool batch_queued;           /* UNFINISHED_BATCH: its jobs were queued, if it had none */
};

/* Prepares the runs, which complete interrupted changes of cohorts and batches. */
void unfinished_init(struct unfinished *unfinished, struct worker_context *worker,
                     const struct shards *shards);
/* Called in every loop iteration: starts a run, which completes the oldest interrupted change of a
 * cohort or batch, if one is due. */
void unfinished_tick(struct unfinished *unfinished);

#endif
