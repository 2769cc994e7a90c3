/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part of a batch: its students' records are made all at the same time, as if each had been asked
 * for alone (service/record), and the results kept as they come. The job may die at any step: a
 * record is made once for the batch's id, a result kept once, and another try does what is left.
 *
 * The last one to be kept ends the batch. The job is followed by that of the lane's next part. */
#include "app/http/json.h"
#include "app/service/record.h"
#include "app/store/batch.h"
#include "app/worker/worker.h"

struct unit {
    struct batch_item item;
    struct record record;
    struct problem problem;
    struct pipeline pipeline;
    bool under_way;
};

struct batch_job {
    struct batch_body part;
    struct batch batch;           /* as last told */
    bool must_call;               /* it has ended, and it is for this part to have others told */
    struct command *begun, *kept; /* whose reply has not been looked at */
    struct str mark;              /* by which each record is made once; no event's id has a space */
    struct unit units[BATCH_CHUNK];
    size_t n, under_way;
    struct batch_result done[BATCH_CHUNK]; /* to be kept */
    size_t done_n;
    bool unavailable; /* some were not made for want of the store */
};

/* ---- the batch ---- */

/* The words of METRIC_CALCULATIONS. */
enum { STATED = 0, RECOMPUTED = 2 };

static void note_turn(struct worker *w, struct job *job, const struct batch_update *turn)
{
    struct batch_job *b = job->state;
    struct metrics *m = w->engine->metrics;

    b->batch = turn->batch;
    b->must_call = turn->callback_due;
    if (!turn->changed)
        return;
    metrics_add(m, METRIC_BATCH, turn->batch.status, 0, 1);
    if (turn->batch.status == BATCH_COMPLETED || turn->batch.status == BATCH_FAILED)
        metrics_observe_batch(m, turn->batch.priority,
                              (double)(turn->batch.completed_ms - turn->batch.started_ms) / 1e3);
}

bool job_parse_batch_body(struct job *job, struct batch_body *ret)
{
    /* clang-format off */
    static const struct rule rules[] = {
        {.name = "batch", .type = RULE_ID, .required = true, .offset = offsetof(struct batch_body, batch)},
        {.name = "from", .type = RULE_INT, .max = BATCH_STUDENTS_MAX - 1, .offset = offsetof(struct batch_body, from)},
        {0},
    };
    /* clang-format on */
    struct problem p = {.code = PROBLEM_NONE};
    struct arena *arena = job->task->arena;
    struct json_object *body = json_parse(job->q.body, arena, &p);

    *ret = (struct batch_body){0};
    if (p.code == PROBLEM_NONE && validate_object(rules, body, (struct str){0}, arena, ret, &p) &&
        ret->from % BATCH_CHUNK == 0)
        return true;
    problem_set(&job->problem, PROBLEM_INTERNAL_ERROR, "not about a batch");
    return false;
}

static void follow(struct job *job, struct str kind, int64_t from)
{
    struct batch_body body;

    if (!job_parse_batch_body(job, &body))
        return;
    job->follow_up.kind = kind;
    job->follow_up.body = batch_job_body(job->task->arena, body.batch, from);
}

void job_batch_on_dead_letter(struct worker *w, struct job *job)
{
    struct problem p = {.code = PROBLEM_NONE};
    bool changed, must_call;
    struct batch_body body;

    if (!job_parse_batch_body(job, &body))
        return;
    if (!job->dead_cmd) {
        job->dead_cmd = batch_cmd_fail(&job->task->pipeline, body.batch, body.from, w->now_ms);
    } else if (batch_parse_fail(job->dead_cmd, &changed, &must_call, &p)) {
        if (changed)
            metrics_add(w->engine->metrics, METRIC_BATCH, BATCH_FAILED, 0, 1);
        if (must_call)
            follow(job, STR("callback"), 0);
    }
}

/* ---- one student ---- */

static void count_record(struct worker *w, const struct record *r)
{
    if (!r->duplicate)
        metrics_add(w->engine->metrics, METRIC_CALCULATIONS,
                    r->kind == RECORD_STATEMENT ? STATED : RECOMPUTED, 0, 1);
}

static void finish_unit(struct worker *w, struct batch_job *b, struct unit *u)
{
    bool success = u->problem.code == PROBLEM_NONE;

    u->under_way = false;
    b->under_way--;
    if (u->problem.code == PROBLEM_SERVICE_UNAVAILABLE) {
        b->unavailable = true;
        return;
    }
    if (success)
        count_record(w, &u->record);
    b->done[b->done_n++] = (struct batch_result){
        .student = u->item.student,
        .success = success,
        .text = success ? u->record.result_json : str_of(u->problem.message),
    };
}

