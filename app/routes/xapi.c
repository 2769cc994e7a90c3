/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/xapi/statements: records the xAPI statements of learning tools as learning events
 * (docs/events.md, xAPI). All statements of a request are recorded, or none. The first round trip
 * reads what decides about each of them: the caller's rights, the student's consent, whether the
 * student is erased (a tombstone in Redis), and the mark, a digest of the statement that is
 * already stored under its id. Nothing is written before every statement has passed. */
#include "app/ingest/xapi.h"
#include "app/auth/access.h"
#include "app/base/clock.h"
#include "app/http/json.h"
#include "app/ingest/event_batch.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/store/cohort.h"
#include "app/store/erasure.h"
#include "app/store/student.h"

/* One statement of the request. */
struct entry {
    struct xapi_event event;
    struct command *mark;            /* reads the digest of the statement stored under this id */
    struct command *consent;         /* reads the consents of the student */
    struct command *tombstone;       /* reads whether the student is erased */
    struct command *student_cohorts; /* reads the student's cohorts; NULL unless a teacher calls */
};

/* State of a request between its steps. */
struct statements {
    struct entry *v; /* the n statements of the request, in its order */
    size_t n;
    bool is_list;                    /* true: the body is a list; false: it is one statement */
    struct command *teacher_cohorts; /* reads the caller's cohorts; NULL unless a teacher calls */
    struct event_batch batch;        /* the statements to record: those that are not stored yet */
    bool checked;                    /* the first round trip has been evaluated */
};

/* ---- parsing ---- */

/* Adds a field error for each statement whose id another statement earlier in the list has, since
 * two statements with one id could not both be recorded. Compares each with all before it, which is
 * acceptable for at most XAPI_STATEMENTS_MAX statements. */
static void statements_fail_repeated(struct exchange *x, const struct statements *s)
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

/* Parses the body, one statement or a list of them. On an error x->problem has a field error for
 * each invalid field of any statement. */
static void statements_parse(struct exchange *x, struct statements *s, struct json_object *body)
{
    const struct binding binding = {x->arena, &x->problem};

    s->is_list = json_object_is_type(body, json_type_array);
    s->n = s->is_list ? json_object_array_length(body) : 1;
    if (s->n > XAPI_STATEMENTS_MAX) {
        problem_field(&x->problem, x->arena, STR("body"), "must be a list of at most %d statements",
                      XAPI_STATEMENTS_MAX);
        return;
    }
    s->v = arena_array(x->arena, s->n + 1, sizeof(*s->v));
    s->batch.items = arena_array(x->arena, s->n + 1, sizeof(*s->batch.items));
    if (!s->v || !s->batch.items) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        struct json_object *statement = s->is_list ? json_object_array_get_idx(body, i) : body;
        struct field_path path = {.index = i};

        if (!xapi_parse(statement, s->is_list ? &path : NULL, x->now_ms, &binding, &s->v[i].event))
            event_metrics_add(x->engine, &s->v[i].event.input, EVENT_REJECTED);
    }
    if (x->problem.code == PROBLEM_NONE)
        statements_fail_repeated(x, s);
}

/* Checks the headers and parses the body as JSON. Returns NULL with x->problem set if it cannot. A
 * request without the version header is refused, as xAPI requires (xAPI-Communication 3.3). */
static struct json_object *statements_parse_body(struct exchange *x)
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

/* ---- rights, consent and known ids ---- */

/* Decides whether the caller may write about the student of the statement. Sets x->problem if not;
 * for a teacher, queues the cohorts on which the decision depends. */
static void entry_queue_access(struct exchange *x, struct statements *s, struct entry *e)
{
    switch (access_decide(ACCESS_WRITE_STUDENT, &x->caller, e->event.input.student)) {
    case VERDICT_YES: break;
    case VERDICT_NO:
    case VERDICT_IF_MEMBER:
    case VERDICT_IF_OWN_COHORT: problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL); break;
    case VERDICT_IF_OWN_STUDENT:
        e->student_cohorts = cohort_cmd_of_student(&x->pipeline, e->event.input.student);
        if (!s->teacher_cohorts)
            s->teacher_cohorts = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
        break;
    }
}

