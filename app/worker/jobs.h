/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs jobs of the queue in Redis, several at a time. Each kind of job has a row in the table
 * job_kinds (loop.c), and a file with a step function, which works like the handler of a route: it
 * queues commands, and is called again with their replies. */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "app/base/problem.h"
#include "app/http/route.h"
#include "app/store/queue.h"
#include "app/worker/http.h"
#include "app/worker/task.h"

/* Most jobs that one worker runs at the same time. */
enum { JOBS_AT_ONCE = 16 };

struct jobs;

struct job {
    struct jobs *jobs;
    struct queue_job queued; /* entry of the queue; its texts live in the arena of task */
    struct task *task;       /* the task in which the job runs; NULL: this place is free */
    struct problem problem;  /* why the job has failed; PROBLEM_NONE: it has not */
    void *state; /* state of the step function between its calls; NULL at the first call */
    struct {
        struct str kind, body; /* kind.p NULL: there is no follow-up job */
    } follow_up;     /* the job that replaces this one in the queue when this one is finished */
    bool progressed; /* part of the work is stored: earlier failed attempts no longer count */
    /* the job was not started for lack of capacity; this does not count as a failed attempt */
    bool no_capacity;
    unsigned kind; /* index in jobs->kinds; kind_count for an unknown kind */
    /* While the job becomes a dead letter. A job of a kind with names_letter: the command that
     * reads the existing dead letter that its body names. Any other job: the command that
     * on_dead_letter has sent; NULL at its first call. */
    struct command *dead_letter_cmd;
    /* Why a job whose body is the id of a dead letter (names_letter) was given up: is written into
     * that letter. */
    struct str dead_reason;
    struct http_call call;      /* the HTTP request of a job that sends one (job_call) */
    struct curl_slist *headers; /* HTTP headers of call; NULL: none */
    bool calling; /* true: call is running; the step function is called again after its response */
};

/* The step function of a kind of job. It queues commands on job->task->pipeline and returns
 * STEP_MORE to be called again with their replies, or returns STEP_DONE when the job has ended,
 * successful or not (job->problem). A problem with the code SERVICE_UNAVAILABLE is temporary, and
 * the job is tried again; any other problem makes the job a dead letter at once. */
typedef enum step job_step(struct worker_context *worker, struct job *job);

/* Called when the dead letter of a job is stored, for a kind of job on which something else
 * depends, for example the status of a batch. It queues commands; if it has queued any, it is
 * called once more with their replies. */
typedef void job_on_dead_letter(struct worker_context *worker, struct job *job);

/* A row of the table of kinds. The order of the rows is the order of the labels of METRIC_JOBS. */
struct job_kind {
    struct str name; /* name of the kind in the queue */
    job_step *step;
    int attempts_max; /* failed attempts after which a job becomes a dead letter */
    /* Called when the dead letter is stored: updates what depends on the job, such as the status of
     * its batch; NULL: nothing does. */
    job_on_dead_letter *on_dead_letter;
    bool names_letter; /* the body is the id of a dead letter, which is updated if the job fails */
    bool names_batch;  /* the body names a batch and no student: a dead letter keeps it */
};

struct jobs {
    struct worker_context *worker;
    struct http *http;
    const struct job_kind *kinds;
    unsigned kind_count;
    struct job places[JOBS_AT_ONCE]; /* a place has a running job, or is free */
    size_t running;                  /* number of running jobs: places that are not free */
    /* Number of jobs read so far: where jobs_share_capacity continues its fixed order of
     * priorities. */
    unsigned rr_cursor;
    /* Monotonic times before which no read, no claim (taking over the jobs of a dead worker) and no
     * renewal starts. */
    int64_t next_read_us, next_claim_us, next_renew_us;
    unsigned idle_reads; /* reads of the queue since the last one that found a job */
    bool reading;        /* a task that reads the queue is running */
};

/* Called in every loop iteration: reads the queue and starts jobs, and renews the running ones,
 * when that is due. */
void jobs_tick(struct jobs *jobs);
/* Returns the number of jobs whose HTTP call is running. */
size_t jobs_active_calls(const struct jobs *jobs);
void jobs_close(struct jobs *jobs); /* frees the HTTP calls of all jobs, also running ones */

/* Starts the HTTP call job->call with the headers job->headers; the step function has filled the
 * URL, the body and the limits. Returns true if the call runs: the step function must then return
 * STEP_MORE and is called again with the response. Returns false when out of memory. */
bool job_call(struct job *job);

#endif
