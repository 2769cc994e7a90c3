/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part of a batch: its students' records are made all at the same time, as if each had been asked
 * for alone (service/record), and the results kept as they come. The job may die at any step: a
 * record is made once for the batch's id, a result kept once, and another try does what is left.
 *
 * The last one to be kept ends the batch. The job is followed by that of the lane's next part. */
#include "app/service/record.h"
#include "app/store/batch.h"
#include "app/worker/worker.h"

struct unit {
    struct batch_item item;
    struct record record;
    struct problem problem;
    struct asks asks;
    bool under_way;
};

struct batch_job {
    struct str id;
    int64_t from;
    struct batch batch;       /* as last told */
    struct ask *begun, *kept; /* whose reply has not been looked at */
    struct str mark;          /* by which each record is made once */
    struct unit units[BATCH_PART];
    size_t n, under_way;
    struct batch_result done[BATCH_PART]; /* to be kept */
    size_t done_n;
    bool unavailable; /* some were not made for want of the store */
};

/* ---- the batch ---- */

/* The words of METRIC_CALCULATIONS. */
enum { STATED = 0, RECOMPUTED = 2 };

static void note_turn(struct worker *w, struct job *job, const struct batch_turn *turn)
{
    struct batch_job *b = job->state;
    struct metrics *m = w->engine->metrics;

    b->batch = turn->now;
    if (!turn->changed)
        return;
    metrics_add(m, METRIC_BATCH, turn->now.status, 0, 1);
    if (turn->now.status == BATCH_COMPLETED || turn->now.status == BATCH_FAILED)
        metrics_batch_seconds(m, turn->now.priority,
                              (double)(turn->now.completed_ms - turn->now.started_ms) / 1e3);
}

void job_batch_dead(struct worker *w, struct job *job)
{
    struct problem p = {.code = PROBLEM_NONE};
    bool changed;
    struct str id;
    int64_t from;

    if (!batch_read_job_body(job->q.body, &id, &from))
        return;
    if (!job->ended)
        job->ended = batch_ask_give_up(&job->task->asks, id, w->now_ms);
    else if (batch_read_ended(job->ended, &changed, &p) && changed)
        metrics_add(w->engine->metrics, METRIC_BATCH, BATCH_FAILED, 0, 1);
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
    struct asks *asks = &job->task->asks;

    if (record_step(&u->record, w->engine, &u->asks, &u->problem) == STEP_MORE)
        asks_join(asks, &u->asks);
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
        .analysis = true,
        .now_ms = w->now_ms,
        .actor = b->batch.actor,
        .correlation_id = b->batch.correlation_id,
        .traceparent = b->batch.traceparent,
    };
    memcpy(u->record.components, u->item.components, sizeof(u->item.components));
    memcpy(u->record.weights, u->item.weights, sizeof(u->item.weights));
    asks_init(&u->asks, job->task->arena, NULL);
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
    if (!batch_read_job_body(job->q.body, &b->id, &b->from)) {
        problem_set(&job->problem, PROBLEM_INTERNAL_ERROR, "not a part of a batch");
        return false;
    }
    b->mark = arena_printf(job->task->arena, "batch:%.*s", STR_ARG(b->id));
    b->begun = batch_ask_part(&job->task->asks, b->id, b->from, w->now_ms);
    return true;
}

static bool read_part(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state;
    struct batch_item *items = arena_array(job->task->arena, BATCH_PART, sizeof(*items));
    struct batch_turn turn;

    if (!items || !batch_read_part(b->begun, &turn, items, &b->n, &job->problem)) {
        problem_unavailable(&job->problem, 1);
        return false;
    }
    b->begun = NULL;
    note_turn(w, job, &turn);
    asks_clear(&job->task->asks);
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
    struct batch_turn turn;

    if (b->kept && batch_read_keep(b->kept, &turn, &p)) {
        job->got_on = true;
        note_turn(w, job, &turn);
    } else if (b->kept) {
        b->unavailable = true;
    }
    b->kept = NULL;
}

static void step_units(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state;
    enum asks_status status = job->task->asks.status;

    asks_clear(&job->task->asks);
    for (size_t i = 0; i < b->n; i++) {
        b->units[i].asks.status = status;
        if (b->units[i].under_way)
            step_unit(w, job, &b->units[i]);
    }
}

/* Nothing is under way: what follows. */
static void conclude(struct job *job)
{
    struct batch_job *b = job->state;
    int64_t next = b->from + (int64_t)BATCH_LANES * BATCH_PART;

    if (b->unavailable)
        problem_unavailable(&job->problem, 1);
    else if (b->batch.exists && !batch_ended(b->batch.status) && next < BATCH_STUDENTS_MAX)
        job->next = batch_job_body(job->task->arena, b->id, next);
}

/* What has been done is kept in the round of what is still under way. */
static enum step go_on(struct worker *w, struct job *job)
{
    struct batch_job *b = job->state;

    if (b->done_n > 0) {
        b->kept = batch_ask_keep(&job->task->asks, b->id, b->from, b->batch.created_ms, w->now_ms,
                                 b->done, b->done_n);
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
