/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/process: service invocation. A caller names an intent, and the exchange becomes one of
 * the route that does the same over HTTP: its rules, its rights, its handler. Only the form of the
 * answer is this file's. An intent whose route does not exist is not known. */
#include "app/base/clock.h"
#include "app/http/problem_response.h"
#include "app/http/validate.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"

/* The words of METRIC_DAPR. */
enum intent {
    MASTERY_CALCULATION,
    GET_PREDICTION,
    GENERATE_PATH,
    BATCH_PROCESS,
    ANALYTICS_QUERY,
    INTENTS
};
enum status { SUCCESS, ERROR };

static const char *const intent_names[] = {
    [MASTERY_CALCULATION] = "mastery_calculation",
    [GET_PREDICTION] = "get_prediction",
    [GENERATE_PATH] = "generate_path",
    [BATCH_PROCESS] = "batch_process",
    [ANALYTICS_QUERY] = "analytics_query",
    [INTENTS] = NULL,
};

/* What the routes of this file are filled with. `payload` is only for /process; the others are for
 * the document, since their whole body is the payload. */
struct process {
    struct str intent_text;
    struct json_object *payload;
    struct context {
        struct str token; /* dispatch has seen to it */
        struct json_object *ignored;
    } context;
    struct json_object *ignored;
    /* as the check finds out */
    int intent; /* INTENTS: not known (yet) */
};

/* ---- from intent to route ---- */

static bool has(struct json_object *payload, const char *name)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(payload, name, &value) && value;
}

static const char *const query_types[] = {"history", "comprehensive", NULL};

struct analytics_query {
    int type;
};

/* clang-format off */
static const struct rule analytics_rules[] = {
    {.name = "query_type", .type = RULE_ENUM, .required = true, .choices = query_types, .offset = offsetof(struct analytics_query, type), .description = "Which analysis"},
    {0},
};
/* clang-format on */

/* Where each intent's twin answers over HTTP. */
static const char *const twin_paths[INTENTS] = {
    [MASTERY_CALCULATION] = "/api/v1/mastery/calculate",
    [GET_PREDICTION] = "/api/v1/predictions/next-week",
    [GENERATE_PATH] = "/api/v1/recommendations/learning-path",
    [BATCH_PROCESS] = "/api/v1/batch/mastery",
    [ANALYTICS_QUERY] = "/api/v1/analytics/mastery-history",
};

static const struct route *route_at(const struct exchange *x, const char *path)
{
    struct route_match match;

    router_match(x->engine->router, POST, str_of(path), false, &match);
    return match.route;
}

/* NULL: the payload does not say which. */
static const char *analytics_path(struct exchange *x, struct json_object *payload)
{
    static const char *const paths[] = {"/api/v1/analytics/mastery-history",
                                        "/api/v1/analytics/comprehensive"};
    struct analytics_query in = {0};

    return validate_payload(analytics_rules, payload, x->arena, &in, &x->problem) ? paths[in.type]
                                                                                  : NULL;
}

/* NULL with x->problem: its payload does not say which, or there is none. */
static const struct route *route_of(struct exchange *x, enum intent intent,
                                    struct json_object *payload)
{
    const char *path = intent < INTENTS ? twin_paths[intent] : NULL;
    const struct route *route;

    if (intent == MASTERY_CALCULATION && !has(payload, "components"))
        return &mastery_recompute;
    if (intent == ANALYTICS_QUERY)
        path = analytics_path(x, payload);
    route = path ? route_at(x, path) : NULL;
    if (!route)
        problem_set(&x->problem, PROBLEM_INVALID_INTENT, NULL);
    return route;
}

/* Field errors of the twin are about its body, which was our payload. */
static void put_under_payload(struct exchange *x)
{
    for (struct field_error *e = x->problem.fields; e; e = e->next) {
        struct str path = arena_printf(x->arena, "payload.%.*s", STR_ARG(e->field));

        if (path.p)
            e->field = path;
    }
}

static bool become(struct exchange *x, enum intent intent, struct json_object *payload)
{
    struct process *in = x->input;
    const struct route *twin;

    in->intent = (int)intent;
    twin = route_of(x, intent, payload);
    return twin && exchange_delegate(x, twin, payload);
}

static enum intent intent_of(struct str text)
{
    int i = 0;

    while (i < INTENTS && !str_equal(text, str_of(intent_names[i])))
        i++;
    return (enum intent)i;
}

/* ---- the checks: where a process call becomes another ---- */

