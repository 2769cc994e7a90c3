/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completes erasures (removals of all data of a student) whose process ended or failed in the
 * middle. One erasure runs at a time, in the worker that holds the lease of shard 0. Also makes
 * Redis rewrite its append-only file (AOF), which still contains erased data: within seconds, but
 * at most once an hour. */
#ifndef WORKER_ERASURES_H
#define WORKER_ERASURES_H

#include "app/service/erase.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct erasures {
    struct worker_context *worker;
    const struct shards *shards;
    struct periodic schedule;
    struct erase erase; /* progress of the erasure of students[current] */
    /* ids of the students whose unfinished erasures this run has read */
    char students[ERASURES_UNFINISHED_MAX][ID_MAX + 1];
    size_t count, current;      /* number of students; index of the student being erased */
    bool any_failed;            /* true: the erasure of a student of this run was not completed */
    struct str rewrite_request; /* id of the request for an AOF rewrite, in the memory of the task;
                                   p NULL: no request */
    int64_t rewrite_due_us;     /* monotonic time before which no AOF rewrite is started */
    /* pause before the next try if not all nodes have started a rewrite */
    int64_t rewrite_pause_us;
    struct command *unfinished_cmd; /* reads the unfinished erasures */
    struct command *cmd; /* reads the request for an AOF rewrite, later starts the rewrite */
};

/* Prepares the runs, which complete interrupted erasures of students. */
void erasures_init(struct erasures *erasures, struct worker_context *worker,
                   const struct shards *shards);
/* Called in every loop iteration: starts a run, which completes interrupted erasures, if one is
 * due. */
void erasures_tick(struct erasures *erasures);
/* Frees what an interrupted erasure has allocated, at the end of the process. */
void erasures_close(struct erasures *erasures);

#endif
