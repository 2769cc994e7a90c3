/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a subsystem runs that does its work in one task at a time, again and again: a heartbeat, a
 * scan over all keys. Whether it may run at all (draining, leases) is decided by the subsystem. */
#ifndef WORKER_PERIODIC_H
#define WORKER_PERIODIC_H

#include "app/worker/task.h"

struct periodic {
    struct worker_context *worker;
    int64_t next_run_us; /* monotonic; a run starts no earlier */
    bool running;        /* its task has not ended yet */
};

/* The first run is due after delay_us. w must live as long as p. */
void periodic_init(struct periodic *p, struct worker_context *w, int64_t delay_us);
/* Whether a run is due and none is running. If only the time is missing, the worker wakes then. */
bool periodic_due(const struct periodic *p);
/* Starts a run if one is due and returns its task; NULL: not due, or no memory, then it stays due.
 */
struct task *periodic_begin(struct periodic *p, unsigned shard, void *owner);
/* Ends the run and its task, but leaves the time of the next run as it is. */
void periodic_end(struct periodic *p, struct task *task);
/* The next run is due delay_us after this loop iteration. */
void periodic_schedule(struct periodic *p, int64_t delay_us);

#endif
