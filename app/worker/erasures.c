/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/erasures.h"

#include <stdio.h>

#include "app/worker/task.h"

static const int64_t LOOK_US = 5000000;
static const int64_t LEFT_ALONE_MS = 60000; /* its own process may still be at it */

static void end(struct task *task, int64_t again_us)
{
    struct erasures *erasures = task->owner;

    erasures->busy = false;
    erasures->next_run_us = erasures->worker->now_us + again_us;
    task_end(task);
}

/* ---- the file of commands ---- */

static void on_noted(struct task *task)
{
    end(task, LOOK_US);
}

/* One that is being written already may have been begun before the erasure: the wish stays then. */
static void on_rewritten(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (task_failed(task) || !erasure_parse_aof_rewrite(erasures->cmd)) {
        end(task, LOOK_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    erasure_cmd_clear_aof_request(&task->pipeline, erasures->rewrite_request);
    task_submit(task, on_noted);
}

static void rewrite(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (!erasures->rewrite_request.p) {
        end(task, erasures->count > 0 && !erasures->any_failed ? 0 : LOOK_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    erasure_cmd_purge_traces(&task->pipeline, &erasures->cmd);
    task_submit(task, on_rewritten);
}

/* ---- those that were cut short ---- */

static void next(struct task *task);

static void log_completed(struct erasures *erasures, const struct erase *e)
{
    char hash[LOG_HASH_SIZE];

    log_hash(erasures->worker->engine->log, e->student, hash);
    jw_text(log_begin(erasures->worker->engine->log, LOG_WARNING, "erasure.completed"), "student",
            hash);
    log_end(erasures->worker->engine->log);
}

/* Where Redis has no room for the note, it stays the first of a few. */
static void on_put_off(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (task_failed(task)) {
        end(task, LOOK_US);
        return;
    }
    erasures->current++;
    next(task);
}

/* The erasure has put its own memory in the place of the task's. */
static void finish(struct task *task, bool completed)
{
    struct erasures *erasures = task->owner;

    erase_release(&erasures->erase);
    pipeline_init(&task->pipeline, task->arena, task);
    if (completed) {
        erasures->current++;
        next(task);
        return;
    }
    erasures->any_failed = true;
    erasure_cmd_register(&task->pipeline, str_of(erasures->students[erasures->current]),
                         erasures->worker->now_ms);
    task_submit(task, on_put_off);
}

static void on_step(struct task *task)
{
    struct erasures *erasures = task->owner;
    struct problem p = {.code = PROBLEM_NONE};
    struct erase *e = &erasures->erase;

    if (erase_step(e, &task->pipeline, &p) == STEP_MORE) {
        task_submit(task, on_step);
        return;
    }
    if (p.code == PROBLEM_NONE)
        log_completed(erasures, e);
    finish(task, p.code == PROBLEM_NONE);
}

/* The tombstone is there, or was about to be: what the operator asked for is done either way. */
static void complete(struct task *task)
{
    struct erasures *erasures = task->owner;

    erasures->erase = (struct erase){.engine = erasures->worker->engine,
                                     .student = str_of(erasures->students[erasures->current]),
                                     .actor = STR("worker"),
                                     .role = STR("service"),
                                     .correlation_id = erasures->worker->id,
                                     .now_ms = erasures->worker->now_ms,
                                     .had_tombstone = true};
    pipeline_clear(&task->pipeline);
    if (erase_init(&erasures->erase))
        on_step(task);
    else
        finish(task, false);
}

static void next(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (worker_draining(erasures->worker) || !shards_lease_held(erasures->shards, 0))
        end(task, LOOK_US);
    else if (erasures->current < erasures->count)
        complete(task);
    else
        rewrite(task);
}

/* ---- looking ---- */

static void on_dropped(struct task *task)
{
    next(task);
}

static void drop(struct task *task, struct str what)
{
    struct erasures *erasures = task->owner;
    struct jw *jw = log_begin(erasures->worker->engine->log, LOG_ERROR, "erasure.of_nobody");

    jw_text(jw, "reason", "not an id");
    jw_text(jw, "consequence", "dropped");
    log_end(erasures->worker->engine->log);
    erasure_cmd_unregister(&task->pipeline, what);
}

static void on_looked(struct task *task)
{
    struct erasures *erasures = task->owner;
    struct str found[ERASURES_UNFINISHED_MAX];
    size_t n;

    if (task_failed(task)) {
        end(task, WORKER_RETRY_US);
        return;
    }
    n = erasure_parse_unfinished(erasures->unfinished, found);
    if (!erasure_parse_aof_request(erasures->cmd, &erasures->rewrite_request))
        erasures->rewrite_request = (struct str){0};
    erasures->count = erasures->current = 0;
    erasures->any_failed = false;
    pipeline_clear(&task->pipeline);
    for (size_t i = 0; i < n; i++) {
        if (id_valid(found[i]))
            (void)snprintf(erasures->students[erasures->count++], sizeof(erasures->students[0]),
                           "%.*s", STR_ARG(found[i]));
        else
            drop(task, found[i]);
    }
    if (task->pipeline.count > 0)
        task_submit(task, on_dropped);
    else
        next(task);
}

void erasures_tick(struct erasures *erasures)
{
    struct task *task;

    if (erasures->busy || worker_draining(erasures->worker) ||
        !shards_lease_held(erasures->shards, 0))
        return;
    if (erasures->worker->now_us < erasures->next_run_us) {
        worker_wake_at(erasures->worker, erasures->next_run_us);
        return;
    }
    task = task_begin(erasures->worker, 0, erasures);
    if (!task)
        return;
    erasures->busy = true;
    erasures->unfinished =
        erasure_cmd_unfinished(&task->pipeline, erasures->worker->now_ms - LEFT_ALONE_MS);
    erasures->cmd = erasure_cmd_get_aof_request(&task->pipeline);
    task_submit(task, on_looked);
}

bool erasures_busy(const struct erasures *erasures)
{
    return erasures->busy;
}
