/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/mastery/ingest: one learning event. */
#include "app/ingest/intake.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"

struct ingest {
    struct intake intake;
    struct intake_item item;
};

static struct ingest *begin(struct exchange *x)
{
    struct ingest *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    s->item.in = *(const struct event_input *)x->input;
    s->intake = (struct intake){.items = &s->item,
                                .n = 1,
                                .now_ms = x->now_ms,
                                .actor = x->who.user,
                                .actor_role = role_names[x->who.role],
                                .correlation_id = x->request_id,
                                .traceparent = exchange_traceparent(x)};
    return s;
}

static void write_warnings(struct jw *w, uint32_t doubts)
{
    if (!doubts)
        return;
    jw_array(w, "warnings");
    for (int i = 0; i < EVENT_DOUBTS; i++) {
        if (doubts & (1u << i))
            jw_text(w, NULL, event_doubt_texts[i]);
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
    if (intake_step(&s->intake, x->engine, &x->asks) == STEP_MORE)
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
    write_warnings(&w, in->doubts);
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
    event_count(x->engine, in, EVENT_REJECTED);
    return false;
}

/* clang-format off */
static const char *const statuses[] = {"accepted", NULL};

static const struct rule ingest_answer[] = {
    {.name = "status", .type = RULE_WORD, .required = true, .choices = statuses, .about = "Stored, now or before"},
    {.name = "event_id", .type = RULE_TEXT, .required = true, .about = "The event's own id"},
    {.name = "message", .type = RULE_TEXT, .required = true, .about = "For people"},
    {.name = "warnings", .type = RULE_JSON, .about = "What is allowed and yet looks odd, a sentence each"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "mastery-ingest", .method = POST, .pattern = "/api/v1/mastery/ingest", .limit_per_minute = 100,
     .access = ACCESS_WRITE_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_OWN_BY_DEFAULT | ROUTE_IDEMPOTENT | ROUTE_RECORDED, .rules = event_rules,
     .input_size = sizeof(struct event_input), .student = offsetof(struct event_input, student), .check = check,
     .handler = ingest, .status = 202, .answer = ingest_answer, .summary = "Counts a learning event, once for its id"},
};
/* clang-format on */

const struct route_table ingest_routes = {"events", routes, sizeof(routes) / sizeof(routes[0])};
