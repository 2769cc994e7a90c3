/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/xapi/statements: records the xAPI statements of learning tools as learning events
 * (docs/events.md, xAPI). POST has one statement or a list, PUT one statement whose id is in the
 * query. Either all statements of a request are recorded, or none. The first round trip reads what
 * decides about each of them: the caller's rights, the student's consent, whether the student is
 * erased (a tombstone in Redis), and the mark, a digest of the statement that is already stored
 * under its id. Nothing is written before every statement has passed. */
#include "app/ingest/xapi.h"
#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/http/json.h"
#include "app/http/json_value.h"
#include "app/http/query.h"
#include "app/ingest/xapi_schema.h"
#include "app/ingest/xapi_text.h"
#include "app/pipeline/exchange.h"
#include "app/routes/event_request.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/routes/write_access.h"
#include "app/store/erasure.h"
#include "app/store/student_marks.h"

/* One statement of the request. */
struct entry {
    struct xapi_event event;
    struct command *mark;      /* reads the digest of the statement stored under this id */
    struct command *consent;   /* reads the consents of the student */
    struct command *tombstone; /* reads whether the student is erased */
    /* reads the student's cohorts, on which a teacher's right to write depends; NULL: not needed */
    struct command *student_cohorts;
};

/* State of a request with statements, between its steps. */
struct statements {
    struct entry *v; /* the n statements of the request, in its order */
    size_t n;
    bool is_list; /* true: the body is a list; false: it is one statement */
    struct write_access access;
    struct event_batch batch; /* the statements to record: those that are not stored yet */
    bool checked;             /* true: the replies of the first round trip were evaluated */
};

/* ---- parsing ---- */

/* Adds a field error for each statement whose id an earlier statement in the list has, because only
 * one of the two could be recorded. Compares all pairs, which takes little time for at most
 * XAPI_STATEMENTS_MAX statements. */
static void statements_fail_repeated(struct exchange *x, const struct statements *statements)
{
    for (size_t i = 1; i < statements->n; i++) {
        for (size_t k = 0; k < i; k++) {
            struct str field;

            if (!str_equal(statements->v[i].event.input.event_id,
                           statements->v[k].event.input.event_id))
                continue;
            field = arena_printf(x->arena, "[%zu].id", i);
            problem_field(&x->problem, x->arena, field, "must not be in the list twice");
            break;
        }
    }
}

/* Sets *ret to the text by which a repeated request is recognised (struct xapi_request): a digest
 * of the caller and the Idempotency-Key or, without a key, of the caller and the body. Returns
 * false with x->problem set when out of memory. */
