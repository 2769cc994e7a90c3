/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/xapi/statements: learning tools speak xAPI; their statements are counted as the events
 * that they mean. All of a request's statements, or none. */
#include "app/ingest/xapi.h"
#include "app/auth/access.h"
#include "app/base/clock.h"
#include "app/http/json.h"
#include "app/ingest/event_batch.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/store/cohort.h"
#include "app/store/erasure.h"
#include "app/store/student.h"

struct entry {
    struct xapi_event event;
    struct command *mark; /* what is known of its id */
    struct command *consent, *erased;
    struct command *of_student; /* a teacher's right hangs on it */
    size_t item;                /* in the intake, when it is new */
    bool known;
};

struct statements {
    struct entry *v;
    size_t n;
    bool list; /* the body was one */
    struct command *of_teacher;
    struct event_batch intake;
    bool looked; /* at rights and marks */
};

/* ---- reading ---- */

static void refuse_repeated(struct exchange *x, const struct statements *s)
{
    for (size_t i = 1; i < s->n; i++) {
        for (size_t k = 0; k < i; k++) {
            struct str field;

            if (!str_equal(s->v[i].event.input.event_id, s->v[k].event.input.event_id))
                continue;
            field = arena_printf(x->arena, "[%zu].id", i);
            problem_field(&x->problem, x->arena, field, "must not be in the list twice");
            break;
        }
    }
}

static void read_statements(struct exchange *x, struct statements *s, struct json_object *body)
{
    const struct binding l = {x->arena, &x->problem};

    s->list = json_object_is_type(body, json_type_array);
    s->n = s->list ? json_object_array_length(body) : 1;
    if (s->n > XAPI_STATEMENTS_MAX) {
        problem_field(&x->problem, x->arena, STR("body"), "must be a list of at most %d statements",
                      XAPI_STATEMENTS_MAX);
        return;
    }
    s->v = arena_array(x->arena, s->n + 1, sizeof(*s->v));
    s->intake.items = arena_array(x->arena, s->n + 1, sizeof(*s->intake.items));
    if (!s->v || !s->intake.items) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        struct json_object *statement = s->list ? json_object_array_get_idx(body, i) : body;
        struct field_path at = {.index = i};

        if (!xapi_parse(statement, s->list ? &at : NULL, x->now_ms, &l, &s->v[i].event))
            event_metrics_add(x->engine, &s->v[i].event.input, EVENT_REJECTED);
    }
    if (x->problem.code == PROBLEM_NONE)
        refuse_repeated(x, s);
}

static struct json_object *read_request(struct exchange *x)
{
    struct str version = x->request.xapi_version;

    if (!xapi_version_supported(version)) {
        problem_field(&x->problem, x->arena, STR("X-Experience-API-Version"),
                      version.n > 0 ? "must be 1.0 or 1.0.x" : "is required");
        return NULL;
    }
    if (!http_media_type_is(x->request.content_type, STR("application/json"))) {
        problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
        return NULL;
    }
    return json_parse_limited(x->request.body, exchange_json_values_max(x), x->arena, &x->problem);
}

/* ---- rights, and what is known ---- */

/* Asks what it takes to tell whether the caller may write about the student. */
static void ask_right(struct exchange *x, struct statements *s, struct entry *e)
{
    switch (access_decide(ACCESS_WRITE_STUDENT, &x->caller, e->event.input.student)) {
    case VERDICT_YES: break;
    case VERDICT_NO:
    case VERDICT_IF_MEMBER:
    case VERDICT_IF_OWN_COHORT: problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL); break;
    case VERDICT_IF_OWN_STUDENT:
        e->of_student = cohort_cmd_of_student(&x->pipeline, e->event.input.student);
        if (!s->of_teacher)
            s->of_teacher = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
        break;
    }
}

static void command(struct exchange *x, struct statements *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct entry *e = &s->v[i];

        ask_right(x, s, e);
        e->consent = student_cmd_consent(&x->pipeline, e->event.input.student);
        e->erased = erasure_cmd_tombstone(&x->pipeline, e->event.input.student);
        e->mark = student_cmd_mark(&x->pipeline, e->event.input.student, e->event.input.event_id);
    }
}

static struct statements *begin(struct exchange *x)
{
    struct statements *s = arena_zalloc(x->arena, sizeof(*s));
    struct json_object *body = read_request(x);

    if (!s) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    if (x->problem.code == PROBLEM_NONE)
        read_statements(x, s, body);
    if (x->problem.code == PROBLEM_NONE)
        command(x, s);
    x->state = s;
    return x->problem.code == PROBLEM_NONE ? s : NULL;
}

static void check_rights(struct exchange *x, const struct statements *s)
{
    for (size_t i = 0; i < s->n && x->problem.code == PROBLEM_NONE; i++) {
        bool taught = true;

        if (s->v[i].of_student &&
            cohort_parse_teaches(s->v[i].of_student, s->of_teacher, &taught, &x->problem) &&
            !taught)
            problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
    }
}

static void conflict(struct exchange *x)
{
    problem_set(&x->problem, PROBLEM_CONFLICT, "Another statement with this id is stored already");
}

