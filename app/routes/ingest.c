/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/mastery/ingest: records one learning event, something that a student did
 * (docs/events.md). The rules and types of events are in ingest/event_input.c, shared with the
 * routes of Dapr and xAPI. */
#include "app/ingest/event_batch.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"

/* State of a request between its steps. */
struct ingest {
    struct event_batch batch; /* batch of one event, the item of this struct */
    struct event_batch_item item;
};

/* Puts the event into a batch of one, so that all routes record events by the same code. Returns
 * NULL with x->problem set when out of memory. */
static struct ingest *ingest_begin(struct exchange *x)
{
    struct ingest *ingest = exchange_new_state(x, sizeof(*ingest));

    if (!ingest)
        return NULL;
    ingest->item.input = *(const struct event_input *)x->input;
    ingest->batch = (struct event_batch){.items = &ingest->item,
                                         .n = 1,
                                         .now_ms = x->now_ms,
                                         .actor = x->caller.user,
                                         .actor_role = role_names[x->caller.role],
                                         .correlation_id = x->request_id,
                                         .traceparent = exchange_traceparent(x)};
    return ingest;
}

/* Writes the warnings about the event; an event with warnings is recorded nevertheless. warnings
 * is a set of values of enum event_warning, one bit for each. */
static void ingest_write_warnings(struct jw *w, uint32_t warnings)
{
    if (!warnings)
        return;
    jw_array(w, "warnings");
    for (int i = 0; i < EVENT_WARNINGS; i++) {
        if (warnings & (1u << i))
            jw_text(w, NULL, event_warning_texts[i]);
    }
    jw_array_end(w);
}

/* Handler of ingest. An event that an earlier request with the same event id has recorded gets 202
 * like a new one, so that clients can repeat a request without harm. */
static enum step mastery_ingest(struct exchange *x)
{
    struct ingest *ingest = x->state ? x->state : ingest_begin(x);
    const struct event_input *input = x->input;
    struct jw w;

    if (!ingest)
        return STEP_DONE;
    if (event_batch_step(&ingest->batch, x->engine, &x->pipeline) == STEP_MORE)
        return STEP_MORE;
    x->problem = ingest->item.problem; /* why the event was not recorded; PROBLEM_NONE if it was */
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    http_response_json(&x->response, 202, &w);
    jw_text(&w, "status", "accepted");
    jw_str(&w, "event_id", input->event_id);
    jw_text(&w, "message",
            ingest->item.record.duplicate ? "This event was recorded before; nothing has changed"
                                          : "The event was recorded");
    ingest_write_warnings(&w, input->warnings);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* Checks what rules cannot express: the data must fit the event's type, and its time must be
 * possible by the clock. Returns false with x->problem set. */
static bool ingest_check(struct exchange *x)
{
    struct event_input *input = x->input;

    if (event_input_finish(input, x->now_ms, x->arena, &x->problem))
        return true;
    event_metrics_add(x->engine, input, EVENT_REJECTED);
    return false;
}

/* clang-format off */
static const char *const statuses[] = {"accepted", NULL};

static const struct rule ingest_response[] = RULES(
    FIELD(ENUM, "status", "Stored, now or before", .choices = statuses),
    FIELD(TEXT, "event_id", "The event's own id"),
    FIELD(TEXT, "message", "For human readers"),
    OPTIONAL(TEXTS, "warnings", "Oddities of a valid event, a sentence each"), SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "mastery-ingest", .method = POST, .pattern = "/api/v1/mastery/ingest",
     .limit_per_minute = 100, .access = ACCESS_WRITE_STUDENT,
     .flags = ROUTE_PERSONAL | ROUTE_DEFAULTS_TO_SELF | ROUTE_IDEMPOTENT | ROUTE_JOURNALED,
     .rules = event_rules, .input_size = sizeof(struct event_input), .check = ingest_check,
     .handler = mastery_ingest, .status = 202, .response = ingest_response,
     .summary = "Records a learning event, once for its id"},
};
/* clang-format on */

const struct route_table ingest_routes = {
    "events", routes, sizeof(routes) / sizeof(routes[0]),
    "Learning events, from which scores are computed: own form, CloudEvents and xAPI"};
