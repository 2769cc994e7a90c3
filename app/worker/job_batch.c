/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job kind "batch": computes one chunk (up to BATCH_CHUNK students) of a batch. The mastery
 * records of all its students are computed at the same time, each as if a client had requested it
 * alone (app/service/record.c), and each result is stored as soon as it is known. The worker may
 * die at any step without harm: the batch id serves as event id, so the engine records each
 * student's score once; the script stores each result once; and the next attempt computes only the
 * students without a result.
 *
 * A finished job is replaced in the queue by the job of the chunk that is BATCH_LANES chunks
 * further on. Each batch thus has BATCH_LANES jobs at a time, and many batches progress together.
 * The script that stores the last result of the batch also ends the batch. */
#include "app/worker/job_kinds.h"

#include "app/http/json.h"
#include "app/service/mastery_json.h"
#include "app/service/record.h"
#include "app/store/batch.h"

/* The computation for one student of the chunk (the students that this job computes). */
struct batch_unit {
    struct batch_item item;   /* the student and the input for the computation */
    struct record record;     /* progress and result of the computation */
    struct problem problem;   /* why the computation has failed; no code: it has not */
    struct pipeline pipeline; /* commands of this student in one round trip */
    bool running;             /* the computation has not ended */
};

/* What the job keeps between two calls of its step function. */
struct batch_job {
    struct batch_body body;
    /* status and counts of the batch, as they were at this job's last start or save command */
    struct batch batch;
    /* the batch has ended, and this job must queue its callback (a POST to the client's URL) */
    bool callback_due;
    /* Marks the chunk (up to BATCH_CHUNK students, the work of this job) as started and reads its
     * students; NULL: its reply was processed, and the computations run. */
    struct command *start_cmd;
    struct command *save_cmd; /* stores results; NULL: none sent, or its reply was processed */
    struct str record_id; /* event id of the records of this batch, "batch ID"; ids of real events
                             contain no space */
    struct batch_unit units[BATCH_CHUNK];
    /* how many units there are, and how many are still computing */
    size_t unit_count, running;
    struct batch_result results[BATCH_CHUNK]; /* results that are not sent to Redis yet */
    size_t result_count;
    /* true: erased students were removed from the batch, and its counts are not updated yet */
    bool removed_some;
    bool unavailable; /* Redis failed for a student, so the job must be tried again */
};

/* ---- the batch ---- */

/* Stores in the job's state the status and the counts of the batch that a script has returned.
 * update->changed is true for only one job when the status changes, so that metrics count each
 * change once. The duration of a cancelled batch is not observed: it says nothing about the work.
 */
static void batch_apply_update(struct worker_context *worker, struct batch_job *state,
                               const struct batch_update *update)
{
    struct metrics *metrics = worker->engine->metrics;
    const struct batch *batch = &update->batch;

    state->batch = *batch;
    state->callback_due = update->callback_due;
    if (!update->changed)
        return;
    metrics_add(metrics, METRIC_BATCH, batch_status_names[batch->status], NULL, 1);
    if (batch->status == BATCH_COMPLETED || batch->status == BATCH_FAILED)
        metrics_observe_batch(metrics, batch_priority_names[batch->priority],
                              (double)(batch->completed_ms - batch->started_ms) / 1e3);
}

/* Parses the body of the job by a table of rules. An invalid body is a bug or a broken queue entry,
 * not an error of a client: hence the code INTERNAL_ERROR. */
