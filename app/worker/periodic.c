/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules the runs of a subsystem, one task at a time (see periodic.h). The interval counts from
 * the start of a run if the subsystem calls periodic_schedule at the start, and from the end of the
 * run if it calls the function at the end. */
#include "app/worker/periodic.h"

void periodic_init(struct periodic *periodic, struct worker_context *worker, int64_t delay_us)
{
    *periodic = (struct periodic){.worker = worker, .next_run_us = worker->now_us + delay_us};
}

/* Returns true if a run may start now. Otherwise, if only the time is missing, arranges a
 * wake-up. */
bool periodic_due(const struct periodic *periodic)
{
    if (periodic->running)
        return false;
    if (periodic->worker->now_us >= periodic->next_run_us)
        return true;
    worker_wake_at(periodic->worker, periodic->next_run_us);
    return false;
}

struct task *periodic_begin(struct periodic *periodic, unsigned shard, void *owner)
{
    struct task *task = periodic_due(periodic) ? task_begin(periodic->worker, shard, owner) : NULL;

    if (task)
        periodic->running = true;
    return task;
}

void periodic_end(struct periodic *periodic, struct task *task)
{
    periodic->running = false;
    task_end(task);
}

void periodic_schedule(struct periodic *periodic, int64_t delay_us)
{
    periodic->next_run_us = periodic->worker->now_us + delay_us;
}
