/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/openapi_errors.h"

#include <stdio.h>

#include "app/base/problem.h"
#include "app/http/openapi_headers.h"
#include "app/http/openapi_schema.h"

/* ---- Which route answers which ---- */

static bool asks_who(const struct route *route)
{
    return route->access != ACCESS_OPEN;
}

static bool can_refuse(const struct route *route)
{
    return asks_who(route) || route->flags & ROUTE_NETWORK_ALLOWLIST;
}

/* The sidecar's own are not there for others. */
static bool can_miss(const struct route *route)
{
    return strchr(route->pattern, '{') || route->flags & ROUTE_SIDECAR_ONLY ||
           (route->rules && asks_who(route));
}

static bool can_conflict(const struct route *route)
{
    return route->flags & (ROUTE_CONFLICT | ROUTE_IDEMPOTENT);
}

static bool can_lack_data(const struct route *route)
{
    return route->flags & ROUTE_INSUFFICIENT_DATA;
}

static bool is_limited(const struct route *route)
{
    return !(route->flags & ROUTE_UNLIMITED);
}

static bool any_route(const struct route *route)
{
    return route != NULL;
}

struct error_answer {
    enum problem_code code;
    bool (*applies)(const struct route *route);
    const char *name;
    const char *description;
};

/* clang-format off */
static const struct error_answer error_answers[] = {
    {PROBLEM_VALIDATION_ERROR, any_route, "BadRequest",
     "The request is not valid: details.errors names every failing field, details.offset where the JSON breaks"},
    {PROBLEM_AUTH_ERROR, asks_who, "Unauthorized", "No valid credentials"},
    {PROBLEM_FORBIDDEN, can_refuse, "Forbidden",
     "The caller may not do this, whether or not the thing exists; or the student's consent is withdrawn"},
    {PROBLEM_NOT_FOUND, can_miss, "NotFound", "There is no such thing, or no data for it"},
    {PROBLEM_CONFLICT, can_conflict, "Conflict",
     "Another change of the same is under way, or it has ended or says something else already; an Idempotency-Key whose first "
     "request is under way, or had another body"},
    {PROBLEM_PAYLOAD_TOO_LARGE, route_has_body, "PayloadTooLarge", "The body is too large"},
    {PROBLEM_UNSUPPORTED_MEDIA_TYPE, route_has_body, "UnsupportedMediaType", "The body is of another media type"},
    {PROBLEM_INSUFFICIENT_DATA, can_lack_data, "InsufficientData", "Fewer than two students (on each side) have data"},
    {PROBLEM_RATE_LIMITED, is_limited, "TooManyRequests", "Too many requests: details has limit and window"},
    {PROBLEM_INTERNAL_ERROR, any_route, "InternalError", "A fault of the engine"},
    {PROBLEM_SERVICE_UNAVAILABLE, any_route, "Unavailable", "The store is away; a repeat later can succeed"},
};
/* clang-format on */
enum { ERROR_ANSWERS = sizeof error_answers / sizeof error_answers[0] };

static const struct error_answer other_error = {.name = "OtherError",
                                                .description = "Any other error, in the same form"};

/* ---- Answers ---- */

/* route NULL: as a component, for whatever route. */
static void write_answer(const char *key, const struct error_answer *answer,
                         const struct route *route, struct jw *w)
{
    jw_object(w, key);
    jw_text(w, "description", answer->description);
    headers_write_response(route, problem_status(answer->code), w);
    schema_begin_content("application/json", w);
    jw_text(w, "$ref", "#/components/schemas/Error");
    schema_end_content(w);
    jw_object_end(w);
}

static void write_components(struct jw *w)
{
    jw_object(w, "responses");
    for (size_t i = 0; i < ERROR_ANSWERS; i++)
        write_answer(error_answers[i].name, &error_answers[i], NULL, w);
    write_answer(other_error.name, &other_error, NULL, w);
    jw_object_end(w);
}

static void write_reference(const char *key, const char *name, struct jw *w)
{
    char target[64];
    (void)snprintf(target, sizeof target, "#/components/responses/%s", name);
    jw_object(w, key);
    jw_text(w, "$ref", target);
    jw_object_end(w);
}

/* The component, unless it would lack the route's own headers. */
static void write_of_route(const char *key, const struct error_answer *answer,
                           const struct route *route, struct jw *w)
{
    if (headers_extend_errors(route))
        write_answer(key, answer, route, w);
    else
        write_reference(key, answer->name, w);
}

void errors_write_responses(const struct route *route, struct jw *w)
{
    for (const struct error_answer *e = error_answers; e < error_answers + ERROR_ANSWERS; e++) {
        char status[16];
        int code = problem_status(e->code);
        (void)snprintf(status, sizeof status, "%d", code);
        if (e->applies(route) && code != route->other_status)
            write_of_route(status, e, route, w);
    }
    write_of_route("default", &other_error, route, w);
}

/* ---- Their form ---- */

static const struct rule field_error_fields[] = {
    {.name = "field",
     .type = RULE_TEXT,
     .required = true,
     .description = "Its path: student_ids[3]"},
    {.name = "message", .type = RULE_TEXT, .required = true},
    {0},
};

static const struct rule details_fields[] = {
    {.name = "errors", .type = RULE_OBJECTS, .fields = field_error_fields},
    {.name = "offset", .type = RULE_INT, .description = "Byte of the body where the JSON breaks"},
    {.name = "limit", .type = RULE_INT, .description = "Requests that pass in a window"},
    {.name = "window", .type = RULE_INT, .description = "Seconds"},
    {0},
};

static void write_code_schema(struct jw *w)
{
    jw_object(w, "code");
    jw_text(w, "type", "string");
    jw_array(w, "enum");
    for (int code = PROBLEM_NONE + 1; code < PROBLEM_CODES; code++)
        jw_text(w, NULL, problem_name((enum problem_code)code));
    jw_array_end(w);
    jw_object_end(w);
}

static void write_required(const char *const *names, struct jw *w)
{
    jw_array(w, "required");
    for (; *names; names++)
        jw_text(w, NULL, *names);
    jw_array_end(w);
}

static void write_error_body(struct jw *w)
{
    static const char *const required[] = {"code", "message", "details", NULL};
    static const struct rule message = {.type = RULE_TEXT};
    static const struct rule details = {.type = RULE_OBJECT, .fields = details_fields};
    jw_object(w, "error");
    jw_text(w, "type", "object");
    jw_object(w, "properties");
    write_code_schema(w);
    schema_write(&message, "message", SCHEMA_RESPONSE, w);
    schema_write(&details, "details", SCHEMA_RESPONSE, w);
    jw_object_end(w);
    write_required(required, w);
    jw_object_end(w);
}

static void write_error_schema(struct jw *w)
{
    static const char *const required[] = {"success", "error", "correlation_id", NULL};
    static const struct rule id = {.type = RULE_TEXT, .description = "The request's X-Request-ID"};
    jw_object(w, "schemas");
    jw_object(w, "Error");
    jw_text(w, "type", "object");
    jw_object(w, "properties");
    jw_object(w, "success");
    jw_bool(w, "const", false);
    jw_object_end(w);
    write_error_body(w);
    schema_write(&id, "correlation_id", SCHEMA_RESPONSE, w);
    jw_object_end(w);
    write_required(required, w);
    jw_object_end(w);
    jw_object_end(w);
}

void errors_write_components(struct jw *w)
{
    write_error_schema(w);
    write_components(w);
}
