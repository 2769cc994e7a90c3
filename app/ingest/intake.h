/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several learning events that came together, each recorded as if it had come alone
 * (service/record): those of one student one after the other, some students at a time. */
#ifndef INGEST_INTAKE_H
#define INGEST_INTAKE_H

#include "app/ingest/event_input.h"
#include "app/service/record.h"

enum { INTAKE_AT_ONCE = 64 };

/* The words of METRIC_EVENTS. */
enum event_status { EVENT_ACCEPTED, EVENT_DUPLICATE, EVENT_REJECTED, EVENT_FAILED };

/* Counts an event in the metrics; in without a type (or NULL) counts as unknown. */
void event_count(struct engine *engine, const struct event_input *in, enum event_status status);

enum intake_stage { INTAKE_WAITING, INTAKE_UNDER_WAY, INTAKE_DONE };

struct intake_item {
    /* in */
    struct event_input in; /* finished, with its student */
    struct str mark;       /* kept beside the event's id */
    /* out, when done */
    struct problem problem; /* NOT_FOUND: the student is erased; FORBIDDEN: consent to data
                             * processing is withdrawn; SERVICE_UNAVAILABLE: repeat it */
    struct record record;
    /* own */
    enum intake_stage stage;
    struct asks asks;
};

struct intake {
    /* in */
    struct intake_item *items;
    size_t n;
    int64_t now_ms;
    struct str actor, correlation_id, traceparent;
    const char *actor_role;
    /* own */
    size_t done; /* so many from the front are done */
};

/* Call with its own fields zeroed; again after each round until STEP_DONE, when all items are done.
 * What the caller has asked for before the call goes out in the same round; replies to it must have
 * been looked at before the next call. Each item's outcome is in the item. */
enum step intake_step(struct intake *k, struct engine *engine, struct asks *asks);

#endif
