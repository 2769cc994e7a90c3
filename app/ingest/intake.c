/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ingest/intake.h"

void event_count(struct engine *engine, const struct event_input *in, enum event_status status)
{
    enum { OF_EVENT = 1 }; /* the word of METRIC_CALCULATIONS */
    unsigned type = in && in->has_type ? (unsigned)in->type : EVENT_TYPES;

    metrics_add(engine->metrics, METRIC_EVENTS, type, status, 1);
    if (status == EVENT_ACCEPTED)
        metrics_add(engine->metrics, METRIC_CALCULATIONS, OF_EVENT, 0, 1);
}

static void finish(struct intake_item *item, struct engine *engine)
{
    enum event_status status = EVENT_ACCEPTED;

    item->stage = INTAKE_DONE;
    if (item->problem.code == PROBLEM_NOT_FOUND || item->problem.code == PROBLEM_FORBIDDEN)
        status = EVENT_REJECTED;
    else if (item->problem.code != PROBLEM_NONE)
        status = EVENT_FAILED;
    else if (item->record.duplicate)
        status = EVENT_DUPLICATE;
    event_count(engine, &item->in, status);
}

/* The record works on asks of its own, which it clears; what it wants goes out with all others'. */
static void step(struct intake_item *item, struct engine *engine, struct asks *asks)
{
    if (record_step(&item->record, engine, &item->asks, &item->problem) == STEP_MORE)
        asks_join(asks, &item->asks);
    else
        finish(item, engine);
}

static void begin(const struct intake *k, struct intake_item *item, struct engine *engine,
                  struct asks *asks)
{
    item->record =
        (struct record){.student = item->in.student,
                        .kind = RECORD_EVENT,
                        .event = item->in.event,
                        .event_id = item->in.event_id,
                        .event_json = event_input_json(&item->in, item->in.student, asks->arena),
                        .mark = item->mark,
                        .now_ms = k->now_ms,
                        .actor = k->actor,
                        .actor_role = k->actor_role,
                        .correlation_id = k->correlation_id,
                        .traceparent = k->traceparent};
    item->stage = INTAKE_UNDER_WAY;
    asks_init(&item->asks, asks->arena, NULL);
    if (!item->record.event_json.p)
        problem_set(&item->problem, PROBLEM_INTERNAL_ERROR, NULL);
    if (item->problem.code == PROBLEM_NONE)
        step(item, engine, asks);
    else
        finish(item, engine);
}

/* An earlier event of the same student is not done yet. */
static bool must_wait(const struct intake *k, size_t i)
{
    for (size_t before = k->done; before < i; before++) {
        const struct intake_item *item = &k->items[before];

        if (item->stage != INTAKE_DONE && str_equal(item->in.student, k->items[i].in.student))
            return true;
    }
    return false;
}

static void begin_waiting(struct intake *k, struct engine *engine, struct asks *asks)
{
    for (size_t i = k->done; i < k->n && i < k->done + INTAKE_AT_ONCE; i++) {
        if (k->items[i].stage == INTAKE_WAITING && !must_wait(k, i))
            begin(k, &k->items[i], engine, asks);
    }
}

enum step intake_step(struct intake *k, struct engine *engine, struct asks *asks)
{
    enum asks_status status = asks->status;

    if (status != ASKS_OPEN)
        asks_clear(asks);
    for (size_t i = k->done; i < k->n && i < k->done + INTAKE_AT_ONCE; i++) {
        struct intake_item *item = &k->items[i];

        item->asks.status = status;
        if (item->stage == INTAKE_UNDER_WAY)
            step(item, engine, asks);
    }
    do {
        begin_waiting(k, engine, asks);
        while (k->done < k->n && k->items[k->done].stage == INTAKE_DONE)
            k->done++;
    } while (k->done < k->n && asks->count == 0 && !asks->failed);
    return k->done < k->n ? STEP_MORE : STEP_DONE;
}
