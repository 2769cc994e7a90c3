/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Something that the worker asks the store for and goes on with when it has answered: memory of its
 * own, asks, and the function that is called then. */
#ifndef WORKER_TASK_H
#define WORKER_TASK_H

#include "app/store/store.h"

struct worker;
struct task;

typedef void task_on_replies(struct worker *w, struct task *task);

struct task {
    struct pipeline pipeline;
    struct arena *arena;
    task_on_replies *on_replies;
    unsigned shard; /* of those that are about one */
    void *data;     /* of whoever began it */
    struct task *next, **link;
};

/* Those under way, and memory kept for the next. */
struct tasks {
    struct task *first;
    struct task *spare;
    size_t count, spare_count;
};

/* NULL without memory. */
struct task *task_begin(struct worker *w, unsigned shard, void *own);
/* Sends what has been asked; answered is called with the replies, or with the asks failed. It ends
 * the task, or asks for more. Asks of an earlier round are to be cleared before (pipeline_clear).
 */
void task_submit(struct worker *w, struct task *task, task_on_replies *answered);
void task_end(struct worker *w, struct task *task); /* takes NULL */
bool task_failed(const struct task *task);          /* replies are missing */
void tasks_release(struct tasks *tasks);            /* all, those under way too */

/* For what nobody goes on with. */
void task_discard(struct worker *w, struct task *task);

#endif
