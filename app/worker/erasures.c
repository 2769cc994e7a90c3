/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run reads the list of unfinished erasures (removals of all data of a student), oldest first,
 * and the request for a rewrite of the append-only file (AOF) of Redis. It repeats each erasure
 * from its first step, which is safe since every step is repeatable, and starts the rewrite at the
 * end. An erasure that fails is registered again with the present time; the next run therefore
 * tries it after the others. */
#include "app/worker/erasures.h"

#include <stdio.h>

static const int64_t INTERVAL_US = 5000000; /* microseconds from a run's end to the next run */
/* Erasures that started less than this time ago are left alone: the process that started them may
 * still be working on them. */
static const int64_t MIN_AGE_MS = 60000;
/* Least time between two rewrites of the AOF: Redis is blocked while it forks, longer the more
 * memory it has, and a rewrite writes all data. */
static const int64_t REWRITE_INTERVAL_US = INT64_C(3600) * 1000000;

/* Ends a run and its task; the next run is due after delay_us. */
static void erasures_end(struct task *task, int64_t delay_us)
{
    struct erasures *erasures = task->owner;

    periodic_schedule(&erasures->schedule, delay_us);
    periodic_end(&erasures->schedule, task);
}

/* ---- the append-only file ---- */

/* Called when the request for an AOF rewrite was removed from Redis: ends the run. If the removal
 * failed, the next run finds the request again. */
static void erasures_on_request_cleared(struct task *task)
{
    erasures_end(task, INTERVAL_US);
}

/* Called with the reply to the start of an AOF rewrite. If Redis was rewriting already, that
 * rewrite may have started before the erasure and may contain erased data: the request is kept, and
 * a later run tries again. In a cluster the try counts only if all nodes start a rewrite. If one
 * cannot, the others have started one by this try and may be busy at the next: each try therefore
 * waits twice as long as the one before it, until the rewrites of all have ended in the pause. */
static void erasures_on_rewrite_started(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (task_failed(task) || !erasure_parse_aof_rewrite(erasures->cmd)) {
        erasures->rewrite_due_us = task->worker->now_us + erasures->rewrite_pause_us;
        if (erasures->rewrite_pause_us < REWRITE_INTERVAL_US / 2)
            erasures->rewrite_pause_us *= 2;
        erasures_end(task, INTERVAL_US);
        return;
    }
    erasures->rewrite_pause_us = INTERVAL_US;
    erasures->rewrite_due_us = task->worker->now_us + REWRITE_INTERVAL_US;
    pipeline_clear(&task->pipeline);
    erasure_cmd_clear_aof_request(&task->pipeline, erasures->rewrite_request);
    task_submit(task, erasures_on_request_cleared);
}

/* The last part of a run: starts the rewrite of the append-only file (AOF) if an erasure has
 * requested one and this process has started none within REWRITE_INTERVAL_US, otherwise ends the
 * run. If every erasure of this run succeeded, the list may contain more erasures than one run
 * reads (ERASURES_UNFINISHED_MAX), and the next run starts at once. */