static bool process_check(struct exchange *x)
{
    struct process *in = x->input;
    enum intent intent = intent_of(in->intent_text);
    bool done;

    in->intent = (int)intent;
    if (in->intent_text.n > 0 && intent == INTENTS) {
        x->problem = (struct problem){0};
        problem_set(&x->problem, PROBLEM_INVALID_INTENT, NULL);
    }
    if (x->problem.code != PROBLEM_NONE)
        return false;
    if (!json_object_is_type(in->payload, json_type_object)) {
        problem_field(&x->problem, x->arena, STR("payload"), "must be an object");
        return false;
    }
    done = become(x, intent, in->payload);
    put_under_payload(x);
    return done;
}

static bool of_body(struct exchange *x, enum intent intent)
{
    struct process *in = x->input;

    in->intent = (int)intent;
    return x->problem.code == PROBLEM_NONE && become(x, intent, x->body);
}

static bool mastery_check(struct exchange *x)
{
    return of_body(x, MASTERY_CALCULATION);
}

static bool prediction_check(struct exchange *x)
{
    return of_body(x, GET_PREDICTION);
}

static bool path_check(struct exchange *x)
{
    return of_body(x, GENERATE_PATH);
}

/* Never called: whoever passes the check has become another's. */
static enum step unreachable(struct exchange *x)
{
    return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
}

/* ---- the form of the answer ---- */

static enum problem_code error_code_of(enum problem_code code)
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

static bool is_retryable(enum problem_code code)
{
    return code == PROBLEM_TIMEOUT_ERROR || code == PROBLEM_INTERNAL_ERROR;
}

static void write_error_metadata(struct jw *w, enum problem_code code)
{
    enum problem_code error_code = error_code_of(code);

    jw_text(w, "error_code", problem_name(error_code));
    jw_bool(w, "retryable", is_retryable(error_code));
}

/* data: the twin's answer. */
static void wrap(struct exchange *x, enum intent intent, struct str data)
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
        write_error_metadata(&w, x->problem.code);
    jw_text(&w, "intent", intent_names[intent]);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
}

static enum intent intent_of_path(const struct route *route)
{
    if (route->check == mastery_check)
        return MASTERY_CALCULATION;
    if (route->check == prediction_check)
        return GET_PREDICTION;
    return route->check == path_check ? GENERATE_PATH : INTENTS;
}

/* As far as it is known: a path says it, else the body, if it has been read. */
static enum intent known_intent(const struct exchange *x)
{
    const struct process *in = x->route == x->match.route ? x->input : x->outer_input;
    enum intent intent = intent_of_path(x->match.route);

    return intent == INTENTS && in ? (enum intent)in->intent : intent;
}

static void seal(struct exchange *x)
{
    enum intent intent = known_intent(x);
    struct str data = arena_copy(x->arena, buf_view(&x->response.body));
    enum status status = x->problem.code == PROBLEM_NONE ? SUCCESS : ERROR;

    metrics_add(x->engine->metrics, METRIC_DAPR, intent, status, 1);
    if (!data.p) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        x->response.status = problem_status(x->problem.code);
    }
    x->response.body.n = 0;
    wrap(x, intent, data);
    if (x->response.body.failed) {
        x->problem = (struct problem){0};
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        problem_respond(&x->problem, x->request_id, &x->response);
    }
}

/* ---- health ---- */

