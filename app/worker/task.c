/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tasks are allocated on demand and linked in a list while they run. Ended tasks are retained for
 * the next use, so that malloc is called rarely. The list of running tasks has two purposes: a
 * draining worker ends when it is empty, and tasks that still run at the end of the process are
 * freed. */
#include "app/worker/task.h"

#include <stdlib.h>

/* ARENA_FIRST, ARENA_CAP: bytes of the arena of a task, at first and at most. SPARE_MAX: ended
 * tasks whose memory is retained. */
enum { ARENA_FIRST = 16384, ARENA_CAP = 128 << 20, SPARE_MAX = 64 };

/* Allocates a task with an arena. Returns NULL when out of memory. */
static struct task *task_new(void)
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

/* Frees the task and its arena, in which the commands and replies of its pipeline are. */
static void task_free(struct task *task)
{
    arena_free(task->arena);
    free(task);
}

/* Uses a spare task (one that has ended, with its memory) or a new one, and puts it at the start of
 * the list of running tasks. */
struct task *task_begin(struct worker_context *worker, unsigned shard, void *owner)
{
    struct tasks *tasks = worker->tasks;
    struct task *task = tasks->spare;

    if (task) {
        tasks->spare = task->next;
        tasks->spare_count--;
    } else {
        task = task_new();
        if (!task)
            return NULL;
    }
    *task = (struct task){.arena = task->arena,
                          .worker = worker,
                          .owner = owner,
                          .shard = shard,
                          .next = tasks->first,
                          .link = &tasks->first};
    pipeline_init(&task->pipeline, task->arena, task);
    if (task->next)
        task->next->link = &task->next;
    tasks->first = task;
    tasks->count++;
    return task;
}

void task_submit(struct task *task, task_on_replies *on_replies)
{
    task->on_replies = on_replies;
    store_submit(task->worker->engine->store, &task->pipeline, task->worker->now_us);
}

/* Removes the task from the list of running ones; its memory is retained up to SPARE_MAX tasks. */
void task_end(struct task *task)
{
    struct tasks *tasks;

    if (!task)
        return;
    tasks = task->worker->tasks;
    *task->link = task->next;
    if (task->next)
        task->next->link = task->link;
    tasks->count--;
    arena_reset(task->arena);
    if (tasks->spare_count >= SPARE_MAX) {
        task_free(task);
        return;
    }
    task->next = tasks->spare;
    tasks->spare = task;
    tasks->spare_count++;
}

/* Any status but COMPLETE is a failure, a timeout too. */
bool task_failed(const struct task *task)
{
    return task->pipeline.status != PIPELINE_COMPLETE;
}

/* Frees all tasks of a list that is linked by next. All arenas are reset before any task is freed.
 * A task may have a change of a student that is in a queue of such changes (record_queue.h). The
 * reset removes the change from the queue, and may let the next change in the queue go on. That one
 * can belong to another task of this list, which must still exist then. */
static void task_free_list(struct task *task)
{
    for (const struct task *t = task; t; t = t->next)
        arena_reset(t->arena);
    while (task) {
        struct task *next = task->next;

        task_free(task);
        task = next;
    }
}

/* Called at the end of the process, when no reply can arrive any more. */
void tasks_release(struct tasks *tasks)
{
    task_free_list(tasks->first);
    task_free_list(tasks->spare);
}
