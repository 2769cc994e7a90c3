/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/erasures.h"

#include <stdio.h>

#include "app/worker/worker.h"

static const int64_t LOOK_US = 5000000;
static const int64_t LEFT_ALONE_MS = 60000; /* its own process may still be at it */

static void end(struct worker *w, struct task *task, int64_t again_us)
{
    w->erasures.busy = false;
    w->erasures.next_run_us = w->now_us + again_us;
    task_end(w, task);
}

/* ---- the file of commands ---- */

static void on_noted(struct worker *w, struct task *task)
{
    end(w, task, LOOK_US);
}

/* One that is being written already may have been begun before the erasure: the wish stays then. */
static void on_rewritten(struct worker *w, struct task *task)
{
    struct erasures *r = &w->erasures;

    if (task_failed(task) || !erasure_parse_aof_rewrite(r->cmd)) {
        end(w, task, LOOK_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    erasure_cmd_clear_aof_request(&task->pipeline, r->rewrite_request);
    task_submit(w, task, on_noted);
}

static void rewrite(struct worker *w, struct task *task)
{
    struct erasures *r = &w->erasures;

    if (!r->rewrite_request.p) {
        end(w, task, r->count > 0 && !r->any_failed ? 0 : LOOK_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    erasure_cmd_purge_traces(&task->pipeline, &r->cmd);
    task_submit(w, task, on_rewritten);
}

/* ---- those that were cut short ---- */

static void next(struct worker *w, struct task *task);

static void log_completed(struct worker *w, const struct erase *e)
{
    char hash[LOG_HASH_SIZE];

    log_hash(w->engine->log, e->student, hash);
    jw_text(log_begin(w->engine->log, LOG_WARNING, "erasure.completed"), "student", hash);
    log_end(w->engine->log);
}

/* Where Redis has no room for the note, it stays the first of a few. */
static void on_put_off(struct worker *w, struct task *task)
{
    if (task_failed(task)) {
        end(w, task, LOOK_US);
        return;
    }
    w->erasures.current++;
    next(w, task);
}

/* The erasure has put its own memory in the place of the task's. */
static void finish(struct worker *w, struct task *task, bool completed)
{
    struct erasures *r = &w->erasures;

    erase_release(&r->erase);
    pipeline_init(&task->pipeline, task->arena, task);
    if (completed) {
        r->current++;
        next(w, task);
        return;
    }
    r->any_failed = true;
    erasure_cmd_register(&task->pipeline, str_of(r->students[r->current]), w->now_ms);
    task_submit(w, task, on_put_off);
}

static void on_step(struct worker *w, struct task *task)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct erase *e = &w->erasures.erase;

    if (erase_step(e, &task->pipeline, &p) == STEP_MORE) {
        task_submit(w, task, on_step);
        return;
    }
    if (p.code == PROBLEM_NONE)
        log_completed(w, e);
    finish(w, task, p.code == PROBLEM_NONE);
}

/* The tombstone is there, or was about to be: what the operator asked for is done either way. */
static void complete(struct worker *w, struct task *task)
{
    struct erasures *r = &w->erasures;

    r->erase = (struct erase){.engine = w->engine,
                              .student = str_of(r->students[r->current]),
                              .actor = STR("worker"),
                              .role = STR("service"),
                              .correlation_id = w->id,
                              .now_ms = w->now_ms,
                              .had_tombstone = true};
    pipeline_clear(&task->pipeline);
    if (erase_init(&r->erase))
        on_step(w, task);
    else
        finish(w, task, false);
}

static void next(struct worker *w, struct task *task)
{
    const struct erasures *r = &w->erasures;

    if (worker_draining(w) || !lease_held(w, 0))
        end(w, task, LOOK_US);
    else if (r->current < r->count)
        complete(w, task);
    else
        rewrite(w, task);
}

/* ---- looking ---- */

static void on_dropped(struct worker *w, struct task *task)
{
    next(w, task);
}

static void drop(struct worker *w, struct task *task, struct str what)
{
    struct jw *jw = log_begin(w->engine->log, LOG_ERROR, "erasure.of_nobody");

    jw_text(jw, "reason", "not an id");
    jw_text(jw, "consequence", "dropped");
    log_end(w->engine->log);
    erasure_cmd_unregister(&task->pipeline, what);
}

static void on_looked(struct worker *w, struct task *task)
{
    struct erasures *r = &w->erasures;
    struct str found[ERASURES_UNFINISHED_MAX];
    size_t n;

    if (task_failed(task)) {
        end(w, task, WORKER_RETRY_US);
        return;
    }
    n = erasure_parse_unfinished(r->unfinished, found);
    if (!erasure_parse_aof_request(r->cmd, &r->rewrite_request))
        r->rewrite_request = (struct str){0};
    r->count = r->current = 0;
    r->any_failed = false;
    pipeline_clear(&task->pipeline);
    for (size_t i = 0; i < n; i++) {
        if (id_valid(found[i]))
            (void)snprintf(r->students[r->count++], sizeof(r->students[0]), "%.*s",
                           STR_ARG(found[i]));
        else
            drop(w, task, found[i]);
    }
    if (task->pipeline.count > 0)
        task_submit(w, task, on_dropped);
    else
        next(w, task);
}

void erasures_tick(struct worker *w)
{
    struct erasures *r = &w->erasures;
    struct task *task;

    if (r->busy || worker_draining(w) || !lease_held(w, 0))
        return;
    if (w->now_us < r->next_run_us) {
        worker_wake_at(w, r->next_run_us);
        return;
    }
    task = task_begin(w, 0, NULL);
    if (!task)
        return;
    r->busy = true;
    r->unfinished = erasure_cmd_unfinished(&task->pipeline, w->now_ms - LEFT_ALONE_MS);
    r->cmd = erasure_cmd_get_aof_request(&task->pipeline);
    task_submit(w, task, on_looked);
}

bool erasures_busy(const struct worker *w)
{
    return w->erasures.busy;
}