bool job_parse_batch_body(struct job *job, struct batch_body *ret)
{
    static const struct rule rules[] = {
        /* clang-format off */
        {.name = "batch", .type = RULE_ID, .required = true,
         .offset = offsetof(struct batch_body, batch)},
        {.name = "from", .type = RULE_INT, .max = BATCH_STUDENTS_MAX - 1,
         .offset = offsetof(struct batch_body, from)},
        /* clang-format on */
        {0},
    };
    struct problem p = {.code = PROBLEM_NONE};
    struct arena *arena = job->task->arena;
    struct json_object *body = json_parse(job->queued.body, arena, &p);

    *ret = (struct batch_body){0};
    if (p.code == PROBLEM_NONE && validate_object(rules, body, (struct str){0}, arena, ret, &p) &&
        ret->from % BATCH_CHUNK == 0)
        return true;
    problem_set(&job->problem, PROBLEM_INTERNAL_ERROR, "not about a batch");
    return false;
}

/* Sets the follow-up, the job that replaces this one in the queue: one script removes this job and
 * adds the follow-up. The follow-up is of the kind "batch", for the chunk that begins with the
 * student at the position `from` of the batch, or "callback": it sends a POST to the URL that the
 * batch named, and has no students, so `from` is 0. */
static void batch_set_follow_up(struct job *job, struct str kind, struct str batch, int64_t from)
{
    job->follow_up.kind = kind;
    job->follow_up.body = batch_job_body(job->task->arena, batch, from);
}

/* Counts and logs a failure that is the engine's fault, not the client's. of: what has failed,
 * "job" or "student"; student: id of that student, NULL for a job. problem: why it has failed. */
static void batch_report_fault(struct worker_context *worker, const struct job *job,
                               struct str batch, const char *of, const struct str *student,
                               const struct problem *problem)
{
    struct log *log = worker->engine->log;
    struct jw *jw = log_begin(log, LOG_ERROR, "batch.fault");
    char hash[LOG_HASH_SIZE];

    metrics_add(worker->engine->metrics, METRIC_BATCH_FAULTS, of, NULL, 1);
    jw_text(jw, "of", of);
    jw_str(jw, "batch", batch);
    if (student) {
        log_hash(log, *student, hash);
        jw_text(jw, "student", hash);
    }
    jw_text(jw, "reason", problem->message);
    jw_int(jw, "attempts", job->queued.attempts);
    log_end(log);
}

/* Called when the job has become a dead letter. The first call queues the command that marks the
 * whole batch as failed; the second one, when dead_letter_cmd is set, has its reply. Of several
 * dead jobs of a batch only one changes its status (`changed`), and reports it. Results that are
 * already stored remain. body.from: position in the batch of this job's first student. */
void job_batch_on_dead_letter(struct worker_context *worker, struct job *job)
{
    struct problem p = {.code = PROBLEM_NONE};
    bool changed, callback_due;
    struct batch_body body;

    if (!job_parse_batch_body(job, &body))
        return;
    if (!job->dead_letter_cmd) {
        job->dead_letter_cmd =
            batch_cmd_fail(&job->task->pipeline, body.batch, body.from, worker->now_ms);
    } else if (batch_parse_fail(job->dead_letter_cmd, &changed, &callback_due, &p)) {
        if (changed) {
            metrics_add(worker->engine->metrics, METRIC_BATCH, "failed", NULL, 1);
            batch_report_fault(worker, job, body.batch, "job", /* student */ NULL, &job->problem);
        }
        if (callback_due)
            batch_set_follow_up(job, STR("callback"), body.batch, /* from */ 0);
    }
}

/* ---- one student ---- */

/* Ends the computation for one student. Its result is the mastery record or, if the computation can
 * never succeed, the error message; the other students continue. If Redis was unavailable, there is
 * no result, and the next attempt of the job computes this student again. An erased student gets no
 * result either, because it would name the student, and is removed from the batch. */
