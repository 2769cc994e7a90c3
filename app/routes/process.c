/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/process: Dapr's service invocation (docs/events.md). A caller names an intent and gives a
 * payload. The request is delegated to the target, the route that does the same for HTTP clients:
 * the target's rules validate the payload, and its access right and handler apply. Only the
 * envelope (the outer JSON object) of the response is made here. The route's check delegates, so
 * that field errors of the target are reported like those of any route. */
#include "app/base/clock.h"
#include "app/http/problem_response.h"
#include "app/http/validate.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"

/* The intents, in the order of the labels of METRIC_DAPR (obs/metrics.def). INTENTS is their
 * number and also the value for an unknown intent. */
enum intent {
    MASTERY_CALCULATION,
    GET_PREDICTION,
    GENERATE_PATH,
    BATCH_PROCESS,
    ANALYTICS_QUERY,
    INTENTS
};

static const char *const intent_names[] = {
    [MASTERY_CALCULATION] = "mastery_calculation",
    [GET_PREDICTION] = "get_prediction",
    [GENERATE_PATH] = "generate_path",
    [BATCH_PROCESS] = "batch_process",
    [ANALYTICS_QUERY] = "analytics_query",
    [INTENTS] = NULL,
};

/* Input of the routes of this file. Only /process has a member payload; the other routes use the
 * whole body as the payload. */
struct process {
    struct str intent_text;      /* name of the intent as the caller wrote it; /process only */
    struct json_object *payload; /* /process only: the body of the request to the target */
    struct context {
        struct str token; /* the caller's JWT, which pipeline/authenticate.c has read before */
        struct json_object *ignored;
    } context;
    int intent; /* enum intent, set by the check; INTENTS if unknown */
};

/* ---- from intent to route ---- */

/* Returns whether the payload has the member; a member that is null counts as absent. */
static bool payload_has(struct json_object *payload, const char *name)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(payload, name, &value) && value;
}

/* Values of query_type, the member of the payload that selects the route of analytics_query. */
static const char *const query_types[] = {"history", "comprehensive", NULL};

/* What analytics_rules read from the payload of analytics_query. query_type selects the target (the
 * route to delegate to), whose own rules then read the student. The student is read here as well,
 * so that for a payload without student_id and query_type one response reports both. */
struct analytics_query {
    struct str student;
    int type; /* query_type of the payload, an index in query_types */
};

/* clang-format off */
static const struct rule analytics_rules[] = RULES(
    BODY_STUDENT(analytics_query),
    BODY(ENUM, "query_type", analytics_query, type, "Which analysis", .required = true,
          .choices = query_types));
/* clang-format on */

/* Path of each intent's target. An intent whose path has no route in this build is reported as
 * unknown. For analytics_query, query_type may select another path. */
static const char *const intent_paths[INTENTS] = {
    [MASTERY_CALCULATION] = "/api/v1/mastery/calculate",
    [GET_PREDICTION] = "/api/v1/predictions/next-week",
    [GENERATE_PATH] = "/api/v1/recommendations/learning-path",
    [BATCH_PROCESS] = "/api/v1/batch/mastery",
    [ANALYTICS_QUERY] = "/api/v1/analytics/mastery-history",
};

/* Returns the route of POST requests to the path; NULL if there is none. sidecar is false, because
 * a route that exists only on the sidecar's listener (ROUTE_SIDECAR_ONLY) must not be a target. */
static const struct route *intent_route_at(const struct exchange *x, const char *path)
{
    struct route_match match;

    router_match(x->engine->router, POST, str_of(path), /* sidecar */ false, &match);
    return match.route;
}

/* Returns the path that the payload's query_type selects; NULL with x->problem set if query_type
 * is not valid. */
static const char *analytics_query_path(struct exchange *x, struct json_object *payload)
{
    static const char *const paths[] = {"/api/v1/analytics/mastery-history",
                                        "/api/v1/analytics/comprehensive"};
    struct analytics_query in = {0};

    return validate_payload(analytics_rules, payload, x->arena, &in, &x->problem) ? paths[in.type]
                                                                                  : NULL;
}

