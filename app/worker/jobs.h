/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs jobs of the queue, several at a time. Each kind of job is a row of a table that the loop
 * gives to struct jobs, and a file with a step function, which works like a route's handler. */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "app/base/problem.h"
#include "app/http/route.h"
#include "app/store/queue.h"
#include "app/worker/http.h"
#include "app/worker/task.h"

enum { JOBS_AT_ONCE = 16 };

struct jobs;

struct job {
    struct jobs *jobs;
    struct queue_job queued; /* the entry of the queue; its texts live in the task's arena */
    struct task *task;       /* NULL: this place is free */
    struct problem problem;  /* a code other than PROBLEM_NONE: the job has failed */
    void *state;             /* of its kind, between steps; NULL at the first step */
    struct {
        struct str kind, body; /* kind.p NULL: none */
    } follow_up;               /* the job that replaces this one in the queue when it is finished */
    bool progressed;  /* part of the work is stored: the failed attempts start again at 0 */
    bool no_capacity; /* not started for lack of capacity: not a failed attempt */
    unsigned kind;    /* index of jobs->kinds; kind_count for unknown kinds */
    struct command *dead_letter_cmd; /* queued by job_on_dead_letter; NULL at its first call */
    struct http_call call;           /* of kinds that send HTTP requests */
    struct curl_slist *headers;
    bool calling; /* the call is running; the step continues with its response */
};

/* Queues commands on job->task->pipeline and returns STEP_MORE, or returns STEP_DONE. A problem
 * with the code SERVICE_UNAVAILABLE is temporary; any other makes the job a dead letter at once. */
typedef enum step job_step(struct worker_context *w, struct job *job);

/* For kinds on whose jobs something else depends. Called when the dead letter is stored, to queue
 * commands; if it queued any, called again with their replies. */
typedef void job_on_dead_letter(struct worker_context *w, struct job *job);

struct job_kind {
    struct str name; /* in the queue; in the table, the order of the labels of METRIC_JOBS */
    job_step *step;
    int attempts_max;
    job_on_dead_letter *on_dead_letter; /* may be NULL */
};

struct jobs {
    struct worker_context *worker;
    struct http *http;
    const struct job_kind *kinds;
    unsigned kind_count;
    struct job v[JOBS_AT_ONCE];
    size_t running;
    unsigned rr_cursor;                                 /* the place in the order of priorities */
    int64_t next_read_us, next_claim_us, next_renew_us; /* monotonic */
    bool reading;
};

void jobs_tick(struct jobs *jobs);
/* The number of jobs whose HTTP call is running. */
size_t jobs_active_calls(const struct jobs *jobs);
void jobs_close(struct jobs *jobs); /* releases calls, the running ones too */

/* Starts job->call, of which the step has filled url, body and limits, with job->headers. Returns
 * false without memory, else the step must return STEP_MORE; the next step sees the response. */
bool job_call(struct job *job);

#endif
