/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs for the workers: three Redis Streams, queue:{batch}:high, :normal and :low, with one
 * consumer group. A job that a worker has read is pending until it is finished, delayed or a dead
 * letter; another worker claims the jobs of one that died. Every change of a job checks that it is
 * still the caller's: a worker that was stopped while another claimed its jobs changes nothing.
 *
 * An entry has the fields k (kind), b (body) and t (failed attempts). A job to retry later is in
 * the sorted set queue:{batch}:later until it is due. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "app/store/stream.h"

enum queue_priority { QUEUE_HIGH, QUEUE_NORMAL, QUEUE_LOW, QUEUE_PRIORITIES };

enum { QUEUE_READ_MAX = 32 };

struct queue_job {
    enum queue_priority priority;
    struct str id;
    struct str kind;
    struct str body;
    int64_t attempts; /* failed ones, including those whose worker died */
};

void queue_cmd_add(struct pipeline *pipeline, enum queue_priority priority, struct str kind,
                   struct str body);

/* Reads at most room new jobs for worker: up to share[priority] of each priority, then the
 * remaining room from the highest priority down. Creates the consumer group if it does not exist.
 */
struct command *queue_cmd_read(struct pipeline *pipeline, struct str worker, size_t room,
                               const size_t share[QUEUE_PRIORITIES]);
/* Claims at most room jobs that no worker has renewed for idle_ms. */
struct command *queue_cmd_claim(struct pipeline *pipeline, struct str worker, size_t room,
                                int64_t idle_ms);
/* Parses the reply to either. ret_jobs has room for QUEUE_READ_MAX. Texts point into the reply. */
bool queue_parse_jobs(const struct command *command, struct queue_job *ret_jobs, size_t *ret_count,
                      struct problem *p);

/* Resets the idle time of the worker's job, so that no other worker claims it. */
void queue_cmd_renew(struct pipeline *pipeline, struct str worker, const struct queue_job *job);
/* Removes the job. Replies 1 if it was the worker's. */
struct command *queue_cmd_finish(struct pipeline *pipeline, struct str worker,
                                 const struct queue_job *job);
/* Removes the job and appends another one of the same priority, in one step. */
void queue_cmd_replace(struct pipeline *pipeline, struct str worker, const struct queue_job *job,
                       struct str kind, struct str body);
/* Removes the job until due_ms, when it is queued again with one more failed attempt. */
struct command *queue_cmd_retry_later(struct pipeline *pipeline, struct str worker,
                                      const struct queue_job *job, int64_t due_ms);
/* Queues the jobs again that are due. */
void queue_cmd_requeue_due(struct pipeline *pipeline, int64_t now_ms);
/* Removes the worker's name from the consumer group, if it has no pending jobs. */
void queue_cmd_remove_consumer(struct pipeline *pipeline, struct str worker);

#endif