/* Returns the target of an intent; NULL with x->problem set if there is none. A mastery_calculation
 * without components recomputes the score from stored data, by a route that has no path of its own.
 * When analytics_query_path has set x->problem, problem_set does not replace it. */
static const struct route *intent_target(struct exchange *x, enum intent intent,
                                         struct json_object *payload)
{
    const char *path = intent < INTENTS ? intent_paths[intent] : NULL;
    const struct route *route;

    if (intent == MASTERY_CALCULATION && !payload_has(payload, "components"))
        return &mastery_recompute;
    if (intent == ANALYTICS_QUERY)
        path = analytics_query_path(x, payload);
    route = path ? intent_route_at(x, path) : NULL;
    if (!route)
        problem_set(&x->problem, PROBLEM_INVALID_INTENT, NULL);
    return route;
}

/* Renames the fields in the errors of the target (the route to which the request was delegated):
 * the target has validated the payload as its body, but in the request its fields are under
 * "payload.". */
static void process_prefix_fields(struct exchange *x)
{
    for (struct field_error *error = x->problem.fields; error; error = error->next) {
        struct str path = arena_printf(x->arena, "payload.%.*s", STR_ARG(error->field));

        if (path.p)
            error->field = path;
    }
}

/* Delegates the request to the target of the intent, and stores the intent in the input. Returns
 * false with x->problem set if there is no target or it refuses the payload. */
static bool process_delegate(struct exchange *x, enum intent intent, struct json_object *payload)
{
    struct process *input = x->input;
    const struct route *target;

    input->intent = (int)intent;
    target = intent_target(x, intent, payload);
    return target && exchange_delegate(x, target, payload);
}

/* Returns the intent with this name, INTENTS if there is none. */
static enum intent intent_parse(struct str text)
{
    int i = 0;

    while (i < INTENTS && !str_equal(text, str_of(intent_names[i])))
        i++;
    return (enum intent)i;
}

/* ---- the checks, which delegate ---- */

/* Check of /process: finds the intent, and delegates to its target. Returns false with x->problem
 * set. If the intent is unknown, only that error is reported, because the payload cannot be
 * checked. */
static bool process_check(struct exchange *x)
{
    struct process *input = x->input;
    enum intent intent = intent_parse(input->intent_text);
    bool delegated;

    input->intent = (int)intent;
    /* an unknown intent replaces any error about the payload */
    if (input->intent_text.n > 0 && intent == INTENTS) {
        x->problem = (struct problem){0};
        problem_set(&x->problem, PROBLEM_INVALID_INTENT, NULL);
    }
    if (x->problem.code != PROBLEM_NONE)
        return false;
    if (!json_object_is_type(input->payload, json_type_object)) {
        problem_field(&x->problem, x->arena, STR("payload"), "must be an object");
        return false;
    }
    delegated = process_delegate(x, intent, input->payload);
    process_prefix_fields(x);
    return delegated;
}

/* Check of a route for one intent, whose payload is the whole body: delegates to the intent's
 * target. Returns false with x->problem set. */
static bool process_body_check(struct exchange *x, enum intent intent)
{
    struct process *input = x->input;

    input->intent = (int)intent;
    return x->problem.code == PROBLEM_NONE && process_delegate(x, intent, x->body);
}

/* Check of process-mastery: delegates to calculate or the recomputation, which means that the check
 * and the handler of that route process the body. Returns false with x->problem set when the body
 * is invalid. */
static bool mastery_check(struct exchange *x)
{
    return process_body_check(x, MASTERY_CALCULATION);
}

/* Check of process-prediction: delegates to next-week. Returns false with x->problem set. */
static bool prediction_check(struct exchange *x)
{
    return process_body_check(x, GET_PREDICTION);
}