/* Queues everything that decides whether the statements may be recorded, in one round trip. */
static void statements_queue(struct exchange *x, struct statements *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct entry *e = &s->v[i];

        entry_queue_access(x, s, e);
        e->consent = student_cmd_consent(&x->pipeline, e->event.input.student);
        e->tombstone = erasure_cmd_tombstone(&x->pipeline, e->event.input.student);
        e->mark = student_cmd_mark(&x->pipeline, e->event.input.student, e->event.input.event_id);
    }
}

/* Parses the request and queues the first round trip. Returns NULL with x->problem set. */
static struct statements *statements_begin(struct exchange *x)
{
    struct statements *s = exchange_new_state(x, sizeof(*s));
    struct json_object *body = statements_parse_body(x);

    if (x->problem.code == PROBLEM_NONE)
        statements_parse(x, s, body);
    if (x->problem.code == PROBLEM_NONE)
        statements_queue(x, s);
    return x->problem.code == PROBLEM_NONE ? s : NULL;
}

/* Checks the access of a teacher to the student of every statement, when the cohorts have been
 * read. Sets x->problem if one is denied. */
static void statements_check_access(struct exchange *x, const struct statements *s)
{
    for (size_t i = 0; i < s->n && x->problem.code == PROBLEM_NONE; i++) {
        bool granted = true;

        if (s->v[i].student_cohorts &&
            cohort_parse_teaches(s->v[i].student_cohorts, s->teacher_cohorts, &granted,
                                 &x->problem) &&
            !granted)
            problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
    }
}

/* Sets the problem "conflict" (status 409): the id belongs to a different stored statement. */
static void statements_fail_conflict(struct exchange *x)
{
    problem_set(&x->problem, PROBLEM_CONFLICT, "Another statement with this id is stored already");
}

/* Checks one statement against the replies of the first round trip. A statement that is stored
 * already (equal digest) is skipped; a different one stored under its id is a conflict; a new one
 * is added to the batch. Sets x->problem if it may not be recorded. */
static void entry_check(struct exchange *x, struct statements *s, struct entry *e)
{
    struct str mark = {0};
    bool erased = false, known = false;

    if (!student_parse_mark(e->mark, &known, &mark, &x->problem) ||
        !erasure_parse_tombstone(e->tombstone, &erased, &x->problem))
        return;
    if (erased) {
        event_metrics_add(x->engine, &e->event.input, EVENT_REJECTED);
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_AFTER_ERASURE);
        return;
    }
    if (student_has_withdrawn(e->consent, CONSENT_DATA_PROCESSING)) {
        event_metrics_add(x->engine, &e->event.input, EVENT_REJECTED);
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA);
        return;
    }
    if (known) {
        event_metrics_add(x->engine, &e->event.input, EVENT_DUPLICATE);
        if (!str_equal(mark, e->event.digest))
            statements_fail_conflict(x);
        return;
    }
    s->batch.items[s->batch.n++] =
        (struct event_batch_item){.input = e->event.input, .mark = e->event.digest};
}

/* Checks all statements before anything is written, and prepares the batch of the new ones.
 * Returns false with x->problem set if one statement may not be recorded; the whole request then
 * fails. */
static bool statements_check(struct exchange *x, struct statements *s)
{
    statements_check_access(x, s);
    for (size_t i = 0; i < s->n && x->problem.code == PROBLEM_NONE; i++)
        entry_check(x, s, &s->v[i]);
    s->batch.now_ms = x->now_ms;
    s->batch.actor = x->caller.user;
    s->batch.actor_role = role_names[x->caller.role];
    s->batch.correlation_id = x->request_id;
    s->batch.traceparent = exchange_traceparent(x);
    s->checked = true;
    pipeline_clear(&x->pipeline);
    return x->problem.code == PROBLEM_NONE;
}

/* ---- response ---- */

/* Evaluates the recording of one statement. Another request may have stored a different statement
 * under the same id after the marks (digests of stored statements) were read: a conflict. */
