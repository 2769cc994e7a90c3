/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A task: one piece of work that needs Redis in one or more round trips. It has its own memory
 * (arena), a pipeline of commands, and a function that is called with their replies. */
#ifndef WORKER_TASK_H
#define WORKER_TASK_H

#include "app/store/store.h"
#include "app/worker/context.h"

struct task;

/* Called when the replies to the pipeline are complete, or when it has failed (task_failed). It
 * either ends the task, or queues the commands of the next round trip (after pipeline_clear) and
 * submits them. */
typedef void task_on_replies(struct task *task);

/* The member `shard` of a task that is not about one shard. It equals the number of a real shard,
 * which does no harm, because the owner of such a task does not read it. */
enum { NO_SHARD = 0 };

struct task {
    struct pipeline pipeline;
    struct arena *arena; /* memory of the task, reset when the task ends */
    struct worker_context *worker;
    task_on_replies *on_replies;
    void *owner;               /* the subsystem that has begun the task */
    void *data;                /* state of the owner; NULL at first */
    unsigned shard;            /* number of the shard that the task is about, or NO_SHARD */
    struct task *next, **link; /* list of tasks; link: the pointer that points to this task */
};

/* The tasks of a process. */
struct tasks {
    struct task *first;        /* list of the running tasks */
    struct task *spare;        /* list of ended tasks, whose memory is used again */
    size_t count, spare_count; /* number of running tasks, and of spare ones */
};

/* Returns a new task, or NULL when out of memory. Every task ends by task_end, or by tasks_release
 * at the end of the process. */
struct task *task_begin(struct worker_context *worker, unsigned shard, void *owner);
/* Submits the queued commands to Redis; on_replies is called in a later loop iteration. */
void task_submit(struct task *task, task_on_replies *on_replies);
/* Ends the task, which must not be used afterwards. Accepts NULL. */
void task_end(struct task *task);
/* Returns true if Redis was unavailable, or if there was no memory for the commands: replies may be
 * missing. */
bool task_failed(const struct task *task);
/* Frees all tasks, the running ones too. To be called at the end of the process. */
void tasks_release(struct tasks *tasks);

#endif