static bool statements_identify(struct exchange *x, struct str *ret)
{
    struct str key = x->request.idempotency_key;
    unsigned char bytes[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    struct digest digest;

    digest_init(&digest);
    digest_update(&digest, str_of(role_names[x->caller.role]));
    digest_update(&digest, STR(" "));
    digest_update(&digest, x->caller.user);
    digest_update(&digest, key.p ? STR(" key ") : STR(" body "));
    digest_update(&digest, key.p ? key : x->request.body);
    digest_final(&digest, bytes);
    hex_print(bytes, sizeof(bytes), hex);
    *ret = arena_copy(x->arena, str_of(hex));
    if (!ret->p)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return ret->p != NULL;
}

/* Parses the body, one statement or a list of them. On an error x->problem has a field error for
 * each invalid field of any statement. */
static void statements_parse(struct exchange *x, struct statements *statements,
                             struct json_object *body)
{
    const struct binding binding = {x->arena, &x->problem};
    struct xapi_request request = {.now_ms = x->now_ms};

    statements->is_list = json_object_is_type(body, json_type_array);
    statements->n = statements->is_list ? json_object_array_length(body) : 1;
    if (statements->n > XAPI_STATEMENTS_MAX) {
        problem_set(&x->problem, PROBLEM_PAYLOAD_TOO_LARGE,
                    "A list has at most %d statements: send the rest in further requests",
                    XAPI_STATEMENTS_MAX);
        return;
    }
    statements->v = arena_array(x->arena, statements->n, sizeof(*statements->v));
    statements->batch.items =
        arena_array(x->arena, statements->n, sizeof(*statements->batch.items));
    if (!statements->v || !statements->batch.items) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (!statements_identify(x, &request.identity))
        return;
    for (size_t i = 0; i < statements->n; i++) {
        struct json_object *statement =
            statements->is_list ? json_object_array_get_idx(body, i) : body;
        struct field_path path = {.index = i};

        if (!xapi_parse(statement, statements->is_list ? &path : NULL, &request, &binding,
                        &statements->v[i].event))
            event_metrics_add(x->engine, &statements->v[i].event.input, EVENT_REJECTED);
    }
    if (x->problem.code == PROBLEM_NONE)
        statements_fail_repeated(x, statements);
}

/* Checks the query of POST, which allows no parameters. The parameter `method` gets a message of
 * its own: it is the standard's alternate request syntax for old browsers. */
static void statements_check_post_query(struct exchange *x, const struct query_parameter *first)
{
    for (const struct query_parameter *parameter = first; parameter; parameter = parameter->next) {
        if (str_equal(parameter->name, STR("method")))
            problem_set(&x->problem, PROBLEM_METHOD_NOT_ALLOWED,
                        "The alternate request syntax (POST with the parameter method) is not "
                        "supported: send the request with its own method and headers");
        else
            problem_field(&x->problem, x->arena, parameter->name,
                          "is not a parameter of this request");
    }
}

/* Checks the query of PUT, which must be statementId alone, and gives the statement this id. A
 * statement that has an id already must have the same one. Sets x->problem on an error. */
static void statements_read_put_id(struct exchange *x, const struct query_parameter *parameter,
                                   struct json_object *statement)
{
    struct str id = json_value_member_text(statement, "id");

    if (!parameter || parameter->next || !str_equal(parameter->name, STR("statementId")) ||
        !xapi_is_uuid(parameter->value))
        problem_field(&x->problem, x->arena, STR("statementId"),
                      "is required in the query, once and alone: the UUID of the statement");
    else if (!json_object_is_type(statement, json_type_object))
        problem_field(&x->problem, x->arena, STR("body"), "must be one statement");
    else if (!id.p)
        (void)json_object_object_add(
            statement, "id",
            json_object_new_string_len(parameter->value.p, (int)parameter->value.n));
    else if (!str_equal_nocase(id, parameter->value))
        problem_field(&x->problem, x->arena, STR("id"), "must be the statementId of the query");
}

/* Checks the headers. A request without the version header is refused, as xAPI requires
 * (xAPI-Communication 3.3). */
static void statements_check_headers(struct exchange *x)
{
    struct str version = x->request.xapi_version;

    if (!xapi_version_supported(version))
        problem_field(&x->problem, x->arena, STR("X-Experience-API-Version"),
                      version.n > 0 ? "must be 1.0, 1.0.x or 2.0.x" : "is required");
    else if (http_media_type_is(x->request.content_type, STR("multipart/mixed")))
        problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                    "Attachments are not accepted: send the statements alone, as application/json");
    else if (!http_media_type_is(x->request.content_type, STR("application/json")))
        problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
}

/* Checks query and headers and parses the body as JSON. Returns NULL with x->problem set if it
 * cannot. */
static struct json_object *statements_parse_body(struct exchange *x)
{
    struct query_parameter *query = NULL;
    struct json_object *body = NULL;

    if (!query_parse(x->request.query, x->arena, &query))
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    if (x->request.method == POST)
        statements_check_post_query(x, query);
    if (x->problem.code == PROBLEM_NONE)
        statements_check_headers(x);
    if (x->problem.code == PROBLEM_NONE)
        body =
            json_parse_limited(x->request.body, exchange_json_values_max(x), x->arena, &x->problem);
    if (x->problem.code == PROBLEM_NONE && x->request.method == PUT)
        statements_read_put_id(x, query, body);
    return body;
}

/* ---- rights, consent and known ids ---- */

/* Queues the reads of everything that decides whether the statements may be recorded, in one round
 * trip. By the mark, a digest of the statement that is stored under the same id, entry_check
 * distinguishes a repeated statement from a different one. For a statement that becomes no
 * event (ignored), only the right to record about the student is checked. */
static void statements_queue(struct exchange *x, struct statements *statements)
{
    for (size_t i = 0; i < statements->n; i++) {
        struct entry *entry = &statements->v[i];

        entry->student_cohorts =
            write_access_queue(x, &statements->access, entry->event.input.student);
        if (entry->event.ignored)
            continue;
        entry->consent = student_cmd_consent(&x->pipeline, entry->event.input.student);
        entry->tombstone = erasure_cmd_tombstone(&x->pipeline, entry->event.input.student);
        entry->mark =
            student_cmd_mark(&x->pipeline, entry->event.input.student, entry->event.input.event_id);
    }
}

/* Parses the request and queues the first round trip, which reads whether the caller may write
 * about each student, and which statements are stored already. Returns NULL with x->problem set. */
static struct statements *statements_begin(struct exchange *x)
{
    struct statements *statements = exchange_new_state(x, sizeof(*statements));
    struct json_object *body = statements_parse_body(x);

    /* if `statements` is NULL, x->problem is set and nothing below uses it */
    if (x->problem.code == PROBLEM_NONE)
        statements_parse(x, statements, body);
    if (x->problem.code == PROBLEM_NONE)
        statements_queue(x, statements);
    return x->problem.code == PROBLEM_NONE ? statements : NULL;
}