static void batch_end_unit(struct worker_context *worker, struct job *job, struct batch_unit *unit)
{
    bool success = unit->problem.code == PROBLEM_NONE;
    struct batch_job *state = job->state;
    const char *kind = unit->record.kind == RECORD_STATEMENT ? "stated" : "recomputed";

    unit->running = false;
    state->running--;
    if (unit->problem.code == PROBLEM_SERVICE_UNAVAILABLE) {
        state->unavailable = true;
        return;
    }
    if (unit->record.is_erased) {
        (void)batch_cmd_remove_student(&job->task->pipeline, state->body.batch, unit->item.student);
        state->removed_some = true;
        return;
    }
    if (problem_status(unit->problem.code) >= 500)
        batch_report_fault(worker, job, state->body.batch, "student", &unit->item.student,
                           &unit->problem);
    if (success && !unit->record.duplicate)
        metrics_add(worker->engine->metrics, METRIC_CALCULATIONS, kind, NULL, 1);
    state->results[state->result_count++] = (struct batch_result){
        .student = unit->item.student,
        .success = success,
        .text = success
                    ? mastery_result_json(job->task->arena, unit->item.student, &unit->record.state)
                    : str_of(unit->problem.message),
    };
}

/* Runs the next step of the computation for one student. The step clears and fills the
 * pipeline of this student; its commands are then joined to the pipeline of the job, so that the
 * commands of all students share one round trip. */
static void batch_step_unit(struct worker_context *worker, struct job *job, struct batch_unit *unit)
{
    if (record_step(&unit->record, worker->engine, &unit->pipeline, &unit->problem) == STEP_MORE)
        pipeline_join(&job->task->pipeline, &unit->pipeline);
    else
        batch_end_unit(worker, job, unit);
}

/* Starts the computation for one student: the mastery record is either a statement (the batch gives
 * the four components of the score and, with own_weights, their weights) or a recomputation from
 * stored evidence, which does not use the components and weights. is_analytics: a student who has
 * withdrawn consent to analytics is refused. */
static void batch_start_unit(struct worker_context *worker, struct job *job,
                             struct batch_unit *unit)
{
    struct batch_job *state = job->state;

    unit->record = (struct record){
        .student = unit->item.student,
        .kind = unit->item.stated ? RECORD_STATEMENT : RECORD_RECOMPUTE,
        .own_weights = unit->item.own_weights,
        .event_id = state->record_id,
        .is_analytics = true,
        .now_ms = worker->now_ms,
        .actor = state->batch.actor,
        .actor_role = "batch", /* the audit record's actor is the submitter of the batch */
        .correlation_id = state->batch.correlation_id,
        .traceparent = state->batch.traceparent,
    };
    memcpy(unit->record.components, unit->item.components, sizeof(unit->item.components));
    memcpy(unit->record.weights, unit->item.weights, sizeof(unit->item.weights));
    pipeline_init(&unit->pipeline, job->task->arena, NULL);
    unit->running = true;
    state->running++;
    batch_step_unit(worker, job, unit);
}

/* ---- the chunk ---- */

/* Queues the first round trip: it marks the chunk as started, and reads the students of the chunk
 * that have no result yet. Returns false with job->problem set if the job cannot start. */
static bool batch_start(struct worker_context *worker, struct job *job)
{
    struct arena *arena = job->task->arena;
    struct batch_job *state = job->state = arena_zalloc(arena, sizeof(*state));

    if (!state) {
        problem_unavailable(&job->problem, /* retry_after_s */ 1);
        return false;
    }
    if (!job_parse_batch_body(job, &state->body))
        return false;
    state->record_id = arena_printf(arena, "batch %.*s", STR_ARG(state->body.batch));
    state->start_cmd = batch_cmd_start_chunk(&job->task->pipeline, state->body.batch,
                                             state->body.from, worker->now_ms);
    return true;
}

/* Processes the reply of the first round trip: starts the computation for each student without a
 * result. Returns false with job->problem set; every failure is temporary. */