static void erasures_start_rewrite(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (!erasures->rewrite_request.p || task->worker->now_us < erasures->rewrite_due_us) {
        erasures_end(task, erasures->count > 0 && !erasures->any_failed ? 0 : INTERVAL_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    erasures->cmd = erasure_cmd_rewrite_aof(&task->pipeline);
    task_submit(task, erasures_on_rewrite_started);
}

/* ---- unfinished erasures ---- */

static void erasures_continue_run(struct task *task);

/* Called when the failed erasure was registered again with the present time; continues with the
 * next student. If the registration failed (Redis is full), the run ends, and the erasure keeps its
 * old place in the list. */
static void erasures_on_registered(struct task *task)
{
    struct erasures *erasures = task->owner;

    if (task_failed(task)) {
        erasures_end(task, INTERVAL_US);
        return;
    }
    erasures->current++;
    erasures_continue_run(task);
}

/* Ends the erasure of one student. A completed one is followed by the next student; any other one
 * is registered again with the present time, which moves it to the end of the list of unfinished
 * erasures, so that it does not keep others from being tried. The pipeline needs pipeline_init
 * because erase_init has given it the memory of the erasure, which is freed here. */
static void erasures_end_erase(struct task *task, bool completed)
{
    struct erasures *erasures = task->owner;

    erase_release(&erasures->erase);
    pipeline_init(&task->pipeline, task->arena, task);
    if (completed) {
        erasures->current++;
        erasures_continue_run(task);
        return;
    }
    erasures->any_failed = true;
    erasure_cmd_register(&task->pipeline, str_of(erasures->students[erasures->current]),
                         task->worker->now_ms);
    task_submit(task, erasures_on_registered);
}

/* Runs the next step of the erasure of one student, whose commands are sent by the pipeline of the
 * task; called again after each round trip, until a step returns STEP_DONE. STEP_DONE means success
 * only if p has no code. */
static void erasures_run_step(struct task *task)
{
    struct erasures *erasures = task->owner;
    struct log *log = task->worker->engine->log;
    struct problem p = {.code = PROBLEM_NONE};
    char hash[LOG_HASH_SIZE];

    if (erase_step(&erasures->erase, &task->pipeline, &p) == STEP_MORE) {
        task_submit(task, erasures_run_step);
        return;
    }
    if (p.code == PROBLEM_NONE) {
        log_hash(log, erasures->erase.student, hash);
        jw_text(log_begin(log, LOG_WARNING, "erasure.completed"), "student", hash);
        log_end(log);
    }
    erasures_end_erase(task, p.code == PROBLEM_NONE);
}

/* Starts the erasure of students[current]. had_tombstone = true makes it count as begun, although
 * the process that began it may have died before it wrote the tombstone (the mark that a student
 * was erased). Without it, an erasure that finds no data would end with the problem "not found". */
static void erasures_start_erase(struct task *task)
{
    struct erasures *erasures = task->owner;
    const struct worker_context *worker = task->worker;

    erasures->erase = (struct erase){.engine = worker->engine,
                                     .student = str_of(erasures->students[erasures->current]),
                                     .actor = STR("worker"),
                                     .role = STR("service"),
                                     .correlation_id = worker->id,
                                     .now_ms = worker->now_ms,
                                     .had_tombstone = true};
    pipeline_clear(&task->pipeline);
    if (erase_init(&erasures->erase))
        erasures_run_step(task);
    else
        erasures_end_erase(task, /* completed */ false);
}

/* Continues the run with the next student or, after the last one, with the AOF rewrite. Ends the
 * run if the worker is draining or no longer holds the lease of shard 0. */
static void erasures_continue_run(struct task *task)
{
    const struct erasures *erasures = task->owner;

    if (worker_draining(task->worker) || !shards_lease_held(erasures->shards, SINGLE_WORKER_SHARD))
        erasures_end(task, INTERVAL_US);
    else if (erasures->current < erasures->count)
        erasures_start_erase(task);
    else
        erasures_start_rewrite(task);
}

/* ---- reading ---- */

/* Logs an invalid student id in the list of unfinished erasures, and queues its removal from the
 * list. Such an id was written by an operator or another program, since the engine checks ids
 * before it writes them. */
static void erasures_drop_invalid(struct task *task, struct str student)
{
    struct log *log = task->worker->engine->log;
    struct jw *jw = log_begin(log, LOG_ERROR, "erasure.of_nobody");

    jw_text(jw, "reason", "not an id");
    jw_text(jw, "consequence", "dropped");
    log_end(log);
    erasure_cmd_unregister(&task->pipeline, student);
}

/* Called with the first replies of a run: copies the valid student ids, removes the invalid ones
 * from Redis in one more round trip, and starts with the first student. */
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
        task_submit(task, erasures_continue_run);
    else
        erasures_continue_run(task);
}

void erasures_init(struct erasures *erasures, struct worker_context *worker,
                   const struct shards *shards)
{
    memset(erasures, 0, sizeof(*erasures));
    erasures->worker = worker;
    erasures->shards = shards;
    erasures->rewrite_pause_us = INTERVAL_US; /* the pause after the first failed AOF rewrite */
    periodic_init(&erasures->schedule, worker, /* delay_us */ 0);
}

/* Sends the commands that read the list of unfinished erasures and the request for a rewrite of the
 * append-only file (AOF). */
void erasures_tick(struct erasures *erasures)
{
    int64_t before_ms = erasures->worker->now_ms - MIN_AGE_MS;
    struct task *task;

    if (worker_draining(erasures->worker) ||
        !shards_lease_held(erasures->shards, SINGLE_WORKER_SHARD))
        return;
    task = periodic_begin(&erasures->schedule, NO_SHARD, erasures);
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