/* Sets the problem "conflict" (status 409): the id belongs to a different stored statement. */
static void statements_fail_conflict(struct exchange *x)
{
    problem_set(&x->problem, PROBLEM_CONFLICT, "Another statement with this id is stored already");
}

/* Checks one statement against the replies of the first round trip. A statement that becomes no
 * event, or whose student is erased, is accepted but not recorded: a tool that forwards lists would
 * send a refused list for ever. If a statement is stored under the same id (known), the marks
 * (digests) of both are compared: an equal one is skipped, a different one is a conflict. A
 * statement with a new id is added to the batch. Sets x->problem if it may not be recorded. */
static void entry_check(struct exchange *x, struct statements *statements, struct entry *entry)
{
    struct str mark = {0};
    bool erased = false, known = false;

    if (entry->event.ignored) {
        event_metrics_add(x->engine, &entry->event.input, EVENT_IGNORED);
        return;
    }
    if (!student_parse_mark(entry->mark, &known, &mark, &x->problem) ||
        !erasure_parse_tombstone(entry->tombstone, &erased, &x->problem))
        return;
    if (erased) {
        event_metrics_add(x->engine, &entry->event.input, EVENT_IGNORED);
        return;
    }
    if (student_has_withdrawn(entry->consent, CONSENT_DATA_PROCESSING)) {
        event_metrics_add(x->engine, &entry->event.input, EVENT_REJECTED);
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA);
        return;
    }
    if (known) {
        event_metrics_add(x->engine, &entry->event.input, EVENT_DUPLICATE);
        if (!xapi_marks_equal(mark, entry->event.mark))
            statements_fail_conflict(x);
        return;
    }
    statements->batch.items[statements->batch.n++] =
        (struct event_batch_item){.input = entry->event.input, .mark = entry->event.mark};
}

/* Checks all statements before anything is written, and prepares the batch of the new ones.
 * Returns false with x->problem set if one statement may not be recorded; the whole request then
 * fails. */
static bool statements_check(struct exchange *x, struct statements *statements)
{
    for (size_t i = 0; i < statements->n && x->problem.code == PROBLEM_NONE; i++)
        write_access_check(x, &statements->access, statements->v[i].student_cohorts);
    for (size_t i = 0; i < statements->n && x->problem.code == PROBLEM_NONE; i++)
        entry_check(x, statements, &statements->v[i]);
    event_request_begin(x, &statements->batch);
    statements->checked = true;
    pipeline_clear(&x->pipeline); /* removes the commands of the first round trip */
    return x->problem.code == PROBLEM_NONE;
}

/* ---- response ---- */

/* Evaluates the recording of one statement. Since the first round trip, another request may have
 * stored a different statement under the same id, which is a conflict, or an erasure of the student
 * may have begun: then the statement is ignored. */
static void item_check(struct exchange *x, const struct event_batch_item *item)
{
    if (item->record.is_erased)
        return;
    if (item->problem.code != PROBLEM_NONE && x->problem.code == PROBLEM_NONE)
        x->problem = item->problem;
    else if (item->record.duplicate && !xapi_marks_equal(item->record.previous_mark, item->mark))
        statements_fail_conflict(x);
}

/* Writes the response. POST gets a plain list of ids, as xAPI requires, without success and
 * correlation_id; PUT gets no body. */
static void statements_respond(struct exchange *x, const struct statements *statements)
{
    struct jw w = {.out = &x->response.body};

    x->response.status = x->route->status;
    if (x->request.method == PUT)
        return;
    x->response.content_type = "application/json";
    jw_array(&w, NULL);
    for (size_t i = 0; i < statements->n; i++)
        jw_str(&w, NULL, statements->v[i].event.id);
    jw_array_end(&w);
}

/* Handler of the statements. Its steps: parse and queue what decides about them; check; record,
 * over as many round trips as needed; respond. */
static enum step xapi_statements(struct exchange *x)
{
    struct statements *statements = x->state;

    if (!statements) {
        statements = statements_begin(x);
        if (!statements)
            return STEP_DONE;
        if (x->pipeline.count > 0) /* 0: there is nothing to read, so no reply to wait for */
            return STEP_MORE;
    }
    if (!statements->checked && !statements_check(x, statements))
        return STEP_DONE;
    if (event_batch_step(&statements->batch, x->engine, &x->pipeline) == STEP_MORE)
        return STEP_MORE;
    for (size_t i = 0; i < statements->batch.n; i++)
        item_check(x, &statements->batch.items[i]);
    if (x->problem.code == PROBLEM_NONE)
        statements_respond(x, statements);
    return STEP_DONE;
}

