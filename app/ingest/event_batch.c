/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs one struct record (the operation that stores one event) for each item. Each record queues
 * its commands into the pipeline of its item, and may clear that pipeline; the commands of all
 * records are then joined into the caller's pipeline and sent in one round trip. */
#include "app/ingest/event_batch.h"

#include "app/base/clock.h"

/* Counts the event by type and status. An accepted event also counts as one calculation of mastery.
 */
void event_metrics_add(struct engine *engine, const struct event_input *input,
                       enum event_status status)
{
    static const char *const statuses[] = {[EVENT_ACCEPTED] = "accepted",
                                           [EVENT_DUPLICATE] = "duplicate",
                                           [EVENT_REJECTED] = "rejected",
                                           [EVENT_FAILED] = "failed",
                                           [EVENT_IGNORED] = "ignored"};
    const char *type = input && input->has_type ? event_type_names[input->type] : "unknown";

    metrics_add(engine->metrics, METRIC_EVENTS, type, statuses[status], 1);
    if (status == EVENT_ACCEPTED)
        metrics_add(engine->metrics, METRIC_CALCULATIONS, "event", /* second label */ NULL, 1);
}

/* Sets the item's stage to done and counts its outcome in the metrics. EVENT_REJECTED: the event
 * can never succeed, because the student is erased or has withdrawn consent (FORBIDDEN).
 * EVENT_FAILED: the event may succeed when it is sent again. */
static void event_batch_finish_item(struct event_batch_item *item, struct engine *engine)
{
    enum event_status status = EVENT_ACCEPTED;

    item->stage = EVENT_BATCH_DONE;
    if (item->problem.code == PROBLEM_FORBIDDEN)
        status = EVENT_REJECTED;
    else if (item->problem.code != PROBLEM_NONE)
        status = EVENT_FAILED;
    else if (item->record.duplicate)
        status = EVENT_DUPLICATE;
    event_metrics_add(engine, &item->input, status);
}

/* Runs the next step of the item's record. After STEP_MORE, joins the commands that it has queued
 * to the shared pipeline. Otherwise the record has ended, with its failure, if any, in
 * item->problem, and the item is finished. */
static void event_batch_advance_item(struct event_batch_item *item, struct engine *engine,
                                     struct pipeline *pipeline)
{
    enum step step = record_step(&item->record, engine, &item->pipeline, &item->problem);

    if (!written_join(&pipeline->written, pipeline->arena, item->pipeline.written))
        /* no memory to add a server to the list of those whose replicas must confirm the writes */
        problem_unavailable(&item->problem, /* retry_after_s */ 1);
    if (step == STEP_MORE)
        pipeline_join(pipeline, &item->pipeline);
    else
        event_batch_finish_item(item, engine);
}

/* Sets up the item's record and runs its first step, which usually queues the command that reads
 * the student's profile. follows: an earlier item of the same student is still running, and this
 * one is computed from the state that it leaves. event_json.p is NULL when out of memory; such an
 * item is finished at once with PROBLEM_INTERNAL_ERROR. */
static void event_batch_start_item(const struct event_batch *batch, struct event_batch_item *item,
                                   bool follows, struct engine *engine, struct pipeline *pipeline)
{
    item->record = (struct record){
        .student = item->input.student,
        .kind = RECORD_EVENT,
        .event = item->input.event,
        .event_id = item->input.event_id,
        .event_json = event_input_json(&item->input, item->input.student, pipeline->arena),
        .mark = item->mark,
        .list = batch, /* any address that is the same for all items */
        .follows = follows,
        .now_ms = batch->now_ms,
        .actor = batch->actor,
        .actor_role = batch->actor_role,
        .correlation_id = batch->correlation_id,
        .traceparent = batch->traceparent};
    item->stage = EVENT_BATCH_RUNNING;
    pipeline_init(&item->pipeline, pipeline->arena, /* owner */ NULL);
    if (!item->record.event_json.p)
        problem_set(&item->problem, PROBLEM_INTERNAL_ERROR, NULL);
    if (item->problem.code == PROBLEM_NONE)
        event_batch_advance_item(item, engine, pipeline);
    else
        event_batch_finish_item(item, engine);
}