static void take_entry(struct exchange *x, struct statements *s, struct entry *e)
{
    struct str mark = {0};
    bool erased = false;

    if (!student_parse_mark(e->mark, &e->known, &mark, &x->problem) ||
        !erasure_parse_tombstone(e->erased, &erased, &x->problem))
        return;
    if (erased) {
        event_metrics_add(x->engine, &e->event.input, EVENT_REJECTED);
        problem_set(&x->problem, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    if (student_has_withdrawn(e->consent, CONSENT_DATA_PROCESSING)) {
        event_metrics_add(x->engine, &e->event.input, EVENT_REJECTED);
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA);
        return;
    }
    if (e->known) {
        event_metrics_add(x->engine, &e->event.input, EVENT_DUPLICATE);
        if (!str_equal(mark, e->event.digest))
            conflict(x);
        return;
    }
    e->item = s->intake.n++;
    s->intake.items[e->item].input = e->event.input;
    s->intake.items[e->item].mark = e->event.digest;
}

/* Before anything is written: one bad statement refuses all. */
static bool look(struct exchange *x, struct statements *s)
{
    check_rights(x, s);
    for (size_t i = 0; i < s->n && x->problem.code == PROBLEM_NONE; i++)
        take_entry(x, s, &s->v[i]);
    s->intake.now_ms = x->now_ms;
    s->intake.actor = x->caller.user;
    s->intake.actor_role = role_names[x->caller.role];
    s->intake.correlation_id = x->request_id;
    s->intake.traceparent = exchange_traceparent(x);
    s->looked = true;
    pipeline_clear(&x->pipeline);
    return x->problem.code == PROBLEM_NONE;
}

/* ---- the answer ---- */

/* Somebody else may have brought the same id since we looked. */
static void read_item(struct exchange *x, const struct event_batch_item *item)
{
    if (item->problem.code != PROBLEM_NONE && x->problem.code == PROBLEM_NONE)
        x->problem = item->problem;
    else if (item->record.duplicate && !str_equal(item->record.previous_mark, item->mark))
        conflict(x);
}

static void answer(struct exchange *x, const struct statements *s)
{
    struct jw w = {.out = &x->response.body};

    x->response.status = 200;
    x->response.content_type = "application/json";
    jw_array(&w, NULL);
    for (size_t i = 0; i < s->n; i++)
        jw_str(&w, NULL, s->v[i].event.id);
    jw_array_end(&w);
}

static enum step statements(struct exchange *x)
{
    struct statements *s = x->state;

    if (!s) {
        s = begin(x);
        if (!s)
            return STEP_DONE;
        if (x->pipeline.count > 0)
            return STEP_MORE;
    }
    if (!s->looked && !look(x, s))
        return STEP_DONE;
    if (event_batch_step(&s->intake, x->engine, &x->pipeline) == STEP_MORE)
        return STEP_MORE;
    for (size_t i = 0; i < s->intake.n; i++)
        read_item(x, &s->intake.items[i]);
    if (x->problem.code == PROBLEM_NONE)
        answer(x, s);
    return STEP_DONE;
}

/* On every answer of the resource (xAPI-Communication 2.1.1, 3.3). All that was stored before an
 * answer can be queried with it. */
static void seal(struct exchange *x)
{
    char now[TIME_TEXT_SIZE];

    time_print(x->now_ms, now);
    (void)http_response_header(&x->response, "X-Experience-API-Version", STR(XAPI_VERSION));
    (void)http_response_header(&x->response, "X-Experience-API-Consistent-Through",
                               arena_copy(x->arena, str_of(now)));
}

/* ---- the table ---- */

/* clang-format off */
/* For the document: the handler reads the body by itself, more strictly than rules can say. */
static const struct rule statement[] = {
    {.name = "id", .type = RULE_TEXT, .description = "UUID; a new one when absent. The same statement again changes nothing"},
    {.name = "actor", .type = RULE_JSON, .required = true, .description = "An Agent whose account.name is the student id"},
    {.name = "verb", .type = RULE_JSON, .required = true, .description = "completed, passed, failed, attempted, experienced, answered or scored of http://adlnet.gov/expapi/verbs/"},
    {.name = "object", .type = RULE_JSON, .required = true, .description = "An Activity; with the verb its type says which event it is"},
    {.name = "result", .type = RULE_JSON, .description = "score, success, duration, extensions"},
    {.name = "context", .type = RULE_JSON, .description = "As the standard has it; extensions count here too"},
    {.name = "timestamp", .type = RULE_TEXT, .description = "When it happened; now when absent"},
    {.name = "stored", .type = RULE_TEXT, .description = "Not believed"},
    {.name = "authority", .type = RULE_JSON, .description = "Not believed"},
    {.name = "version", .type = RULE_TEXT, .description = "1.0.x"},
    {.name = "attachments", .type = RULE_JSON, .description = "Descriptions only; not kept"},
    {0},
};

static const struct route routes[] = {
    {.name = "xapi-statements", .method = POST, .pattern = "/api/v1/xapi/statements", .limit_per_minute = 100,
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_RAW_BODY | ROUTE_JOURNALED | ROUTE_LIST_RESPONSE | ROUTE_CONFLICT | ROUTE_XAPI, .rules = statement,
     .handler = statements, .finalize = seal, .status = 200, .summary = "Counts xAPI statements as learning events; answers their ids"},
};
/* clang-format on */

const struct route_table xapi_routes = {"events", routes, sizeof(routes) / sizeof(routes[0])};
