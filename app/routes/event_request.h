/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declarations that the routes with CloudEvents or lists of events share. */
#ifndef ROUTES_EVENT_REQUEST_H
#define ROUTES_EVENT_REQUEST_H

#include "app/ingest/event_batch.h"
#include "app/ingest/event_input.h"
#include "app/pipeline/exchange.h"

/* The optional attributes of a CloudEvent, and its data, which are the same on all routes. */
#define CLOUDEVENT_OPTIONAL_FIELDS                                                                 \
    OPTIONAL(TEXT, "subject", "The student, unless data has a student_id", .nullable = true,       \
             .example = "student-1"),                                                              \
        OPTIONAL(TIME, "time", "When it happened, unless data has a timestamp", .nullable = true,  \
                 .example = "today"),                                                              \
        OPTIONAL(JSON, "data", "The body of ingest, or its data alone", .option = {1, 1, false},   \
                 .forms = &cloudevent_data_forms,                                                  \
                 .example = "{\"milestone_type\":\"streak\",\"milestone_value\":7,"                \
                            "\"message\":\"Seven days in a row\"}"),                               \
        OPTIONAL(TEXT, "data_base64", "The same in base64", .option = {1, 2, false})

/* Sets the members of the batch that come from the request and are recorded with each event: the
 * time, the caller, the correlation id and the trace. The handler sets the events (items). */
void event_request_begin(const struct exchange *x, struct event_batch *batch);

#endif