/* Returns whether the item must wait, because events of one student are recorded in the order in
 * which they were sent: an earlier item of the same student has not started, or it runs but no
 * other may follow it yet (record_may_be_followed). Otherwise *ret_follows is whether an earlier
 * one is still running: the item is then recorded after it, if possible by the same script.
 * Compares at most EVENT_BATCH_PARALLEL_MAX items. */
static bool event_batch_must_wait(const struct event_batch *batch,
                                  const struct event_batch_item *item, bool *ret_follows)
{
    *ret_follows = false;
    for (const struct event_batch_item *earlier = &batch->items[batch->done_count]; earlier < item;
         earlier++) {
        if (earlier->stage == EVENT_BATCH_DONE ||
            !str_equal(earlier->input.student, item->input.student))
            continue;
        if (earlier->stage != EVENT_BATCH_RUNNING || !record_may_be_followed(&earlier->record))
            return true;
        *ret_follows = true;
    }
    return false;
}

/* Returns the index after the last item that may run now: the window begins at done_count and has
 * EVENT_BATCH_PARALLEL_MAX items, or as many as the batch still has. */
static size_t event_batch_window_end(const struct event_batch *batch)
{
    size_t end = batch->done_count + EVENT_BATCH_PARALLEL_MAX;

    return end < batch->n ? end : batch->n;
}

/* Starts the waiting items of the window that need not wait for an earlier one of their student:
 * all of them, or only those of busy students, who have an earlier item that is running. */
static void event_batch_start_waiting(struct event_batch *batch, bool only_of_busy_students,
                                      struct engine *engine, struct pipeline *pipeline)
{
    for (size_t i = batch->done_count, end = event_batch_window_end(batch); i < end; i++) {
        struct event_batch_item *item = &batch->items[i];
        bool follows;

        if (item->stage == EVENT_BATCH_WAITING && !event_batch_must_wait(batch, item, &follows) &&
            (follows || !only_of_busy_students))
            event_batch_start_item(batch, item, follows, engine, pipeline);
    }
}

/* Runs one step of the batch, in this order: starts waiting items of students who have a running
 * item, because one script can then write both; advances the running items, whose replies have
 * arrived; starts other waiting items. All their commands are added to `pipeline`, which the caller
 * sends. Each item gets the outcome of the caller's pipeline, so that its record notices a failed
 * round trip. */
enum step event_batch_step(struct event_batch *batch, struct engine *engine,
                           struct pipeline *pipeline)
{
    const struct pipeline sent = *pipeline;

    /* PIPELINE_OPEN: nothing has been sent, so this is the first call; commands that the caller has
     * queued stay. Otherwise the commands were sent, and the pipeline is cleared for new ones */
    if (sent.status != PIPELINE_OPEN) {
        pipeline_clear(pipeline);
        event_batch_start_waiting(batch, /* only_of_busy_students */ true, engine, pipeline);
    }
    for (size_t i = batch->done_count, end = event_batch_window_end(batch); i < end; i++) {
        struct event_batch_item *item = &batch->items[i];

        item->pipeline.status = sent.status;
        item->pipeline.generation = sent.generation;
        /* the record finds here the servers on which changes of other requests were written, too */
        item->pipeline.written = sent.written;
        if (item->stage == EVENT_BATCH_RUNNING)
            event_batch_advance_item(item, engine, pipeline);
    }
    /* An item may end without queueing a command. The window then advances, and waiting items can
     * start: repeats until a command is queued, or all items are done. */
    do {
        event_batch_start_waiting(batch, /* only_of_busy_students */ false, engine, pipeline);
        while (batch->done_count < batch->n &&
               batch->items[batch->done_count].stage == EVENT_BATCH_DONE)
            batch->done_count++;
    } while (batch->done_count < batch->n && pipeline->count == 0 && !pipeline->failed);
    return batch->done_count < batch->n ? STEP_MORE : STEP_DONE;
}