/* The record works on asks of its own, which it clears; what it wants goes out with all others'. */
static void step_unit(struct worker *w, struct job *job, struct unit *u)
{
    struct pipeline *pipeline = &job->task->pipeline;

    if (record_step(&u->record, w->engine, &u->pipeline, &u->problem) == STEP_MORE)
        pipeline_join(pipeline, &u->pipeline);
    else
        finish_unit(w, job->state, u);
}

static void begin_unit(struct worker *w, struct job *job, struct unit *u)
{
    struct batch_job *b = job->state;

    u->record = (struct record){
        .student = u->item.student,
        .kind = u->item.stated ? RECORD_STATEMENT : RECORD_RECOMPUTE,
        .own_weights = u->item.own_weights,
        .event_id = b->mark,
        .is_analytics = true,
        .now_ms = w->now_ms,
        .actor = b->batch.actor,
        .actor_role = "batch", /* in the name of whoever has submitted it */
        .correlation_id = b->batch.correlation_id,
        .traceparent = b->batch.traceparent,
    };
    memcpy(u->record.components, u->item.components, sizeof(u->item.components));
    memcpy(u->record.weights, u->item.weights, sizeof(u->item.weights));
    pipeline_init(&u->pipeline, job->task->arena, NULL);
    u->under_way = true;
    b->under_way++;
    step_unit(w, job, u);
}

/* ---- the part ---- */

static bool begin(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state = arena_zalloc(job->task->arena, sizeof(*b));

    if (!b) {
        problem_unavailable(&job->problem, 1);
        return false;
    }
    if (!job_parse_batch_body(job, &b->part))
        return false;
    b->mark = arena_printf(job->task->arena, "batch %.*s", STR_ARG(b->part.batch));
    b->begun = batch_cmd_start_chunk(&job->task->pipeline, b->part.batch, b->part.from, w->now_ms);
    return true;
}

static bool read_part(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state;
    struct batch_item *items = arena_array(job->task->arena, BATCH_CHUNK, sizeof(*items));
    struct batch_update turn;

    if (!items || !batch_parse_start_chunk(b->begun, &turn, items, &b->n, &job->problem)) {
        problem_unavailable(&job->problem, 1);
        return false;
    }
    b->begun = NULL;
    note_turn(w, job, &turn);
    pipeline_clear(&job->task->pipeline);
    for (size_t i = 0; i < b->n; i++)
        b->units[i].item = items[i];
    for (size_t i = 0; i < b->n; i++)
        begin_unit(w, job, &b->units[i]);
    return true;
}

/* A round that has failed: another try does what is left. */
static void read_kept(struct worker *w, struct job *job)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct batch_job *b = job->state;
    struct batch_update turn;

    if (b->kept && batch_parse_save(b->kept, &turn, &p)) {
        job->progressed = true;
        note_turn(w, job, &turn);
    } else if (b->kept) {
        b->unavailable = true;
    }
    b->kept = NULL;
}

static void step_units(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state;
    enum pipeline_status status = job->task->pipeline.status;

    pipeline_clear(&job->task->pipeline);
    for (size_t i = 0; i < b->n; i++) {
        b->units[i].pipeline.status = status;
        if (b->units[i].under_way)
            step_unit(w, job, &b->units[i]);
    }
}

/* Nothing is under way: what follows. */
static void conclude(struct job *job)
{
    struct batch_job *b = job->state;
    int64_t next = b->part.from + (int64_t)BATCH_LANES * BATCH_CHUNK;

    if (b->unavailable)
        problem_unavailable(&job->problem, 1);
    else if (b->must_call)
        follow(job, STR("callback"), 0);
    else if (b->batch.exists && !batch_ended(b->batch.status) && next < BATCH_STUDENTS_MAX)
        follow(job, job->q.kind, next);
}

/* What has been done is kept in the round of what is still under way. */
static enum step go_on(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state;

    if (b->done_n > 0) {
        b->kept = batch_cmd_save(&job->task->pipeline, b->part.batch, b->part.from,
                                 b->batch.created_ms, w->now_ms, b->done, b->done_n);
        b->done_n = 0;
    }
    if (b->under_way > 0 || b->kept)
        return STEP_MORE;
    conclude(job);
    return STEP_DONE;
}

enum step job_batch(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state;

    if (!b)
        return begin(w, job) ? STEP_MORE : STEP_DONE;
    if (b->begun)
        return read_part(w, job) ? go_on(w, job) : STEP_DONE;
    read_kept(w, job);
    step_units(w, job);
    return go_on(w, job);
}