/* Which intents are known here; never touches the store. */
static enum step health(struct exchange *x)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_text(&w, "status", "healthy");
    jw_time(&w, "timestamp", x->now_ms);
    jw_text(&w, "service", "mastery-engine");
    jw_array(&w, "intents");
    for (int i = 0; i < INTENTS; i++) {
        if (route_at(x, twin_paths[i]))
            jw_text(&w, NULL, intent_names[i]);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
#define FOR_THE_TWIN(field, text)                                                                  \
    {.name = (field), .type = RULE_JSON, .nullable = true, .offset = offsetof(struct process, ignored), .description = (text)}
static const struct rule context_rules[] = {
    {.name = "token", .type = RULE_TEXT, .nullable = true, .max = TOKEN_MAX, .offset = offsetof(struct context, token), .description = "A JWT, where none stands in Authorization"},
    {.name = "user_id", .type = RULE_JSON, .nullable = true, .offset = offsetof(struct context, ignored), .description = "Not believed"},
    {.name = "roles", .type = RULE_JSON, .nullable = true, .offset = offsetof(struct context, ignored), .description = "Not believed"},
    {.name = "correlation_id", .type = RULE_JSON, .nullable = true, .offset = offsetof(struct context, ignored), .description = "Not used: X-Request-ID is"},
    {0},
};
#define SECURITY_CONTEXT                                                                           \
    {.name = "security_context", .type = RULE_OBJECT, .nullable = true, .fields = context_rules, .offset = offsetof(struct process, context), .description = "Who calls"}

static const struct rule process_rules[] = {
    {.name = "intent", .type = RULE_TEXT, .required = true, .min = 1, .max = 64, .offset = offsetof(struct process, intent_text), .description = "mastery_calculation, get_prediction, generate_path, batch_process or analytics_query"},
    {.name = "payload", .type = RULE_JSON, .required = true, .offset = offsetof(struct process, payload), .description = "The body of the same request over HTTP"},
    SECURITY_CONTEXT,
    {0},
};

static const struct rule mastery_rules[] = {
    FOR_THE_TWIN("student_id", "The student; required"),
    FOR_THE_TWIN("components", "As for calculate; absent: the result is made again from what is stored"),
    FOR_THE_TWIN("weights", "As for calculate"),
    SECURITY_CONTEXT,
    {0},
};

static const struct rule prediction_rules[] = {
    FOR_THE_TWIN("student_id", "The student; required"),
    FOR_THE_TWIN("timeframe_days", "As for predictions/next-week"),
    SECURITY_CONTEXT,
    {0},
};

static const struct rule path_rules[] = {
    FOR_THE_TWIN("student_id", "The student; required"),
    FOR_THE_TWIN("target_level", "As for recommendations/learning-path"),
    FOR_THE_TWIN("max_duration_minutes", "As for recommendations/learning-path"),
    SECURITY_CONTEXT,
    {0},
};

static const char *const error_codes[] = {"VALIDATION_ERROR", "SECURITY_ERROR", "INVALID_INTENT", "NOT_FOUND", "TIMEOUT_ERROR", "INTERNAL_ERROR", NULL};

static const struct rule process_metadata[] = {
    {.name = "error_code", .type = RULE_ENUM, .choices = error_codes, .description = "When success is false"},
    {.name = "retryable", .type = RULE_BOOL, .description = "Whether the same call may succeed later"},
    {.name = "intent", .type = RULE_ENUM, .required = true, .nullable = true, .choices = intent_names, .description = "The intent; null when it is not known"},
    {0},
};

static const struct rule process_answer[] = {
    {.name = "success", .type = RULE_BOOL, .required = true, .description = "False: error says why"},
    {.name = "data", .type = RULE_JSON, .required = true, .nullable = true, .description = "The answer of the same request over HTTP"},
    {.name = "error", .type = RULE_JSON, .required = true, .nullable = true, .description = "null, or code, message and details as in any error"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = process_metadata, .description = "About this call"},
    SHAPE_CORRELATION,
    {0},
};

static const char *const healthy[] = {"healthy", NULL};

static const struct rule health_answer[] = {
    {.name = "status", .type = RULE_ENUM, .required = true, .choices = healthy, .description = "The process answers"},
    {.name = "timestamp", .type = RULE_TIME, .required = true, .description = "Now"},
    {.name = "service", .type = RULE_TEXT, .required = true, .description = "mastery-engine"},
    {.name = "intents", .type = RULE_ENUM_SET, .required = true, .choices = intent_names, .description = "The intents that are known"},
    {0},
};

/* more: what the routes that it becomes have of the flags that are for the document */
#define PROCESS(of, path, old_path, older_path, its_check, its_rules, more, also, text)                        \
    {.name = (of), .method = POST, .pattern = (path), .aliases = {old_path, older_path}, .limit_per_minute = 100,      \
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_SIDECAR_TRUSTED | ROUTE_TOKEN_IN_BODY | (more), .rules = (its_rules), \
     .input_size = sizeof(struct process), .subject_offset = NO_SUBJECT, .check = (its_check), .handler = unreachable,        \
     .finalize = seal, .status = 200, .other_status = (also), .response = process_answer, .summary = (text)}

static const struct route routes[] = {
    PROCESS("process", "/api/v1/process", "/process", "/api/v1/process/process", process_check, process_rules,
            ROUTE_IDEMPOTENT | ROUTE_CACHED | ROUTE_SUBMITS_BATCH, 202, "Does what an intent names, as Dapr's service invocation calls it"),
    PROCESS("process-mastery", "/api/v1/process/mastery", "/api/v1/process/process/mastery", NULL, mastery_check, mastery_rules,
            ROUTE_IDEMPOTENT, 0, "The intent mastery_calculation, its payload the body"),
    PROCESS("process-prediction", "/api/v1/process/prediction", "/api/v1/process/process/prediction", NULL, prediction_check, prediction_rules,
            ROUTE_CACHED, 0, "The intent get_prediction, its payload the body"),
    PROCESS("process-path", "/api/v1/process/path", "/api/v1/process/process/path", NULL, path_check, path_rules,
            0, 0, "The intent generate_path, its payload the body"),
    {.name = "process-health", .method = GET, .pattern = "/api/v1/process/health", .limit_per_minute = 200,
     .access = ACCESS_OPEN, .handler = health, .status = 200, .response = health_answer, .summary = "Whether service invocation answers"},
};
/* clang-format on */

const struct route_table process_routes = {"process", routes, sizeof(routes) / sizeof(routes[0])};
