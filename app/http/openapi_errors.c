/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The errors of the OpenAPI document. The table error_responses has a function for each error that
 * decides by the row of a route (its flags, rules and access) whether the route can respond with
 * that error. The end of the file writes the schema of the body that all errors have. */
#include "app/http/openapi_errors.h"

#include <stdio.h>

#include "app/base/problem.h"
#include "app/http/openapi_headers.h"
#include "app/http/openapi_schema.h"

/* Name of the schema of error bodies. Not "Error", which hides a built-in type in many languages.
 */
#define ERROR_SCHEMA "ErrorResponse"

/* ---- Which error a route can respond with ---- */

/* Returns whether the route responds with 401 to a request without valid credentials. */
static bool needs_credentials(const struct route *route)
{
    return route->access != ACCESS_OPEN;
}

/* Returns whether the route can respond with 403: for lack of rights, or, on a route with
 * ROUTE_NETWORK_ALLOWLIST, to clients outside the configured networks. */
static bool can_forbid(const struct route *route)
{
    return needs_credentials(route) || route->flags & ROUTE_NETWORK_ALLOWLIST;
}

/* Three reasons for 404: an id in the path names nothing that exists; the route is the sidecar's,
 * and does not exist for other clients; an id in the query or body names nothing that exists. The
 * last one is assumed for each route with input rules, except open ones, which look up no ids. */
static bool can_be_not_found(const struct route *route)
{
    return strchr(route->pattern, '{') || route->flags & ROUTE_SIDECAR_ONLY ||
           (route->rules && needs_credentials(route));
}

/* Returns whether the route has conflicts of its own, or takes an Idempotency-Key, which conflicts
 * when an earlier request with the same key is running or had another body. */
static bool can_conflict(const struct route *route)
{
    return route->flags & (ROUTE_CONFLICT | ROUTE_IDEMPOTENT);
}

/* Returns whether the route can respond with 422 because there are too few data. */
static bool can_lack_data(const struct route *route)
{
    return route->flags & ROUTE_INSUFFICIENT_DATA;
}

/* Returns whether the limit of requests applies to the route, so that it can respond with 429. */
static bool is_limited(const struct route *route)
{
    return !(route->flags & ROUTE_UNLIMITED);
}

/* For errors that every route can respond with. The comparison only uses the parameter, against a
 * compiler warning. */
static bool any_route(const struct route *route)
{
    return route != NULL;
}

struct error_response {
    enum problem_code code;                     /* gives the HTTP status */
    bool (*applies)(const struct route *route); /* whether the route can respond with the error */
    const char *name;                           /* name in components/responses of the document */
    const char *description;                    /* what the error means, for the document */
};

/* clang-format off */
static const struct error_response error_responses[] = {
    {PROBLEM_VALIDATION_ERROR, any_route, "BadRequest",
     "The request is not valid: details.errors has every wrong field, details.offset the position "
     "of an error in the JSON"},
    {PROBLEM_AUTH_ERROR, needs_credentials, "Unauthorized", "No valid credentials"},
    {PROBLEM_FORBIDDEN, can_forbid, "Forbidden",
     "The caller may not do this, whether or not the resource exists; or the student has withdrawn "
     "consent"},
    {PROBLEM_NOT_FOUND, can_be_not_found, "NotFound", "The resource does not exist or has no data"},
    {PROBLEM_CONFLICT, can_conflict, "Conflict",
     "Another request changes the same resource, or the resource has ended or has other contents; "
     "or the first request with the Idempotency-Key is in progress or had another body"},
    {PROBLEM_PAYLOAD_TOO_LARGE, route_has_body, "PayloadTooLarge", "The body is too large"},
    {PROBLEM_UNSUPPORTED_MEDIA_TYPE, route_has_body, "UnsupportedMediaType",
     "The media type of the body is not supported"},
    {PROBLEM_INSUFFICIENT_DATA, can_lack_data, "InsufficientData",
     "Fewer than two students (on each side) have data"},
    {PROBLEM_RATE_LIMITED, is_limited, "TooManyRequests",
     "Too many requests: details has limit and window"},
    {PROBLEM_INTERNAL_ERROR, any_route, "InternalError", "An error in the engine"},
    {PROBLEM_SERVICE_UNAVAILABLE, any_route, "Unavailable",
     "The store is unavailable; or (code NOT_REPLICATED) the change is made, but too few replicas "
     "of the store have it yet. The request can be repeated later"},
};
/* clang-format on */
enum { ERROR_RESPONSES = sizeof error_responses / sizeof error_responses[0] };

static const struct error_response other_error = {
    .name = "OtherError", .description = "Any other error, in the same form"};

/* ---- Responses ---- */

/* Writes the description, with a link to the section of docs/errors.md about the code; the
 * section's anchor is the code in lower case. other_error has no code, and so no anchor. */
static void errors_write_description(const struct error_response *response, struct jw *w)
{
    char anchor[64] = "", text[512]; /* anchor: '#', then the code; the remaining zeros end it */
    const char *code = response->code ? problem_name(response->code) : "";

    anchor[0] = code[0] ? '#' : '\0';
    for (size_t i = 0; code[i] && i + 2 < sizeof anchor; i++)
        anchor[i + 1] = ascii_lower(code[i]);
    (void)snprintf(text, sizeof text, "%s. Cause and cure: [docs/errors.md](docs/errors.md%s)",
                   response->description, anchor);
    jw_text(w, "description", text);
}

