/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ingest/event_batch.h"

void event_metrics_add(struct engine *engine, const struct event_input *in,
                       enum event_status status)
{
    enum { OF_EVENT = 1 }; /* the word of METRIC_CALCULATIONS */
    unsigned type = in && in->has_type ? (unsigned)in->type : EVENT_TYPES;

    metrics_add(engine->metrics, METRIC_EVENTS, type, status, 1);
    if (status == EVENT_ACCEPTED)
        metrics_add(engine->metrics, METRIC_CALCULATIONS, OF_EVENT, 0, 1);
}

static void finish(struct event_batch_item *item, struct engine *engine)
{
    enum event_status status = EVENT_ACCEPTED;

    item->stage = EVENT_BATCH_DONE;
    if (item->problem.code == PROBLEM_NOT_FOUND || item->problem.code == PROBLEM_FORBIDDEN)
        status = EVENT_REJECTED;
    else if (item->problem.code != PROBLEM_NONE)
        status = EVENT_FAILED;
    else if (item->record.duplicate)
        status = EVENT_DUPLICATE;
    event_metrics_add(engine, &item->input, status);
}

/* The record works on asks of its own, which it clears; what it wants goes out with all others'. */
static void step(struct event_batch_item *item, struct engine *engine, struct pipeline *pipeline)
{
    if (record_step(&item->record, engine, &item->pipeline, &item->problem) == STEP_MORE)
        pipeline_join(pipeline, &item->pipeline);
    else
        finish(item, engine);
}

static void begin(const struct event_batch *k, struct event_batch_item *item, struct engine *engine,
                  struct pipeline *pipeline)
{
    item->record = (struct record){
        .student = item->input.student,
        .kind = RECORD_EVENT,
        .event = item->input.event,
        .event_id = item->input.event_id,
        .event_json = event_input_json(&item->input, item->input.student, pipeline->arena),
        .mark = item->mark,
        .now_ms = k->now_ms,
        .actor = k->actor,
        .actor_role = k->actor_role,
        .correlation_id = k->correlation_id,
        .traceparent = k->traceparent};
    item->stage = EVENT_BATCH_RUNNING;
    pipeline_init(&item->pipeline, pipeline->arena, NULL);
    if (!item->record.event_json.p)
        problem_set(&item->problem, PROBLEM_INTERNAL_ERROR, NULL);
    if (item->problem.code == PROBLEM_NONE)
        step(item, engine, pipeline);
    else
        finish(item, engine);
}

/* An earlier event of the same student is not done yet. */
static bool must_wait(const struct event_batch *k, size_t i)
{
    for (size_t before = k->done_count; before < i; before++) {
        const struct event_batch_item *item = &k->items[before];

        if (item->stage != EVENT_BATCH_DONE &&
            str_equal(item->input.student, k->items[i].input.student))
            return true;
    }
    return false;
}

static void begin_waiting(struct event_batch *k, struct engine *engine, struct pipeline *pipeline)
{
    for (size_t i = k->done_count; i < k->n && i < k->done_count + EVENT_BATCH_PARALLEL_MAX; i++) {
        if (k->items[i].stage == EVENT_BATCH_WAITING && !must_wait(k, i))
            begin(k, &k->items[i], engine, pipeline);
    }
}

enum step event_batch_step(struct event_batch *k, struct engine *engine, struct pipeline *pipeline)
{
    enum pipeline_status status = pipeline->status;

    if (status != PIPELINE_OPEN)
        pipeline_clear(pipeline);
    for (size_t i = k->done_count; i < k->n && i < k->done_count + EVENT_BATCH_PARALLEL_MAX; i++) {
        struct event_batch_item *item = &k->items[i];

        item->pipeline.status = status;
        if (item->stage == EVENT_BATCH_RUNNING)
            step(item, engine, pipeline);
    }
    do {
        begin_waiting(k, engine, pipeline);
        while (k->done_count < k->n && k->items[k->done_count].stage == EVENT_BATCH_DONE)
            k->done_count++;
    } while (k->done_count < k->n && pipeline->count == 0 && !pipeline->failed);
    return k->done_count < k->n ? STEP_MORE : STEP_DONE;
}
