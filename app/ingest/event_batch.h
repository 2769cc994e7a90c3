/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records several learning events of one request, each as if it had come alone (service/record):
 * those of one student one after the other, those of different students concurrently. */
#ifndef INGEST_EVENT_BATCH_H
#define INGEST_EVENT_BATCH_H

#include "app/ingest/event_input.h"
#include "app/service/record.h"

/* Events are looked at in a window of so many from the first unfinished one on. */
enum { EVENT_BATCH_PARALLEL_MAX = 64 };

enum event_status { EVENT_ACCEPTED, EVENT_DUPLICATE, EVENT_REJECTED, EVENT_FAILED };

/* Counts an event in the metrics. in: NULL or without a type counts as type "unknown". */
void event_metrics_add(struct engine *engine, const struct event_input *in,
                       enum event_status status);

enum event_batch_stage { EVENT_BATCH_WAITING, EVENT_BATCH_RUNNING, EVENT_BATCH_DONE };

struct event_batch_item {
    /* in */
    struct event_input input; /* finished, with its student */
    struct str mark;          /* stored with the event's id (struct record) */
    /* out, when done */
    struct problem problem; /* NOT_FOUND: the student is erased; FORBIDDEN: consent to data
                             * processing is withdrawn; SERVICE_UNAVAILABLE: send it again */
    struct record record;
    /* own */
    enum event_batch_stage stage;
    struct pipeline pipeline;
};

struct event_batch {
    /* in */
    struct event_batch_item *items;
    size_t n;
    int64_t now_ms;
    struct str actor, correlation_id, traceparent;
    const char *actor_role;
    /* own */
    size_t done_count; /* items[0 .. done_count - 1] are done */
};

/* Call with its own fields zeroed; again after each pipeline until STEP_DONE, when all items are
 * done, each with its own outcome. Commands that the caller queued before the call are sent in the
 * same pipeline; the caller must parse their replies before the next call. */
enum step event_batch_step(struct event_batch *batch, struct engine *engine,
                           struct pipeline *pipeline);

#endif
