/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the jobs of the queue, some at a time. Each kind is a row of the table in jobs.c and a file
 * of its own: a step function like a route's handler. */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "app/base/problem.h"
#include "app/http/route.h"
#include "app/store/queue.h"
#include "app/worker/task.h"

enum { JOBS_AT_ONCE = 16 };

struct job {
    struct queue_job q;     /* its texts live in the task */
    struct task *task;      /* NULL: this place is free */
    struct problem problem; /* a code other than NONE: it has failed */
    void *state;            /* its kind's own between its rounds, NULL at first */
    struct str next;        /* body of the job of its kind that takes its place in the queue, in the
                             * same breath as it is finished; p NULL: none */
    bool got_on;            /* though it has failed, another try will begin further on */
    unsigned kind;          /* place in the table, and word of METRIC_JOBS */
    struct ask *ended;
};

/* Asks by job->task->asks, as a handler does. A problem that is SERVICE_UNAVAILABLE is tried again;
 * any other means that it never will succeed. */
typedef enum step job_step(struct worker *w, struct job *job);

extern job_step job_event; /* job_event.c: a learning event that is to be counted */
extern job_step job_batch; /* job_batch.c: a part of a batch */

/* The job will never succeed, and that concerns others: called before the round in which it is kept
 * as a dead letter, to ask for what must be, and again after it. job->ended is NULL the first time.
 */
typedef void job_dead(struct worker *w, struct job *job);
extern job_dead job_batch_dead;

struct jobs {
    struct job v[JOBS_AT_ONCE];
    size_t busy;
    unsigned wheel;                     /* which level comes next */
    int64_t take_us, claim_us, keep_us; /* when each is due */
    bool taking;
};

void jobs_tick(struct worker *w);
bool jobs_busy(const struct worker *w);

#endif