/* Check of process-path: delegates to learning-path. Returns false with x->problem set. */
static bool path_check(struct exchange *x)
{
    return process_body_check(x, GENERATE_PATH);
}

/* Handler of the routes that delegate. It is never called, because a request that passes the check
 * is handled by its target. */
static enum step process_unreachable(struct exchange *x)
{
    return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
}

/* ---- the envelope of the response ---- */

/* Maps an error code of the API to one of the six error codes of service invocation. */
static enum problem_code envelope_error_code(enum problem_code code)
{
    switch (problem_status(code)) {
    case 401:
    case 403: return PROBLEM_SECURITY_ERROR;
    case 404: return PROBLEM_NOT_FOUND;
    case 500: return PROBLEM_INTERNAL_ERROR;
    case 503:
    case 504: return PROBLEM_TIMEOUT_ERROR;
    }
    return code == PROBLEM_INVALID_INTENT ? code : PROBLEM_VALIDATION_ERROR;
}

/* Returns whether the same call may succeed if it is repeated later, after a timeout or an internal
 * error. */
static bool envelope_is_retryable(enum problem_code code)
{
    return code == PROBLEM_TIMEOUT_ERROR || code == PROBLEM_INTERNAL_ERROR;
}

/* Writes the members of the envelope's metadata that only a failed call has. */
static void envelope_write_error(struct jw *w, enum problem_code code)
{
    enum problem_code error_code = envelope_error_code(code);

    jw_text(w, "error_code", problem_name(error_code));
    jw_bool(w, "retryable", envelope_is_retryable(error_code));
}

/* Writes the envelope. On success it contains data, the response body of the target; otherwise
 * x->problem as its error. */
static void envelope_write(struct exchange *x, enum intent intent, struct str data)
{
    bool failed = x->problem.code != PROBLEM_NONE;
    struct jw w;

    http_response_json(&x->response, x->response.status, &w);
    jw_bool(&w, "success", !failed);
    if (failed) {
        jw_null(&w, "data");
        problem_write(&x->problem, "error", &w);
    } else {
        jw_raw(&w, "data", data);
        jw_null(&w, "error");
    }
    jw_object(&w, "metadata");
    if (failed)
        envelope_write_error(&w, x->problem.code);
    jw_text(&w, "intent", intent_names[intent]);
    jw_object_end(&w);
    exchange_json_end(x, &w);
}

/* Returns the intent of a route for one intent, which its check function identifies; INTENTS for
 * /process, whose body names the intent. */
static enum intent intent_of_route(const struct route *route)
{
    if (route->check == mastery_check)
        return MASTERY_CALCULATION;
    if (route->check == prediction_check)
        return GET_PREDICTION;
    return route->check == path_check ? GENERATE_PATH : INTENTS;
}

/* Returns the intent of the request, from its path or, for /process, from its body. Returns INTENTS
 * if neither names one, as when the body could not be parsed. */
static enum intent intent_of_exchange(const struct exchange *x)
{
    /* after delegation, x->input is that of the other route, and x->outer_input that of this one */
    const struct process *input = x->route == x->match.route ? x->input : x->outer_input;
    enum intent intent = intent_of_route(x->match.route);

    return intent == INTENTS && input ? (enum intent)input->intent : intent;
}

/* Puts the response of the target (the route to which the request was delegated), or the problem,
 * into the envelope (the outer JSON object, envelope_write), with the same HTTP status. An unknown
 * intent (INTENTS) is null in the envelope and "unknown" in the metric. When there is no memory for
 * the envelope, the response is a plain problem. */
static void process_finalize(struct exchange *x)
{
    enum intent intent = intent_of_exchange(x);
    struct str data = arena_copy(x->arena, buf_view(&x->response.body));

    metrics_add(x->engine->metrics, METRIC_DAPR,
                intent < INTENTS ? intent_names[intent] : "unknown",
                x->problem.code == PROBLEM_NONE ? "success" : "error", 1);
    if (!data.p) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        x->response.status = problem_status(x->problem.code);
    }
    x->response.body.n = 0;
    envelope_write(x, intent, data);
    if (x->response.body.failed) {
        x->problem = (struct problem){0};
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        problem_respond(&x->problem, x->request_id, &x->response);
    }
}

