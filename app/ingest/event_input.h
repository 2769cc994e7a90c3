/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A learning event as a client or publisher sent it (docs/events.md). Shared by all routes that
 * accept events: the event is checked by tables of rules, then converted to observations, the
 * weighted values that the mastery model counts. */
#ifndef INGEST_EVENT_INPUT_H
#define INGEST_EVENT_INPUT_H

#include <json-c/json.h>

#include "app/base/problem.h"
#include "app/domain/events.h"
#include "app/http/rule.h"

#define EVENT_SECONDS_MAX 1e9 /* longest duration of an event, in seconds */

/* An event's timestamp may be at most this many milliseconds before or after this machine's clock.
 */
#define EVENT_AGE_MAX_MS   (INT64_C(90) * 86400000)
#define EVENT_AHEAD_MAX_MS INT64_C(3600000)

struct event_input {
    /* filled when event_rules are applied to the body */
    struct str event_id; /* the event's id: 8 to 64 visible ASCII characters */
    int type;            /* enum event_type; valid when has_type */
    bool has_type, has_time;
    struct str student; /* student's id; without has_student the route decides whose event it is */
    bool has_student;
    int64_t at_ms;     /* when the event happened, since the epoch; valid when has_time */
    struct str source; /* name of the system that sent the event; valid when has_source */
    bool has_source;
    struct json_object *data; /* fields of the event's type, not checked yet; NULL when absent */
    /* filled by event_input_finish */
    struct learning_event event; /* observations: weighted values that the mastery model counts */
    uint32_t warnings;           /* bit set of enum event_warning */
};

/* The rules of the fields that all events have. The members of `data` and the characters of
 * event_id are checked by event_input_finish. */
extern const struct rule event_rules[];
/* The forms of a CloudEvent's `data`, for the OpenAPI document only. */
extern const struct rule_forms cloudevent_data_forms;

/* Checks event_id, at_ms (against now_ms), and `data` by the rules of the event's type, then fills
 * `event` and `warnings`. p may already have field errors of the event; the checks are made all the
 * same, so that all errors are reported together. Returns false, with `event` not filled, when p
 * has errors at the end. */
bool event_input_finish(struct event_input *in, int64_t now_ms, struct arena *arena,
                        struct problem *p);

/* Returns the event as JSON, for the journal (changes that the worker has not processed yet) and
 * for the export of a student's data. Returns a text whose p is NULL when out of memory. */
struct str event_input_json(const struct event_input *in, struct str student, struct arena *arena);

#endif
