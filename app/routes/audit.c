/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/compliance/audit/logs: shows the audit log to admins, the newest entries first, one page
 * for each request (docs/audit.md, Reading the audit log). The log is split over shards (groups of
 * keys in Redis); service/audit_list.c merges them into one list. */
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/audit_entry.h"
#include "app/service/audit_list.h"

enum { LOGS_MAX = 1000 }; /* most audit entries on a page */

/* Input of audit-logs. A text is empty when the request does not have it. */
struct logs {
    /* show only the entries about these; empty: all entries */
    struct str user, student, resource_type;
    int64_t since_ms, until_ms; /* oldest and newest time to show, epoch ms; 0: any */
    /* next_cursor of an earlier response: the page begins after its last entry */
    struct str cursor;
    int64_t limit; /* most entries on the page */
};

/* Starts the listing. The audit record of this very request is never on the page, because it is
 * written after the response. */
static enum step logs_begin(struct exchange *x)
{
    const struct logs *input = x->input;
    struct audit_list *list = exchange_new_state(x, sizeof(*list));

    if (!list)
        return STEP_DONE;
    list->user = input->user;
    list->student = input->student;
    list->since_ms = input->since_ms;
    list->resource_type = input->resource_type;
    list->limit = (size_t)input->limit;
    if (input->cursor.n > 0) /* logs_check has refused an invalid one */
        (void)audit_cursor_parse(input->cursor, &list->from);
    else if (input->until_ms > 0)
        audit_cursor_until(input->until_ms, &list->from);
    return audit_list_step(list, &x->pipeline, &x->problem);
}

/* Handler of audit-logs. A page takes several round trips, because the log is split over shards;
 * audit_list_step merges the shards by time and applies the filters. */
static enum step audit_logs(struct exchange *x)
{
    struct audit_list *list = x->state;
    enum step step = list ? audit_list_step(list, &x->pipeline, &x->problem) : logs_begin(x);
    char cursor[AUDIT_CURSOR_SIZE];
    struct jw w;

    list = x->state; /* logs_begin has set x->state in the first step */
    if (step == STEP_MORE || x->problem.code != PROBLEM_NONE)
        return step;
    exchange_json_begin(x, 200, &w);
    jw_array(&w, "logs");
    for (size_t i = 0; i < list->n; i++)
        audit_entry_write(&w, &list->items[i].entry, list->items[i].shard);
    jw_array_end(&w);
    jw_int(&w, "total", list->total);
    jw_time(&w, "complete_since",
            audit_list_complete_since(list, x->now_ms -
                                                x->engine->config.audit_days * INT64_C(86400000)));
    audit_cursor_print(&list->last, cursor);
    jw_text(&w, "next_cursor", list->has_more ? cursor : NULL);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* Checks that the cursor is one that an earlier response contained. Returns false with a field
 * error. */
static bool logs_check(struct exchange *x)
{
    const struct logs *input = x->input;
    struct audit_cursor cursor;

    if (input->cursor.n == 0 || audit_cursor_parse(input->cursor, &cursor))
        return true;
    if (!problem_has_field(&x->problem, STR("cursor")))
        problem_field(&x->problem, x->arena, STR("cursor"),
                      "must be a next_cursor of an earlier response");
    return false;
}

/* clang-format off */
static const struct rule logs_rules[] = RULES(
    QUERY(ID, "user_id", logs, user,
          "Who acted: only records of this user, a student or anybody else"),
    QUERY(ID, "student_id", logs, student,
          "About whom: only records about this student, those of the last minutes included",
          .subject = SUBJECT_STUDENT),
    QUERY(TIME, "since", logs, since_ms, "The oldest time to show"),
    QUERY(TIME, "until", logs, until_ms, "The newest time to show; not used with a cursor"),
    QUERY(ID, "resource_type", logs, resource_type,
          "mastery, predictions, cohorts, ...: the part of resource before the slash"),
    QUERY(INT, "limit", logs, limit, "How many to show", .min = 1, .max = LOGS_MAX,
          .default_value = 100),
    QUERY(TEXT, "cursor", logs, cursor, "next_cursor of the page before", .max = 64));

static const struct rule log_fields[] = RULES(
    FIELD(TEXT, "id", "Its shard and its id in the shard's log"),
    FIELD(TEXT, "user_id", "Who acted; student:PSEUDONYM for a student; empty: unknown"),
    FIELD(TEXT, "action", "read, write, calculated, ..., or the route's name"),
    FIELD(TEXT, "resource", "Its type and, after a slash, its name or the student's pseudonym"),
    FIELD(TIME, "timestamp",
          "When it was recorded; of a count, the first time; details may say when it happened"),
    FIELD(BOOL, "success", "False: denied, or failed"),
    FIELD(OBJECT, "details", "role, student, count; first and last time of a count, and more"),
    FIELD(TEXT, "correlation_id", "The request's id; empty: a count of several"));

static const struct rule logs_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECTS, "logs", "Newest first", .fields = log_fields),
    FIELD(INT, "total", "All records; with a filter, those found among the newest 20 000"),
    FIELD(TIME, "complete_since",
          "From this time on, all records that match are on this page or those before it"),
    FIELD(TEXT, "next_cursor", "For the next page; null: there is none", .nullable = true),
    SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "audit-logs", .method = GET, .pattern = "/api/v1/compliance/audit/logs",
     .limit_per_minute = 10, .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_HEAVY,
     .rules = logs_rules, .input_size = sizeof(struct logs), .check = logs_check,
     .handler = audit_logs, .status = 200, .response = logs_response,
     .summary = "The audit log, newest first"},
};
/* clang-format on */

const struct route_table audit_routes = {"audit", routes, sizeof(routes) / sizeof(routes[0]),
                                         "Who has accessed which data"};
