/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/task.h"

#include <stdlib.h>

#include "app/worker/worker.h"

enum { ARENA_FIRST = 16384, ARENA_CAP = 128 << 20, SPARE_MAX = 64 };

static struct task *new_task(void)
{
    struct task *task = calloc(1, sizeof(*task));

    if (!task)
        return NULL;
    task->arena = arena_new(ARENA_FIRST, ARENA_CAP);
    if (task->arena)
        return task;
    free(task);
    return NULL;
}

static void free_task(struct task *task)
{
    arena_free(task->arena);
    free(task);
}

struct task *task_begin(struct worker *w, unsigned shard, void *own)
{
    struct tasks *tasks = &w->tasks;
    struct task *task = tasks->spare;

    if (task) {
        tasks->spare = task->next;
        tasks->spare_count--;
    } else {
        task = new_task();
        if (!task)
            return NULL;
    }
    pipeline_init(&task->pipeline, task->arena, task);
    task->shard = shard;
    task->data = own;
    task->next = tasks->first;
    task->link = &tasks->first;
    if (task->next)
        task->next->link = &task->next;
    tasks->first = task;
    tasks->count++;
    return task;
}

void task_submit(struct worker *w, struct task *task, task_on_replies *answered)
{
    task->on_replies = answered;
    store_submit(w->engine->store, &task->pipeline, w->now_us);
}

void task_end(struct worker *w, struct task *task)
{
    struct tasks *tasks = &w->tasks;

    if (!task)
        return;
    *task->link = task->next;
    if (task->next)
        task->next->link = task->link;
    tasks->count--;
    arena_reset(task->arena);
    if (tasks->spare_count >= SPARE_MAX) {
        free_task(task);
        return;
    }
    task->next = tasks->spare;
    tasks->spare = task;
    tasks->spare_count++;
}

bool task_failed(const struct task *task)
{
    return task->pipeline.status != PIPELINE_COMPLETE;
}

void task_discard(struct worker *w, struct task *task)
{
    task_end(w, task);
}

static void free_all(struct task *task)
{
    while (task) {
        struct task *next = task->next;

        free_task(task);
        task = next;
    }
}

void tasks_release(struct tasks *tasks)
{
    free_all(tasks->first);
    free_all(tasks->spare);
}