/* ---- health ---- */

/* Handler of process-health: lists the intents that have a route in this build. It uses no Redis,
 * so that it can serve as a probe of the process. */
static enum step process_health(struct exchange *x)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_text(&w, "status", "healthy");
    jw_time(&w, "timestamp", x->now_ms);
    jw_text(&w, "service", "mastery-engine");
    jw_array(&w, "intents");
    for (int i = 0; i < INTENTS; i++) {
        if (intent_route_at(x, intent_paths[i]))
            jw_text(&w, NULL, intent_names[i]);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
/* The payload of each intent, by the rules of its target, in the order of enum intent. Without
 * components mastery_calculation has the target mastery_recompute, so they are not required. */
static const struct rule_form payload_forms[INTENTS + 1] = {
    [MASTERY_CALCULATION] = {"MasteryCalculationPayload", mastery_recompute_rules,
                             mastery_payload_rules},
    [GET_PREDICTION] = {"PredictionNextWeekRequest", prediction_next_week_rules, NULL},
    [GENERATE_PATH] = {"RecommendationsLearningPathRequest", recommendation_path_rules, NULL},
    [BATCH_PROCESS] = {"BatchSubmitRequest", batch_submit_rules, NULL},
    [ANALYTICS_QUERY] = {"AnalyticsQueryPayload", analytics_rules, analytics_period_rules},
};
static const struct rule_forms payload_by_intent = {"intent", "Call", payload_forms};

/* The forms of `data` in the envelope: the responses of the routes to which requests are delegated.
 * The OpenAPI document has their schemas by these names, from the tables of those routes. */
static const struct rule_form data_forms[] = {
    {"MasteryCalculateResponse", NULL, NULL},
    {"PredictionNextWeekResponse", NULL, NULL},
    {"RecommendationsLearningPathResponse", NULL, NULL},
    {"BatchSubmitResponse", NULL, NULL},
    {"AnalyticsHistoryResponse", NULL, NULL},
    {"AnalyticsComprehensiveResponse", NULL, NULL},
    {0},
};
static const struct rule_forms data_by_target = {NULL, NULL, data_forms};
static const struct rule_form error_forms[] = {{"ErrorDetail", NULL, NULL}, {0}};
static const struct rule_forms any_error = {NULL, NULL, error_forms};

/* IGNORED: a field that is accepted for compatibility and never used. Its value goes to the member
 * `ignored` of struct context. */
#define IGNORED(field, ...) BODY(JSON, field, context, ignored, __VA_ARGS__, .nullable = true)

static const struct rule context_rules[] = RULES(
    BODY(TEXT, "token", context, token, "A JWT, unless one is in Authorization", .nullable = true,
          .max = TOKEN_MAX),
    IGNORED("user_id", "Ignored: the token says it"),
    IGNORED("roles", "Ignored: the token says it"),
    IGNORED("correlation_id", "Ignored: X-Request-ID says it"));

#define SECURITY_CONTEXT                                                                           \
    BODY(OBJECT, "security_context", process, context, "Who calls", .nullable = true,              \
          .fields = context_rules)

static const struct rule process_rules[] = RULES(
    BODY(TEXT, "intent", process, intent_text, "What is to be done", .required = true, .min = 1,
          .max = 64, .choices = intent_names),
    BODY(JSON, "payload", process, payload, "The body of the same request over HTTP",
          .required = true, .forms = &payload_by_intent),
    SECURITY_CONTEXT);

/* The rules of the routes for one intent. Their body is the payload, whose fields the target's
 * rules check; it may also have the caller's token in security_context. */
static const struct rule context_alone[] = RULES(SECURITY_CONTEXT);

static const char *const error_codes[] = {"VALIDATION_ERROR", "SECURITY_ERROR", "INVALID_INTENT",
     "NOT_FOUND", "TIMEOUT_ERROR", "INTERNAL_ERROR", NULL};

static const struct rule process_metadata[] = RULES(
    OPTIONAL(ENUM, "error_code", "When success is false", .choices = error_codes),
    OPTIONAL(BOOL, "retryable", "Whether the same call may succeed later"),
    FIELD(ENUM, "intent", "The intent; null when it is not known", .nullable = true,
          .choices = intent_names));

static const struct rule process_response[] = RULES(
    FIELD(BOOL, "success", "False: error says why"),
    FIELD(JSON, "data", "The response of the same request over HTTP", .nullable = true,
          .forms = &data_by_target),
    FIELD(JSON, "error", "null, or code, message and details as in any error", .nullable = true,
          .forms = &any_error),
    FIELD(OBJECT, "metadata", "About this call", .fields = process_metadata), SHAPE_CORRELATION);

static const char *const healthy[] = {"healthy", NULL};

static const struct rule health_response[] = RULES(
    FIELD(ENUM, "status", "The process answers", .choices = healthy),
    FIELD(TIME, "timestamp", "Now"),
    FIELD(TEXT, "service", "mastery-engine"),
    FIELD(ENUM_SET, "intents", "The intents that are known", .choices = intent_names));

/* The row of a route that delegates. old_path, older_path: other paths that earlier clients use;
 * NULL: none. its_payload: see struct route. more_flags: flags of the targets by which the OpenAPI
 * document describes headers and statuses, because the response is that of a target. also: a second
 * status of success; 0: none. */
#define PROCESS(of, path, old_path, older_path, its_check, its_rules, its_payload, more_flags,     \
                also, text)                                                                        \
    {.name = (of), .method = POST, .pattern = (path), .aliases = {old_path, older_path},           \
     .limit_per_minute = 100, .access = ACCESS_HANDLER,                                            \
     .flags = ROUTE_PERSONAL | ROUTE_SIDECAR_TRUSTED | ROUTE_TOKEN_IN_BODY | (more_flags),         \
     .rules = (its_rules), .payload = (its_payload), .input_size = sizeof(struct process),   \
     .check = (its_check),                                                                         \
     .handler = process_unreachable, .finalize = process_finalize, .status = 200,                  \
     .other_status = (also), .response = process_response, .summary = (text)}

