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
    struct asks asks;
    bool under_way;
};

struct batch_job {
    struct batch_body part;
    struct batch batch;       /* as last told */
    bool must_call;           /* it has ended, and it is for this part to have others told */
    struct ask *begun, *kept; /* whose reply has not been looked at */
    struct str mark;          /* by which each record is made once; no event's id has a space */
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
    b->must_call = turn->must_call;
    if (!turn->changed)
        return;
    metrics_add(m, METRIC_BATCH, turn->now.status, 0, 1);
    if (turn->now.status == BATCH_COMPLETED || turn->now.status == BATCH_FAILED)
        metrics_batch_seconds(m, turn->now.priority,
                              (double)(turn->now.completed_ms - turn->now.started_ms) / 1e3);
}

bool job_read_batch_body(struct job *job, struct batch_body *ret)
{
    /* clang-format off */
    static const struct rule rules[] = {
        {.name = "batch", .type = RULE_ID, .required = true, .into = offsetof(struct batch_body, batch)},
        {.name = "from", .type = RULE_INT, .max = BATCH_STUDENTS_MAX - 1, .into = offsetof(struct batch_body, from)},
        {0},
    };
    /* clang-format on */
    struct problem p = {.code = PROBLEM_NONE};
    struct arena *arena = job->task->arena;
    struct json_object *body = json_read(job->q.body, arena, &p);

    *ret = (struct batch_body){0};
    if (p.code == PROBLEM_NONE && validate_object(rules, body, (struct str){0}, arena, ret, &p) &&
        ret->from % BATCH_PART == 0)
        return true;
    problem_set(&job->problem, PROBLEM_INTERNAL_ERROR, "not about a batch");
    return false;
}

static void follow(struct job *job, struct str kind, int64_t from)
{
    struct batch_body body;

    if (!job_read_batch_body(job, &body))
        return;
    job->next.kind = kind;
    job->next.body = batch_job_body(job->task->arena, body.batch, from);
}

void job_batch_dead(struct worker *w, struct job *job)
{
    struct problem p = {.code = PROBLEM_NONE};
    bool changed, must_call;
    struct batch_body body;

    if (!job_read_batch_body(job, &body))
        return;
    if (!job->ended) {
        job->ended = batch_ask_give_up(&job->task->asks, body.batch, body.from, w->now_ms);
    } else if (batch_read_given_up(job->ended, &changed, &must_call, &p)) {
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
        .actor_role = "batch", /* in the name of whoever has submitted it */
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
    if (!job_read_batch_body(job, &b->part))
        return false;
    b->mark = arena_printf(job->task->arena, "batch %.*s", STR_ARG(b->part.batch));
    b->begun = batch_ask_part(&job->task->asks, b->part.batch, b->part.from, w->now_ms);
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
    int64_t next = b->part.from + (int64_t)BATCH_LANES * BATCH_PART;

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
        b->kept = batch_ask_keep(&job->task->asks, b->part.batch, b->part.from, b->batch.created_ms,
                                 w->now_ms, b->done, b->done_n);
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
