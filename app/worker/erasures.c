/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run reads the unfinished erasures, oldest first, and the request for an AOF rewrite; repeats
 * each erasure from its first step (all steps are repeatable); and starts the rewrite at the end.
 * An erasure that fails is registered again with the present time, so it comes after the others. */
#include "app/worker/erasures.h"

#include <stdio.h>

static const int64_t INTERVAL_US = 5000000;
/* Younger ones are not touched: the process that started them may still be working on them. */
static const int64_t MIN_AGE_MS = 60000;

static void erasures_end(struct task *task, int64_t delay_us)
{
    struct erasures *erasures = task->owner;

    periodic_schedule(&erasures->schedule, delay_us);
    periodic_end(&erasures->schedule, task);
}

/* ---- the append-only file ---- */

static void erasures_on_request_cleared(struct task *task)
{
    erasures_end(task, INTERVAL_US);
}

/* If Redis was already rewriting, that rewrite may have started before the erasure: the request
 * stays, and the next run tries again. */
static void erasures_on_rewrite_started(struct task *task)
{
    const struct erasures *erasures = task->owner;

    if (task_failed(task) || !erasure_parse_aof_rewrite(erasures->cmd)) {
        erasures_end(task, INTERVAL_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    erasure_cmd_clear_aof_request(&task->pipeline, erasures->rewrite_request);
    task_submit(task, erasures_on_request_cleared);
}

/* The last part of a run. If all went well, there may be more unfinished erasures than were read:
 * the next run follows at once. */
static void erasures_start_rewrite(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (!erasures->rewrite_request.p) {
        erasures_end(task, erasures->count > 0 && !erasures->any_failed ? 0 : INTERVAL_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    erasure_cmd_purge_traces(&task->pipeline, &erasures->cmd);
    task_submit(task, erasures_on_rewrite_started);
}

/* ---- unfinished erasures ---- */

static void erasures_next(struct task *task);

/* If registering fails (Redis is full), the erasure stays the oldest of those that are read. */
static void erasures_on_registered(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (task_failed(task)) {
        erasures_end(task, INTERVAL_US);
        return;
    }
    erasures->current++;
    erasures_next(task);
}

/* struct erase has replaced the memory of the pipeline by its own: the task's arena is put back. */
static void erasures_end_erase(struct task *task, bool completed)
{
    struct erasures *erasures = task->owner;

    erase_release(&erasures->erase);
    pipeline_init(&task->pipeline, task->arena, task);
    if (completed) {
        erasures->current++;
        erasures_next(task);
        return;
    }
    erasures->any_failed = true;
    erasure_cmd_register(&task->pipeline, str_of(erasures->students[erasures->current]),
                         task->worker->now_ms);
    task_submit(task, erasures_on_registered);
}

/* Runs the next step of the erasure; its commands go out in the pipeline of the task. */
static void erasures_step(struct task *task)
{
    struct erasures *erasures = task->owner;
    struct log *log = task->worker->engine->log;
    struct problem p = {.code = PROBLEM_NONE};
    char hash[LOG_HASH_SIZE];

    if (erase_step(&erasures->erase, &task->pipeline, &p) == STEP_MORE) {
        task_submit(task, erasures_step);
        return;
    }
    if (p.code == PROBLEM_NONE) {
        log_hash(log, erasures->erase.student, hash);
        jw_text(log_begin(log, LOG_WARNING, "erasure.completed"), "student", hash);
        log_end(log);
    }
    erasures_end_erase(task, p.code == PROBLEM_NONE);
}

/* had_tombstone: the erasure counts as begun even if the process died before it wrote the
 * tombstone. An erasure of a student without data is then complete and not a problem. */
static void erasures_start_erase(struct task *task)
{
    struct erasures *erasures = task->owner;
    const struct worker_context *w = task->worker;

    erasures->erase = (struct erase){.engine = w->engine,
                                     .student = str_of(erasures->students[erasures->current]),
                                     .actor = STR("worker"),
                                     .role = STR("service"),
                                     .correlation_id = w->id,
                                     .now_ms = w->now_ms,
                                     .had_tombstone = true};
    pipeline_clear(&task->pipeline);
    if (erase_init(&erasures->erase))
        erasures_step(task);
    else
        erasures_end_erase(task, false);
}

/* Continues the run: with the next student, or with the rewrite after the last one. */
static void erasures_next(struct task *task)
{
    const struct erasures *erasures = task->owner;

    if (worker_draining(task->worker) || !shards_lease_held(erasures->shards, 0))
        erasures_end(task, INTERVAL_US);
    else if (erasures->current < erasures->count)
        erasures_start_erase(task);
    else
        erasures_start_rewrite(task);
}

/* ---- reading ---- */

/* An operator or another program may have written anything into the set. */
static void erasures_drop_invalid(struct task *task, struct str student)
{
    struct log *log = task->worker->engine->log;
    struct jw *jw = log_begin(log, LOG_ERROR, "erasure.of_nobody");

    jw_text(jw, "reason", "not an id");
    jw_text(jw, "consequence", "dropped");
    log_end(log);
    erasure_cmd_unregister(&task->pipeline, student);
}

static void erasures_on_read(struct task *task)
{
    struct erasures *erasures = task->owner;
    struct str students[ERASURES_UNFINISHED_MAX];
    size_t n;

    if (task_failed(task)) {
        erasures_end(task, WORKER_RETRY_US);
        return;
    }
    n = erasure_parse_unfinished(erasures->unfinished_cmd, students);
    if (!erasure_parse_aof_request(erasures->cmd, &erasures->rewrite_request))
        erasures->rewrite_request = (struct str){0};
    erasures->count = erasures->current = 0;
    erasures->any_failed = false;
    pipeline_clear(&task->pipeline);
    for (size_t i = 0; i < n; i++) {
        if (id_valid(students[i]))
            (void)snprintf(erasures->students[erasures->count++], sizeof(erasures->students[0]),
                           "%.*s", STR_ARG(students[i]));
        else
            erasures_drop_invalid(task, students[i]);
    }
    if (task->pipeline.count > 0)
        task_submit(task, erasures_next);
    else
        erasures_next(task);
}

void erasures_init(struct erasures *erasures, struct worker_context *w, const struct shards *shards)
{
    *erasures = (struct erasures){.worker = w, .shards = shards};
    periodic_init(&erasures->schedule, w, 0);
}

void erasures_tick(struct erasures *erasures)
{
    int64_t before_ms = erasures->worker->now_ms - MIN_AGE_MS;
    struct task *task;

    if (worker_draining(erasures->worker) || !shards_lease_held(erasures->shards, 0))
        return;
    task = periodic_begin(&erasures->schedule, 0, erasures);
    if (!task)
        return;
    erasures->unfinished_cmd = erasure_cmd_unfinished(&task->pipeline, before_ms);
    erasures->cmd = erasure_cmd_get_aof_request(&task->pipeline);
    task_submit(task, erasures_on_read);
}

void erasures_close(struct erasures *erasures)
{
    erase_release(&erasures->erase);
}
