/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules the runs of a subsystem, one task at a time (see periodic.h). The interval counts from
 * the start of a run if the subsystem calls periodic_schedule at the start, and from the end of the
 * run if it calls the function at the end. */
#include "app/worker/periodic.h"

void periodic_init(struct periodic *p, struct worker_context *w, int64_t delay_us)
{
    *p = (struct periodic){.worker = w, .next_run_us = w->now_us + delay_us};
}

/* Returns true if a run may start now. Otherwise, if only the time is missing, arranges a
 * wake-up. */
bool periodic_due(const struct periodic *p)
{
    if (p->running)
        return false;
    if (p->worker->now_us >= p->next_run_us)
        return true;
    worker_wake_at(p->worker, p->next_run_us);
    return false;
}

struct task *periodic_begin(struct periodic *p, unsigned shard, void *owner)
{
    struct task *task = periodic_due(p) ? task_begin(p->worker, shard, owner) : NULL;

    if (task)
        p->running = true;
    return task;
}

void periodic_end(struct periodic *p, struct task *task)
{
    p->running = false;
    task_end(task);
}

void periodic_schedule(struct periodic *p, int64_t delay_us)
{
    p->next_run_us = p->worker->now_us + delay_us;
}
