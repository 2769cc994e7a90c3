/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/mastery/ingest: one learning event. */
#include "app/ingest/event_batch.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"

struct ingest {
    struct event_batch intake;
    struct event_batch_item item;
};

static struct ingest *begin(struct exchange *x)
{
    struct ingest *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    s->item.input = *(const struct event_input *)x->input;
    s->intake = (struct event_batch){.items = &s->item,
                                     .n = 1,
                                     .now_ms = x->now_ms,
                                     .actor = x->caller.user,
                                     .actor_role = role_names[x->caller.role],
                                     .correlation_id = x->request_id,
                                     .traceparent = exchange_traceparent(x)};
    return s;
}

static void write_warnings(struct jw *w, uint32_t doubts)
{
    if (!doubts)
        return;
    jw_array(w, "warnings");
    for (int i = 0; i < EVENT_WARNINGS; i++) {
        if (doubts & (1u << i))
            jw_text(w, NULL, event_warning_texts[i]);
    }
    jw_array_end(w);
}

static enum step ingest(struct exchange *x)
{
    struct ingest *s = x->state ? x->state : begin(x);
    const struct event_input *in = x->input;
    struct jw w;

    if (!s)
        return STEP_DONE;
    if (event_batch_step(&s->intake, x->engine, &x->pipeline) == STEP_MORE)
        return STEP_MORE;
    x->problem = s->item.problem;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    http_response_json(&x->response, 202, &w);
    jw_text(&w, "status", "accepted");
    jw_str(&w, "event_id", in->event_id);
    jw_text(&w, "message",
            s->item.record.duplicate ? "This event had been counted before; nothing has changed"
                                     : "The event has been counted");
    write_warnings(&w, in->warnings);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* What the rules cannot say: the data by its type, the time by the clock. */
static bool check(struct exchange *x)
{
    struct event_input *in = x->input;

    if (event_input_finish(in, x->now_ms, x->arena, &x->problem))
        return true;
    event_metrics_add(x->engine, in, EVENT_REJECTED);
    return false;
}

/* clang-format off */
static const char *const statuses[] = {"accepted", NULL};

static const struct rule ingest_answer[] = {
    {.name = "status", .type = RULE_ENUM, .required = true, .choices = statuses, .description = "Stored, now or before"},
    {.name = "event_id", .type = RULE_TEXT, .required = true, .description = "The event's own id"},
    {.name = "message", .type = RULE_TEXT, .required = true, .description = "For people"},
    {.name = "warnings", .type = RULE_JSON, .description = "What is allowed and yet looks odd, a sentence each"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "mastery-ingest", .method = POST, .pattern = "/api/v1/mastery/ingest", .limit_per_minute = 100,
     .access = ACCESS_WRITE_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_DEFAULTS_TO_SELF | ROUTE_IDEMPOTENT | ROUTE_JOURNALED, .rules = event_rules,
     .input_size = sizeof(struct event_input), .subject_offset = offsetof(struct event_input, student), .check = check,
     .handler = ingest, .status = 202, .response = ingest_answer, .summary = "Counts a learning event, once for its id"},
};
/* clang-format on */

const struct route_table ingest_routes = {"events", routes, sizeof(routes) / sizeof(routes[0])};
