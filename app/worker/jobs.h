/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the jobs of the queue, some at a time. Each kind is a row of the table in jobs.c and a file
 * of its own: a step function like a route's handler. */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "app/base/problem.h"
#include "app/http/route.h"
#include "app/store/queue.h"
#include "app/worker/http.h"
#include "app/worker/task.h"

enum { JOBS_AT_ONCE = 16 };

struct job {
    struct queue_job q;     /* its texts live in the task */
    struct task *task;      /* NULL: this place is free */
    struct problem problem; /* a code other than NONE: it has failed */
    void *state;            /* its kind's own between its rounds, NULL at first */
    struct {
        struct str kind, body; /* kind.p NULL: none */
    } follow_up;               /* the job that takes its place in the queue when it is finished */
    bool progressed;           /* though it has failed, another try will begin further on */
    bool no_capacity;          /* there was no room to do it: no try */
    unsigned kind;             /* place in the table, and word of METRIC_JOBS */
    struct command *dead_cmd;
    struct http_call call; /* of kinds that call others */
    struct curl_slist *headers;
    bool calling; /* the call is under way: its answer, and not the store's, is waited for */
};

/* Asks by job->task->asks, as a handler does. A problem that is SERVICE_UNAVAILABLE is tried again;
 * any other means that it never will succeed. */
typedef enum step job_step(struct worker *w, struct job *job);

extern job_step job_event;    /* job_event.c: a learning event that is to be counted */
extern job_step job_batch;    /* job_batch.c: a part of a batch */
extern job_step job_callback; /* job_callback.c: tells that a batch has ended */

/* The job will never succeed, and that concerns others: called when it is kept as a dead letter, to
 * ask for what must be, and again after that round. job->ended is NULL the first time. */
typedef void job_on_dead_letter(struct worker *w, struct job *job);
extern job_on_dead_letter job_batch_on_dead_letter;

/* Begins job->call, which is filled but for what is the job's own, with job->headers: its step is
 * called again when there is an answer. False without memory. To be followed by STEP_MORE. */
bool job_call(struct worker *w, struct job *job);

/* The body of a job about a batch: {"batch":ID,"from":N}. False with job->problem. */
struct batch_body {
    struct str batch;
    int64_t from; /* 0 where it does not count */
};
bool job_parse_batch_body(struct job *job, struct batch_body *ret);

struct jobs {
    struct job v[JOBS_AT_ONCE];
    size_t running;
    unsigned rr_cursor;                                 /* which level comes next */
    int64_t next_read_us, next_claim_us, next_renew_us; /* when each is due */
    bool reading;
};

void jobs_tick(struct worker *w);
size_t jobs_active_calls(const struct worker *w); /* how many have a call under way */
bool jobs_busy(const struct worker *w);
void jobs_close(struct worker *w); /* lets go of calls that are under way */

#endif