/* Writes an error response with its headers and a reference to the common schema. route: NULL
 * writes the headers that the error has on all routes. */
static void errors_write_response(const char *key, const struct error_response *response,
                                  const struct route *route, struct jw *w)
{
    jw_object(w, key);
    errors_write_description(response, w);
    headers_write_response(route, problem_status(response->code), w);
    schema_begin_content("application/json", w);
    schema_write_reference_member("schema", ERROR_SCHEMA, w);
    schema_end_content(w);
    jw_object_end(w);
}

/* Writes one component for each error response. route NULL: with the headers that the error has on
 * all routes. */
void errors_write_components(struct jw *w)
{
    jw_object(w, "responses");
    for (size_t i = 0; i < ERROR_RESPONSES; i++)
        errors_write_response(error_responses[i].name, &error_responses[i], /* route */ NULL, w);
    errors_write_response(other_error.name, &other_error, /* route */ NULL, w);
    jw_object_end(w);
}

/* Writes a reference to the error response that the component with this name describes. */
static void errors_write_reference(const char *key, const char *name, struct jw *w)
{
    char target[64];
    (void)snprintf(target, sizeof target, "#/components/responses/%s", name);
    jw_object(w, key);
    jw_text(w, "$ref", target);
    jw_object_end(w);
}

/* Writes an error response of the route as a reference to its component. When all responses of the
 * route have further headers, writes the response in full instead, because a reference cannot add
 * headers. */
static void errors_write_for_route(const char *key, const struct error_response *response,
                                   const struct route *route, struct jw *w)
{
    if (headers_extend_errors(route))
        errors_write_response(key, response, route, w);
    else
        errors_write_reference(key, response->name, w);
}

/* Writes each error response that applies to the route, then "default" for all other errors. A
 * status that is the route's other_status is skipped, because openapi.c has written it already and
 * a key may occur once. */
void errors_write_responses(const struct route *route, struct jw *w)
{
    for (const struct error_response *response = error_responses;
         response < error_responses + ERROR_RESPONSES; response++) {
        char status[16];
        int code = problem_status(response->code);
        (void)snprintf(status, sizeof status, "%d", code);
        if (response->applies(route) && code != route->other_status)
            errors_write_for_route(status, response, route, w);
    }
    errors_write_for_route("default", &other_error, route, w);
}

/* ---- The schema of the body ---- */

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
    {.name = "offset", .type = RULE_INT, .description = "Byte of the body where the JSON is wrong"},
    {.name = "limit", .type = RULE_INT, .description = "Requests that are accepted in a window"},
    {.name = "window", .type = RULE_INT, .description = "Seconds"},
    {0},
};

/* Writes the schema of the member "code": a text that is the name of one of the problem codes. The
 * loop leaves out PROBLEM_NONE, which means that there is no error. */
static void errors_write_code_schema(struct jw *w)
{
    jw_object(w, "code");
    jw_text(w, "type", "string");
    jw_array(w, "enum");
    for (int code = PROBLEM_NONE + 1; code < PROBLEM_CODES; code++)
        jw_text(w, NULL, problem_name((enum problem_code)code));
    jw_array_end(w);
    jw_object_end(w);
}

/* Writes the list "required" of an object's schema. names: member names; the array ends with NULL.
 */
static void errors_write_required(const char *const *names, struct jw *w)
{
    jw_array(w, "required");
    for (; *names; names++)
        jw_text(w, NULL, *names);
    jw_array_end(w);
}

/* Writes the component of the member "error": code, message and details. */
static void errors_write_detail_schema(struct jw *w)
{
    static const char *const required[] = {"code", "message", "details", NULL};
    static const struct rule message = {.type = RULE_TEXT};
    static const struct rule details = {.type = RULE_OBJECT, .fields = details_fields};
    jw_object(w, "ErrorDetail");
    jw_text(w, "type", "object");
    jw_object(w, "properties");
    errors_write_code_schema(w);
    schema_write(&message, "message", SCHEMA_RESPONSE, w);
    schema_write(&details, "details", SCHEMA_RESPONSE, w);
    jw_object_end(w);
    errors_write_required(required, w);
    jw_object_end(w);
}

/* Writes the component of the whole body: success (always false), error and correlation_id. */
void errors_write_schema(struct jw *w)
{
    static const char *const required[] = {"success", "error", "correlation_id", NULL};
    static const struct rule id = {.type = RULE_TEXT, .description = "The request's X-Request-ID"};
    errors_write_detail_schema(w);
    jw_object(w, ERROR_SCHEMA);
    jw_text(w, "type", "object");
    jw_object(w, "properties");
    jw_object(w, "success");
    jw_bool(w, "const", false);
    jw_object_end(w);
    schema_write_reference_member("error", "ErrorDetail", w);
    schema_write(&id, "correlation_id", SCHEMA_RESPONSE, w);
    jw_object_end(w);
    errors_write_required(required, w);
    jw_object_end(w);
}