static const struct route routes[] = {
    PROCESS("process", "/api/v1/process", "/process", "/api/v1/process/process", process_check,
            process_rules, NULL, ROUTE_IDEMPOTENT | ROUTE_CACHED | ROUTE_SUBMITS_BATCH, 202,
            "Does what an intent names, as Dapr's service invocation calls it"),
    PROCESS("process-mastery", "/api/v1/process/mastery", "/api/v1/process/process/mastery", NULL,
            mastery_check, context_alone, &payload_forms[MASTERY_CALCULATION], ROUTE_IDEMPOTENT, 0,
            "The intent mastery_calculation, its payload the body"),
    PROCESS("process-prediction", "/api/v1/process/prediction",
            "/api/v1/process/process/prediction", NULL, prediction_check, context_alone,
            &payload_forms[GET_PREDICTION], ROUTE_CACHED, 0,
            "The intent get_prediction, its payload the body"),
    PROCESS("process-path", "/api/v1/process/path", "/api/v1/process/process/path", NULL,
            path_check, context_alone, &payload_forms[GENERATE_PATH], 0, 0,
            "The intent generate_path, its payload the body"),
    {.name = "process-health", .method = GET, .pattern = "/api/v1/process/health",
     .limit_per_minute = 200, .access = ACCESS_OPEN, .handler = process_health, .status = 200,
     .response = health_response, .summary = "Whether service invocation is available"},
};
/* clang-format on */

const struct route_table process_routes = {"process", routes, sizeof(routes) / sizeof(routes[0]),
                                           "Service invocation by Dapr"};