static void item_check(struct exchange *x, const struct event_batch_item *item)
{
    if (item->problem.code != PROBLEM_NONE && x->problem.code == PROBLEM_NONE)
        x->problem = item->problem;
    else if (item->record.duplicate && !str_equal(item->record.previous_mark, item->mark))
        statements_fail_conflict(x);
}

/* Writes the response: a plain list of ids, as xAPI requires, and so without success and
 * correlation_id. */
static void statements_respond(struct exchange *x, const struct statements *s)
{
    struct jw w = {.out = &x->response.body};

    x->response.status = 200;
    x->response.content_type = "application/json";
    jw_array(&w, NULL);
    for (size_t i = 0; i < s->n; i++)
        jw_str(&w, NULL, s->v[i].event.id);
    jw_array_end(&w);
}

/* Handler of the statements. Its steps: parse and queue what decides about them; check; record,
 * over as many round trips as needed; respond. */
static enum step xapi_statements(struct exchange *x)
{
    struct statements *s = x->state;

    if (!s) {
        s = statements_begin(x);
        if (!s)
            return STEP_DONE;
        if (x->pipeline.count > 0)
            return STEP_MORE;
    }
    if (!s->checked && !statements_check(x, s))
        return STEP_DONE;
    if (event_batch_step(&s->batch, x->engine, &x->pipeline) == STEP_MORE)
        return STEP_MORE;
    for (size_t i = 0; i < s->batch.n; i++)
        item_check(x, &s->batch.items[i]);
    if (x->problem.code == PROBLEM_NONE)
        statements_respond(x, s);
    return STEP_DONE;
}

/* Adds the headers that every response of this resource must have (xAPI-Communication 2.1.1 and
 * 3.3). Consistent-Through is the present time, because an event is part of the score as soon as
 * it is recorded. */
static void statements_add_headers(struct exchange *x)
{
    char through[TIME_TEXT_SIZE];

    time_print(x->now_ms, through);
    (void)http_response_header(&x->response, "X-Experience-API-Version", STR(XAPI_VERSION));
    (void)http_response_header(&x->response, "X-Experience-API-Consistent-Through",
                               arena_copy(x->arena, str_of(through)));
}

/* ---- tables ---- */

/* clang-format off */
/* Fields for the OpenAPI document only: the handler parses the body itself, because rules cannot
 * check all that xAPI requires. */
static const struct rule statement[] = RULES(
    OPTIONAL(TEXT, "id", "UUID; a new one when absent. The same statement again changes nothing"),
    FIELD(JSON, "actor", "An Agent whose account.name is the student id"),
    FIELD(JSON, "verb", "completed, passed, failed, attempted, experienced, answered or scored of "
          "http://adlnet.gov/expapi/verbs/"),
    FIELD(JSON, "object", "An Activity; with the verb its type says which event it is"),
    OPTIONAL(JSON, "result", "score, success, duration, extensions"),
    OPTIONAL(JSON, "context", "As in the standard; extensions are read here too"),
    OPTIONAL(TEXT, "timestamp", "When it happened; now when absent"),
    OPTIONAL(TEXT, "stored", "Ignored"),
    OPTIONAL(JSON, "authority", "Ignored"),
    OPTIONAL(TEXT, "version", "1.0.x"),
    OPTIONAL(JSON, "attachments", "Descriptions only; not stored"));

static const struct route routes[] = {
    {.name = "xapi-statements", .method = POST, .pattern = "/api/v1/xapi/statements",
     .limit_per_minute = 100, .access = ACCESS_HANDLER,
     .flags = ROUTE_PERSONAL | ROUTE_RAW_BODY | ROUTE_JOURNALED | ROUTE_LIST_RESPONSE |
              ROUTE_CONFLICT | ROUTE_XAPI, .rules = statement, .handler = xapi_statements,
     .finalize = statements_add_headers, .status = 200,
     .summary = "Records xAPI statements as learning events; responds with their ids"},
};
/* clang-format on */

const struct route_table xapi_routes = {"events", routes, sizeof(routes) / sizeof(routes[0])};
