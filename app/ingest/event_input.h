/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A learning event from outside (docs/events.md), by whichever route it came: checked by tables of
 * rules, then converted to the observations that the model counts. */
#ifndef INGEST_EVENT_INPUT_H
#define INGEST_EVENT_INPUT_H

#include <json-c/json.h>

#include "app/base/problem.h"
#include "app/domain/events.h"
#include "app/http/rule.h"

/* How old an event may be, and how far ahead of this machine's clock. */
#define EVENT_AGE_MAX_MS   (INT64_C(90) * 86400000)
#define EVENT_AHEAD_MAX_MS INT64_C(3600000)

struct event_input {
    /* filled by event_rules */
    struct str event_id; /* 8..64 of A-Z a-z 0-9 . _ : - */
    int type;            /* enum event_type */
    bool has_type, has_time;
    struct str student; /* absent: the caller decides which student it concerns */
    bool has_student;
    int64_t at_ms;
    struct str source;
    bool has_source;
    struct json_object *data;
    /* filled by event_input_finish */
    struct learning_event event;
    uint32_t warnings; /* set of enum event_warning, a bit each */
};

/* The rules of the envelope. `data`, and the characters of event_id, are checked by
 * event_input_finish. */
extern const struct rule event_rules[];
/* The rules of each type's data; public for the OpenAPI document and for tests. */
extern const struct rule *const event_data_rules[EVENT_TYPES];

/* Checks `data` by its type's rules and `at_ms` against the clock. The envelope may have errors
 * already: then the remaining fields are still checked, so that all errors are reported together.
 * False with field errors in p. */
bool event_input_finish(struct event_input *in, int64_t now_ms, struct arena *arena,
                        struct problem *p);

/* The event as JSON, for the journal and the export; p is NULL without memory. */
struct str event_input_json(const struct event_input *in, struct str student, struct arena *arena);

#endif
