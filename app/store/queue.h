/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A queue of jobs for the workers: three Redis Streams, queue:{batch}:high, :normal and :low, with
 * one consumer group. A job that a worker has read is pending until the worker finishes it, delays
 * it or moves it to the dead letters (items that were given up). Another worker claims (takes over)
 * the pending jobs of a worker that died. Every change of a job checks that the job is still
 * assigned to the caller, so a worker that was stopped while another one claimed its jobs changes
 * nothing.
 *
 * The stream entry of a job has the fields k (kind), b (body) and t (failed attempts). A job to
 * retry later is in the sorted set queue:{batch}:later until it is due. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "app/store/stream.h"

enum queue_priority { QUEUE_HIGH, QUEUE_NORMAL, QUEUE_LOW, QUEUE_PRIORITIES };

enum { QUEUE_READ_MAX = 32 }; /* most jobs that one command reads or requeues */

struct queue_job {
    enum queue_priority priority;
    struct str id;    /* id of the stream entry */
    struct str kind;  /* selects the function that runs the job */
    struct str body;  /* JSON or text; the kind decides */
    int64_t attempts; /* number of failed attempts, including those whose worker died */
};

/* Appends a job to the stream of its priority. */
void queue_cmd_add(struct pipeline *pipeline, enum queue_priority priority, struct str kind,
                   struct str body);

/* Reads at most `room` new jobs and assigns them to worker: first up to share[priority] jobs of
 * each priority, then, if that leaves room, more jobs from the highest priority down. Creates the
 * consumer group if it does not exist. */
struct command *queue_cmd_read(struct pipeline *pipeline, struct str worker, size_t room,
                               const size_t share[QUEUE_PRIORITIES]);
/* Assigns to worker at most `room` pending jobs that no worker has renewed for idle_ms. */
struct command *queue_cmd_claim(struct pipeline *pipeline, struct str worker, size_t room,
                                int64_t idle_ms);
/* Parses the reply to queue_cmd_read or queue_cmd_claim. ret_jobs has room for QUEUE_READ_MAX jobs.
 * Texts point into the reply. False with p set when the reply is an error or not a list of jobs. */
bool queue_parse_jobs(const struct command *command, struct queue_job *ret_jobs, size_t *ret_count,
                      struct problem *p);

/* Resets the idle time of the worker's job, so that no other worker claims it. */
void queue_cmd_renew(struct pipeline *pipeline, struct str worker, const struct queue_job *job);
/* Removes the job. The reply is 1 if it was removed, 0 if it was not assigned to this worker or was
 * deleted before. */
struct command *queue_cmd_finish(struct pipeline *pipeline, struct str worker,
                                 const struct queue_job *job);
/* Removes the job and appends another job of the same priority, atomically. */
void queue_cmd_replace(struct pipeline *pipeline, struct str worker, const struct queue_job *job,
                       struct str kind, struct str body);
/* Delays the job: removes it from its stream until due_ms (milliseconds since the epoch), when it
 * is appended again with one more failed attempt. The reply is that of queue_cmd_finish. */
struct command *queue_cmd_retry_later(struct pipeline *pipeline, struct str worker,
                                      const struct queue_job *job, int64_t due_ms);
/* Appends the delayed jobs that are due to their streams again, at most QUEUE_READ_MAX of them. */
void queue_cmd_requeue_due(struct pipeline *pipeline, int64_t now_ms);
/* Removes the worker from the consumer group, if it has no pending jobs. */
void queue_cmd_remove_consumer(struct pipeline *pipeline, struct str worker);

#endif
