/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One piece of work that needs the store, in one or more round trips: memory of its own, a pipeline
 * of commands, and the function that is called with the replies. */
#ifndef WORKER_TASK_H
#define WORKER_TASK_H

#include "app/store/store.h"
#include "app/worker/context.h"

struct task;

/* Called when the pipeline is over, complete or failed (task_failed). It either ends the task, or
 * queues the commands of the next round trip (after pipeline_clear) and submits them. */
typedef void task_on_replies(struct task *task);

struct task {
    struct pipeline pipeline;
    struct arena *arena; /* reset when the task ends */
    struct worker_context *worker;
    task_on_replies *on_replies;
    void *owner;    /* the subsystem that began the task */
    void *data;     /* free for the owner; NULL at first */
    unsigned shard; /* of tasks about one shard; else 0 */
    struct task *next, **link;
};

/* The running tasks, and ended ones whose memory is used again. */
struct tasks {
    struct task *first;
    struct task *spare;
    size_t count, spare_count;
};

/* Returns NULL without memory. Every task ends by task_end, or by tasks_release at exit. */
struct task *task_begin(struct worker_context *w, unsigned shard, void *owner);
/* Sends the queued commands; on_replies is called in a later iteration. */
void task_submit(struct task *task, task_on_replies *on_replies);
void task_end(struct task *task);          /* accepts NULL */
bool task_failed(const struct task *task); /* replies are missing */
void tasks_release(struct tasks *tasks);   /* frees all tasks, the running ones too */

#endif
