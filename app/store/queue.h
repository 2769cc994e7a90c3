/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs for the worker: three Redis Streams, queue:{batch}:high, :normal and :low, with one consumer
 * group. A job that a worker has taken is pending until it is finished, put off or dead; what a
 * worker that died had taken is claimed by another. Every change of a job looks whether it is still
 * the caller's: a worker that was stopped while another claimed its jobs changes nothing.
 *
 * An entry has the fields k (kind), b (body) and t (failed tries). What is to be tried again later
 * lies in the sorted set queue:{batch}:later until its time comes. */
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
    int64_t attempts; /* that failed before, deaths of workers among them */
};

void queue_cmd_add(struct pipeline *a, enum queue_priority level, struct str kind, struct str body);

/* Takes at most room new jobs for worker: first[level] of each level, as far as there are any, and
 * what room is left then from the highest down. Makes the group when it is not there. */
struct command *queue_cmd_read(struct pipeline *a, struct str worker, size_t room,
                               const size_t first[QUEUE_PRIORITIES]);
/* Takes over at most room jobs that nobody has kept for so long. */
struct command *queue_cmd_claim(struct pipeline *a, struct str worker, size_t room,
                                int64_t idle_ms);
/* What either gave; ret_jobs has room for QUEUE_READ_MAX. The texts point into the reply. */
bool queue_parse_jobs(const struct command *command, struct queue_job *ret_jobs, size_t *ret_count,
                      struct problem *p);

/* Says that the worker still has these, so that nobody claims them. */
void queue_cmd_renew(struct pipeline *a, struct str worker, const struct queue_job *job);
/* Removes the job; 1 when it was the worker's. */
struct command *queue_cmd_finish(struct pipeline *a, struct str worker,
                                 const struct queue_job *job);
/* The same, and puts another job behind all others on its level, in the same breath. */
void queue_cmd_replace(struct pipeline *a, struct str worker, const struct queue_job *job,
                       struct str kind, struct str body);
/* Puts it off: it is there again, with one more try behind it, when due_ms has come. */
struct command *queue_cmd_retry_later(struct pipeline *a, struct str worker,
                                      const struct queue_job *job, int64_t due_ms);
/* Puts back what has become due. */
void queue_cmd_requeue_due(struct pipeline *a, int64_t now_ms);
/* Takes the worker's name out of the group, if it has no jobs any more. */
void queue_cmd_remove_consumer(struct pipeline *a, struct str worker);

#endif