/* Adds the headers that every response of this resource must have (xAPI-Communication 2.1.1 and
 * 3.3). Consistent-Through is the present time, because an event is part of the score as soon as
 * it is recorded. */
static void statements_add_headers(struct exchange *x)
{
    char through[TIME_TEXT_SIZE];

    time_print(x->now_ms, through);
    (void)http_response_header(&x->response, "X-Experience-API-Version",
                               str_of(xapi_version_of_response(x->request.xapi_version)));
    (void)http_response_header(&x->response, "X-Experience-API-Consistent-Through",
                               arena_copy(x->arena, str_of(through)));
}

/* Handler of xapi-about: says which versions of xAPI this resource supports (xAPI-Communication
 * 2.8). */
static enum step xapi_about(struct exchange *x)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_array(&w, "version");
    jw_text(&w, NULL, XAPI_VERSION);
    jw_text(&w, NULL, "2.0.0");
    jw_array_end(&w);
    jw_object(&w, "extensions");
    jw_object_end(&w);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
/* XAPI_ACTOR, VERB, OBJECT and RESULT: the parts of the statement that the OpenAPI document has as
 * its example (STATEMENT_EXAMPLE). */
#define XAPI_ACTOR "{\"account\":{\"homePage\":\"https://lms.example.org\",\"name\":\"student-1\"}}"
#define XAPI_VERB "{\"id\":\"http://adlnet.gov/expapi/verbs/passed\"}"
#define XAPI_OBJECT                                                                                \
    "{\"id\":\"https://lms.example.org/quizzes/fractions\",\"definition\":{\"type\":"             \
    "\"http://adlnet.gov/expapi/activities/assessment\"}}"
#define XAPI_RESULT "{\"score\":{\"scaled\":0.9}}"

/* Rows of the body. The OpenAPI document uses only their example, and the fact that a body is
 * required: xapi_write_schema writes the schema. The handler parses the body itself, because rules
 * cannot check all that xAPI requires. */
#define STATEMENT_EXAMPLE                                                                          \
    FIELD(JSON, "actor", NULL, .example = XAPI_ACTOR),                                             \
    FIELD(JSON, "verb", NULL, .example = XAPI_VERB),                                               \
    FIELD(JSON, "object", NULL, .example = XAPI_OBJECT),                                           \
    OPTIONAL(JSON, "result", NULL, .example = XAPI_RESULT)

static const struct rule statement[] = RULES(STATEMENT_EXAMPLE);

/* A statement that is sent by PUT has its id in the query. */
static const struct rule put_statement[] = RULES(
    OPTIONAL(TEXT, "statementId", "UUID of the statement", .source = IN_QUERY, .required = true,
             .example = "a1b2c3d4-0000-4000-8000-000000000001"),
    STATEMENT_EXAMPLE);

static const struct rule about[] = RULES(
    FIELD(TEXTS, "version", "The versions of xAPI"),
    FIELD(OBJECT, "extensions", "Always empty"));

#define STATEMENTS                                                                                 \
    .pattern = "/api/v1/xapi/statements", .aliases = {"/xapi/statements"},                         \
    .limit_per_minute = 100, .access = ACCESS_HANDLER, .handler = xapi_statements,                 \
    .finalize = statements_add_headers, .write_schema = xapi_write_schema
#define STATEMENTS_FLAGS                                                                           \
    (ROUTE_PERSONAL | ROUTE_RAW_BODY | ROUTE_JOURNALED | ROUTE_CONFLICT | ROUTE_XAPI |             \
     ROUTE_XAPI_VERSIONED | ROUTE_BIG_BODY | ROUTE_BASIC)

static const struct route routes[] = {
    {.name = "xapi-statements", .method = POST, STATEMENTS, .rules = statement, .status = 200,
     .flags = STATEMENTS_FLAGS | ROUTE_LIST_RESPONSE,
     .summary = "Records xAPI statements as learning events; responds with their ids"},
    {.name = "xapi-put-statement", .method = PUT, STATEMENTS, .rules = put_statement,
     .status = 204, .bucket = "xapi-statements", .flags = STATEMENTS_FLAGS,
     .summary = "Records one xAPI statement as a learning event"},
    {.name = "xapi-about", .method = GET, .pattern = "/api/v1/xapi/about",
     .aliases = {"/xapi/about"}, .limit_per_minute = 100, .access = ACCESS_OPEN,
     .flags = ROUTE_XAPI, .handler = xapi_about, .finalize = statements_add_headers, .status = 200,
     .response = about, .summary = "Says which versions of xAPI are supported"},
};
/* clang-format on */

const struct route_table xapi_routes = {"events", routes, sizeof(routes) / sizeof(routes[0]), NULL};
