/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several learning events that came together, each recorded as if it had come alone
 * (service/record): those of one student one after the other, some students at a time. */
#ifndef INGEST_EVENT_BATCH_H
#define INGEST_EVENT_BATCH_H

#include "app/ingest/event_input.h"
#include "app/service/record.h"

enum { EVENT_BATCH_PARALLEL_MAX = 64 };

/* The words of METRIC_EVENTS. */
enum event_status { EVENT_ACCEPTED, EVENT_DUPLICATE, EVENT_REJECTED, EVENT_FAILED };

/* Counts an event in the metrics; in without a type (or NULL) counts as unknown. */
void event_metrics_add(struct engine *engine, const struct event_input *in,
                       enum event_status status);

enum event_batch_stage { EVENT_BATCH_WAITING, EVENT_BATCH_RUNNING, EVENT_BATCH_DONE };

struct event_batch_item {
    /* in */
    struct event_input input; /* finished, with its student */
    struct str mark;          /* kept beside the event's id */
    /* out, when done */
    struct problem problem; /* NOT_FOUND: the student is erased; FORBIDDEN: consent to data
                             * processing is withdrawn; SERVICE_UNAVAILABLE: repeat it */
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
    size_t done_count; /* so many from the front are done */
};

/* Call with its own fields zeroed; again after each round until STEP_DONE, when all items are done.
 * What the caller has asked for before the call goes out in the same round; replies to it must have
 * been looked at before the next call. Each item's outcome is in the item. */
enum step event_batch_step(struct event_batch *k, struct engine *engine, struct pipeline *pipeline);

#endif
