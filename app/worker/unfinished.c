/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run reads the oldest entry of the list of unfinished changes and finishes it by the steps of
 * its kind (a cohort or a batch). What cannot be finished now (Redis is full, the cohort is being
 * changed) goes to the end of the list. */
#include "app/worker/unfinished.h"

#include "app/store/batch.h"
#include "app/store/lease.h"

static const int64_t INTERVAL_US = 1000000; /* microseconds from a run's end to the next run */
/* Entries of the list of unfinished changes that are younger are left alone: the process that added
 * them is probably still working on them. */
static const int64_t MIN_AGE_MS = 5000;

/* ---- the kinds ---- */

/* A step of finishing a cohort: writes the sets that link the cohort with its students and teachers
 * again, as the cohort's record states them, and removes erased students from the cohort. A cohort
 * that does not exist any more counts as finished. */
static enum step unfinished_roster(struct unfinished *unfinished, struct task *task,
                                   struct problem *p)
{
    enum step step = roster_change_step(&unfinished->roster, &task->pipeline, p);

    if (p->code == PROBLEM_NOT_FOUND) /* the cohort was deleted, and its deletion is complete now */
        p->code = PROBLEM_NONE;
    return step;
}

/* A step of finishing a batch. The first call reads the batch. The second queues its first jobs if
 * it has not started, and removes the entry from the list of unfinished changes. The third checks
 * the replies to that. STEP_DONE with a problem in *p is a failure, without one success. If the
 * jobs were in the queue already, they are there twice, which does no harm: a result is written
 * once. */
static enum step unfinished_batch(struct unfinished *unfinished, struct task *task,
                                  struct problem *p)
{
    struct batch batch;

    if (!unfinished->batch_cmd) {
        unfinished->batch_cmd = batch_cmd_get(&task->pipeline, unfinished->id);
        return STEP_MORE;
    }
    if (!pipeline_check_replies(&task->pipeline, p) || unfinished->batch_queued ||
        !batch_parse(unfinished->batch_cmd, &batch, p))
        return STEP_DONE;
    unfinished->batch_queued = true;
    pipeline_clear(&task->pipeline);
    if (batch.exists && batch.status == BATCH_PENDING)
        batch_cmd_queue_jobs(&task->pipeline, unfinished->id, &batch);
    unfinished_cmd_remove(&task->pipeline, UNFINISHED_BATCH, unfinished->id);
    return STEP_MORE;
}

/* Of each kind of entry: the function that runs its next step. */
static enum step (*const unfinished_steps[UNFINISHED_KINDS])(struct unfinished *unfinished,
                                                             struct task *task,
                                                             struct problem *p) = {
    [UNFINISHED_COHORT] = unfinished_roster, [UNFINISHED_BATCH] = unfinished_batch};

/* ---- a run ---- */

/* Ends the run. The next one is due after delay_us. */
static void unfinished_end(struct task *task, int64_t delay_us)
{
    struct unfinished *unfinished = task->owner;

    periodic_schedule(&unfinished->schedule, delay_us);
    periodic_end(&unfinished->schedule, task);
}

/* Called when the entry was removed from the list, or moved to its end: ends the run. */
static void unfinished_on_moved(struct task *task)
{
    unfinished_end(task, INTERVAL_US);
}

/* Logs whether the entry was finished. The last step of a finished one has removed it from the
 * list, so nothing is left to send: an empty pipeline only ends the run. An entry that was not
 * finished is added with the present time, which moves it to the end of the list. */
static void unfinished_end_entry(struct task *task, const struct problem *p)
{
    const struct unfinished *unfinished = task->owner;
    struct log *log = task->worker->engine->log;
    bool done = p->code == PROBLEM_NONE;
    struct jw *jw =
        log_begin(log, LOG_WARNING, done ? "unfinished.completed" : "unfinished.failed");

    jw_text(jw, "kind", unfinished->kind == UNFINISHED_COHORT ? "cohort" : "batch");
    jw_str(jw, "id", unfinished->id);
    if (!done)
        jw_text(jw, "error_code", problem_name(p->code));
    log_end(log);
    pipeline_clear(&task->pipeline);
    if (!done)
        unfinished_cmd_add(&task->pipeline, unfinished->kind, unfinished->id);
    task_submit(task, unfinished_on_moved);
}

/* Runs the next step of the entry's kind. */
static void unfinished_run_step(struct task *task)
{
    struct unfinished *unfinished = task->owner;
    struct problem p = {.code = PROBLEM_NONE};

    if (unfinished_steps[unfinished->kind](unfinished, task, &p) == STEP_MORE)
        task_submit(task, unfinished_run_step);
    else
        unfinished_end_entry(task, &p);
}

/* Called when the oldest entry of the list of unfinished changes was read: starts to finish the
 * change of a cohort (by `roster`: `repair` writes its links again from its stored record) or of a
 * batch (by batch_cmd). An entry that the engine cannot have written is removed from the list. */
static void unfinished_on_read(struct task *task)
{
    struct unfinished *unfinished = task->owner;
    const struct engine *engine = task->worker->engine;
    struct str id;

    if (task_failed(task) ||
        !unfinished_parse_oldest(unfinished->oldest_cmd, &unfinished->kind, &id)) {
        unfinished_end(task, INTERVAL_US);
        return;
    }
    pipeline_clear(&task->pipeline);
    /* UNFINISHED_KINDS: the entry names an unknown kind */
    if (unfinished->kind == UNFINISHED_KINDS || !id_valid(id)) {
        unfinished_cmd_drop(&task->pipeline, unfinished->oldest_cmd);
        task_submit(task, unfinished_on_moved);
        return;
    }
    unfinished->id = id;
    unfinished->batch_cmd = NULL;
    unfinished->batch_queued = false;
    unfinished->roster = (struct roster_change){.new_roster.id = id,
                                                .repair = true,
                                                .lease_ms = LEASE_REQUEST_MS +
                                                            engine->config.store_round_timeout_ms};
    unfinished_run_step(task);
}

void unfinished_init(struct unfinished *unfinished, struct worker_context *worker,
                     const struct shards *shards)
{
    memset(unfinished, 0, sizeof(*unfinished));
    unfinished->worker = worker;
    unfinished->shards = shards;
    periodic_init(&unfinished->schedule, worker, /* delay_us */ 0);
}

void unfinished_tick(struct unfinished *unfinished)
{
    struct task *task;

    if (worker_draining(unfinished->worker) ||
        !shards_lease_held(unfinished->shards, SINGLE_WORKER_SHARD))
        return;
    task = periodic_begin(&unfinished->schedule, NO_SHARD, unfinished);
    if (!task)
        return;
    unfinished->oldest_cmd = unfinished_cmd_oldest(&task->pipeline, MIN_AGE_MS);
    task_submit(task, unfinished_on_read);
}
