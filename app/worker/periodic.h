/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schedule of a subsystem that repeats its work in one task at a time, for example a heartbeat
 * or a scan over all keys. The subsystem itself decides whether it may run (draining, leases). */
#ifndef WORKER_PERIODIC_H
#define WORKER_PERIODIC_H

#include "app/worker/task.h"

struct periodic {
    struct worker_context *worker;
    int64_t next_run_us; /* monotonic; earliest start of the next run */
    bool running;        /* true: a run has started, and its task has not ended yet */
};

/* Prepares the schedule: the first run is due delay_us after the start of this loop iteration.
 * worker must live as long as periodic. */
void periodic_init(struct periodic *periodic, struct worker_context *worker, int64_t delay_us);
/* Returns true if the time of the next run is reached and no run is in progress. If only the time
 * is not reached, the worker wakes at that time. */
bool periodic_due(const struct periodic *periodic);
/* Starts a run if one is due and returns its task. Returns NULL if none is due, or when out of
 * memory; in the second case the run stays due. */
struct task *periodic_begin(struct periodic *periodic, unsigned shard, void *owner);
/* Ends the run and its task. Does not change the time of the next run. */
void periodic_end(struct periodic *periodic, struct task *task);
/* Sets the time of the next run to delay_us after the start of this loop iteration. */
void periodic_schedule(struct periodic *periodic, int64_t delay_us);

#endif
