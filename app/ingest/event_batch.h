/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records several learning events of one request. Each event is recorded by its own struct record
 * (app/service/record.h), with the same effects as if it were the only one. Events of different
 * students are recorded concurrently, those of one student in their order, if possible by one
 * script. */
#ifndef INGEST_EVENT_BATCH_H
#define INGEST_EVENT_BATCH_H

#include "app/ingest/event_input.h"
#include "app/service/record.h"

/* Greatest number of events that are recorded at the same time. They are in a window of this many
 * items, which begins with the first unfinished one. */
enum { EVENT_BATCH_PARALLEL_MAX = 64 };

/* The outcomes of an event. Rejected: it can never succeed; failed: it may succeed if sent again;
 * ignored: it was valid and accepted, but nothing is stored of it. */
enum event_status { EVENT_ACCEPTED, EVENT_DUPLICATE, EVENT_REJECTED, EVENT_FAILED, EVENT_IGNORED };

/* Counts one event with its outcome in the metrics. An `in` that is NULL or has no type counts as
 * type "unknown". */
void event_metrics_add(struct engine *engine, const struct event_input *in,
                       enum event_status status);

enum event_batch_stage { EVENT_BATCH_WAITING, EVENT_BATCH_RUNNING, EVENT_BATCH_DONE };

struct event_batch_item {
    /* set by the caller */
    struct event_input input; /* event checked by event_input_finish; its student must be set */
    /* text that is stored together with the event's id, to be compared with that of a later event
     * with the same id (xapi_mark); may be empty */
    struct str mark;
    /* set by event_batch_step when the item is done */
    struct problem problem; /* PROBLEM_NONE: recorded, or a duplicate; FORBIDDEN: the student is
                             * erased (record.is_erased), or has withdrawn consent;
                             * SERVICE_UNAVAILABLE: the client may send the event again */
    struct record record;   /* operation that records the event, with its results */
    /* private: used only by event_batch.c; zeroed by the caller */
    enum event_batch_stage stage;
    struct pipeline pipeline; /* commands of this item's record */
};

struct event_batch {
    /* set by the caller */
    struct event_batch_item *items; /* n events in the order in which they were sent */
    size_t n;
    int64_t now_ms;
    struct str actor, correlation_id, traceparent; /* who sent the request, its id, and its trace */
    const char *actor_role;
    /* private: used only by event_batch.c; zeroed by the caller */
    size_t done_count; /* first item that is not done: items[0 .. done_count - 1] are done */
};

/* Runs one step. To be called when the batch is set up, and again when the pipeline has its
 * replies. STEP_MORE: commands are queued in the pipeline. STEP_DONE: all items are done, each with
 * its own outcome, which may be an error. Commands that the caller has queued before the first call
 * are sent in the same pipeline; the caller must parse their replies before the second call. */
enum step event_batch_step(struct event_batch *batch, struct engine *engine,
                           struct pipeline *pipeline);

#endif
