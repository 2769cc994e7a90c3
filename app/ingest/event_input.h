/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A learning event as it comes from outside (api-contract section 4, ingest), whatever way it came:
 * checked by table, and made into what the model counts. */
#ifndef INGEST_EVENT_INPUT_H
#define INGEST_EVENT_INPUT_H

#include <json-c/json.h>

#include "app/base/problem.h"
#include "app/domain/events.h"
#include "app/http/rule.h"

/* How old an event may be, and how far ahead of our clock. */
#define EVENT_AGE_MAX_MS   (INT64_C(90) * 86400000)
#define EVENT_AHEAD_MAX_MS INT64_C(3600000)

struct event_input {
    /* as the rules fill it */
    struct str event_id; /* 8..64 of A-Z a-z 0-9 . _ : - */
    int type;            /* enum event_type */
    bool has_type, has_time;
    struct str student; /* may be absent: then the caller says whom it is about */
    bool has_student;
    int64_t at_ms;
    struct str source;
    bool has_source;
    struct json_object *data;
    /* as event_input_finish adds */
    struct learning_event event;
    uint32_t warnings; /* of enum event_warning, a bit each */
};

/* The rules of the envelope; `data` and the letters of event_id are looked into by
 * event_input_finish. */
extern const struct rule event_rules[];
/* The rules of each type's data, for the OpenAPI document and for the tests. */
extern const struct rule *const event_data_rules[EVENT_TYPES];

/* Checks `data` by its type's rules and `at_ms` against the clock. The envelope may have failed
 * already: what can be checked is checked all the same, so that all failing fields are named. False
 * with field errors in p. */
bool event_input_finish(struct event_input *in, int64_t now_ms, struct arena *arena,
                        struct problem *p);

/* The event as it is kept for the export and handed to the worker. p is NULL without memory. */
struct str event_input_json(const struct event_input *in, struct str student, struct arena *arena);

#endif
