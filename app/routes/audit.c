/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/compliance/audit/logs: who did what to whom, newest first, by page. */
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/audit_entry.h"
#include "app/service/audit_list.h"

enum { LOGS_MAX = 1000 };

struct logs {
    struct str user, resource_type, cursor;
    int64_t limit;
};

static enum step begin(struct exchange *x)
{
    const struct logs *in = x->input;
    struct audit_list *l = x->state = arena_zalloc(x->arena, sizeof(*l));

    if (!l)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    l->user = in->user;
    l->resource_type = in->resource_type;
    l->limit = (size_t)in->limit;
    (void)audit_cursor_parse(in->cursor, &l->from); /* checked: it is one, or there is none */
    return audit_list_step(l, &x->pipeline, &x->problem);
}

static enum step logs(struct exchange *x)
{
    struct audit_list *l = x->state;
    enum step step = l ? audit_list_step(l, &x->pipeline, &x->problem) : begin(x);
    char cursor[AUDIT_CURSOR_SIZE];
    struct jw w;

    l = x->state;
    if (step == STEP_MORE || x->problem.code != PROBLEM_NONE)
        return step;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_array(&w, "logs");
    for (size_t i = 0; i < l->n; i++)
        audit_entry_write(&w, &l->items[i].entry, l->items[i].shard);
    jw_array_end(&w);
    jw_int(&w, "total", l->total);
    audit_cursor_print(&l->last, cursor);
    jw_text(&w, "next_cursor", l->has_more ? cursor : NULL);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

static bool check(struct exchange *x)
{
    const struct logs *in = x->input;
    struct audit_cursor place;

    if (in->cursor.n == 0 || audit_cursor_parse(in->cursor, &place))
        return true;
    if (!problem_has_field(&x->problem, STR("cursor")))
        problem_field(&x->problem, x->arena, STR("cursor"), "must be a next_cursor of an answer");
    return false;
}

/* clang-format off */
static const struct rule logs_rules[] = {
    {.name = "user_id", .type = RULE_ID, .source = IN_QUERY, .offset = offsetof(struct logs, user), .description = "Who acted: records of this user alone; a student's are found by his pseudonym"},
    {.name = "resource_type", .type = RULE_ID, .source = IN_QUERY, .offset = offsetof(struct logs, resource_type), .description = "mastery, predictions, cohorts, ...: what stands before the slash in resource"},
    {.name = "limit", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = LOGS_MAX, .default_value = 100, .offset = offsetof(struct logs, limit), .description = "How many to show"},
    {.name = "cursor", .type = RULE_TEXT, .source = IN_QUERY, .max = 64, .offset = offsetof(struct logs, cursor), .description = "next_cursor of the page before"},
    {0},
};

static const struct rule log_fields[] = {
    {.name = "id", .type = RULE_TEXT, .required = true, .description = "Its shard and its id in the shard's log"},
    {.name = "user_id", .type = RULE_TEXT, .required = true, .description = "Who acted; student:PSEUDONYM for a student; empty: nobody was named"},
    {.name = "action", .type = RULE_TEXT, .required = true, .description = "read, write, calculated, ..., or the route's name"},
    {.name = "resource", .type = RULE_TEXT, .required = true, .description = "Its type, and behind a slash its name or the student's pseudonym"},
    {.name = "timestamp", .type = RULE_TIME, .required = true, .description = "When it was recorded; details tell of counts and late records when it happened"},
    {.name = "success", .type = RULE_BOOL, .required = true, .description = "False: refused, or failed"},
    {.name = "details", .type = RULE_JSON, .required = true, .description = "role, student, count, and what else is known"},
    {.name = "correlation_id", .type = RULE_TEXT, .required = true, .description = "The request's id; of several, the first one's"},
    {0},
};

static const struct rule logs_answer[] = {
    SHAPE_SUCCESS,
    {.name = "logs", .type = RULE_OBJECTS, .required = true, .fields = log_fields, .description = "Newest first"},
    {.name = "total", .type = RULE_INT, .required = true, .description = "All records there are; with a filter, those found among the newest 20 000"},
    {.name = "next_cursor", .type = RULE_TEXT, .required = true, .nullable = true, .description = "For the next page; null: there is none"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "audit-logs", .method = GET, .pattern = "/api/v1/compliance/audit/logs", .limit_per_minute = 10,
     .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_HEAVY, .rules = logs_rules, .input_size = sizeof(struct logs),
     .subject_offset = NO_SUBJECT, .check = check, .handler = logs, .status = 200, .response = logs_answer,
     .summary = "The audit log, newest first"},
};
/* clang-format on */

const struct route_table audit_routes = {"audit", routes, sizeof(routes) / sizeof(routes[0])};