static bool batch_start_units(struct worker_context *worker, struct job *job)
{
    struct batch_job *state = job->state;
    struct batch_item *items = arena_array(job->task->arena, BATCH_CHUNK, sizeof(*items));
    struct batch_update update;

    if (!items || !batch_parse_start_chunk(state->start_cmd, &update, items, &state->unit_count,
                                           &job->problem)) {
        problem_unavailable(&job->problem, /* retry_after_s */ 1);
        return false;
    }
    state->start_cmd = NULL;
    batch_apply_update(worker, state, &update);
    pipeline_clear(&job->task->pipeline);
    for (size_t i = 0; i < state->unit_count; i++) {
        state->units[i].item = items[i];
        batch_start_unit(worker, job, &state->units[i]);
    }
    return true;
}

/* Processes the reply of the command that stores results, if one was sent. If it failed, its
 * results are lost, and the next attempt of the job computes them again. */
static void batch_on_saved(struct worker_context *worker, struct job *job)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct batch_job *state = job->state;
    struct batch_update update;

    if (!state->save_cmd)
        return;
    if (batch_parse_save(state->save_cmd, &update, &p)) {
        job->progressed = true;
        batch_apply_update(worker, state, &update);
    } else {
        state->unavailable = true;
    }
    state->save_cmd = NULL;
}

/* Runs the next step of every running computation. The commands of all students were sent in the
 * pipeline of the job. So its outcome, and the number of the connection by which the replies came
 * (generation: record_step compares it), are copied to the pipeline of each student. */
static void batch_step_units(struct worker_context *worker, struct job *job)
{
    struct batch_job *state = job->state;
    const struct pipeline sent = job->task->pipeline;

    pipeline_clear(&job->task->pipeline);
    for (size_t i = 0; i < state->unit_count; i++) {
        state->units[i].pipeline.status = sent.status;
        state->units[i].pipeline.generation = sent.generation;
        if (state->units[i].running)
            batch_step_unit(worker, job, &state->units[i]);
    }
}

/* Called when the computations for all students have ended. Sets the job that follows this one in
 * the queue: the callback, or the chunk that is BATCH_LANES chunks further on (the batch's other
 * jobs compute those in between). If Redis failed, sets the problem with which the job is tried
 * again instead. */
static void batch_finish(struct job *job)
{
    struct batch_job *state = job->state;
    int64_t next_from = state->body.from + (int64_t)BATCH_LANES * BATCH_CHUNK;

    if (state->unavailable)
        problem_unavailable(&job->problem, /* retry_after_s */ 1);
    else if (state->callback_due)
        batch_set_follow_up(job, STR("callback"), state->body.batch, /* from */ 0);
    else if (state->batch.exists && !batch_ended(state->batch.status) &&
             next_from < BATCH_STUDENTS_MAX)
        batch_set_follow_up(job, job->queued.kind, state->body.batch, next_from);
}

/* Queues the results that are known, in the same round trip as the commands of the computations
 * that still run. Returns STEP_DONE when no computation runs and every result was stored or has
 * failed. */
static enum step batch_save_or_finish(struct worker_context *worker, struct job *job)
{
    struct batch_job *state = job->state;

    if (state->result_count > 0 || state->removed_some) {
        state->save_cmd = batch_cmd_save(&job->task->pipeline, state->body.batch, state->body.from,
                                         state->batch.created_ms, worker->now_ms, state->results,
                                         state->result_count);
        state->result_count = 0;
        state->removed_some = false;
    }
    if (state->running > 0 || state->save_cmd)
        return STEP_MORE;
    batch_finish(job);
    return STEP_DONE;
}

/* The step function of the job kind "batch". The first call queues the start of the chunk, the
 * second starts the computations, and each later one continues them and stores results. STEP_DONE
 * also ends a job that has failed: job->problem is then set. */
enum step job_batch(struct worker_context *worker, struct job *job)
{
    const struct batch_job *state = job->state;

    if (!state)
        return batch_start(worker, job) ? STEP_MORE : STEP_DONE;
    if (state->start_cmd) {
        if (!batch_start_units(worker, job))
            return STEP_DONE;
    } else {
        batch_on_saved(worker, job);
        batch_step_units(worker, job);
    }
    return batch_save_or_finish(worker, job);
}
