/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of the OpenAPI document. The table headers describes each header and says on which
 * routes, and on responses of which status, it occurs. The functions write the headers as
 * components, or write references from the operations to them. */
#include "app/http/openapi_headers.h"

#include <math.h>
#include <stdio.h>

#include "app/http/openapi_schema.h"

enum {
    STATUSES_MAX = 2, /* most entries in header.statuses */
    SUCCESSES = 2,    /* entry in header.statuses for the whole class of statuses 200 to 299 */
};

struct header {
    enum { OF_REQUEST, OF_RESPONSE } side;
    unsigned routes; /* flags: the header occurs on routes with one of them; 0: on all routes */
    /* Statuses of the responses that have the header, or SUCCESSES; {0}: all responses. */
    int statuses[STATUSES_MAX];
    struct rule rule; /* name and type of the value; rule.required: the header is always present */
    /* name of the header in `components` of the document; NULL: the name of the header itself */
    const char *component;
};

static const char *const cache_values[] = {"HIT", "MISS", "STALE", NULL};
static const char *const replayed_values[] = {"true", NULL};

/* clang-format off */
#define REQUEST(flags, name_, type_, ...) \
    {OF_REQUEST, flags, {0}, {.name = name_, .type = type_, __VA_ARGS__}, NULL}
#define RESPONSE(flags, statuses, name_, type_, ...) \
    {OF_RESPONSE, flags, statuses, {.name = name_, .type = type_, __VA_ARGS__}, NULL}
#define ON(...) {__VA_ARGS__}
#define CE(header, attribute) \
    REQUEST(ROUTE_CLOUDEVENTS, header, RULE_TEXT, .description = \
        "Binary mode: the attribute " attribute " of the event, percent-encoded")

static const struct header headers[] = {
    REQUEST(0, "X-Request-ID", RULE_TEXT, .description =
        "1 to 128 of A-Z a-z 0-9 . _ -: identifies this request in response, log and audit log. "
        "Absent or invalid: replaced by a new UUID"),
    REQUEST(0, "traceparent", RULE_TEXT, .description =
        "W3C Trace Context: continues the trace. Absent or invalid: a new one is started"),
    REQUEST(ROUTE_IDEMPOTENT, "Idempotency-Key", RULE_TEXT, .min = 1, .max = 128, .description =
        "Printable ASCII, chosen by the client. The first successful response with this key is "
        "stored for 24 hours and replayed byte for byte, with Idempotency-Replayed, to the same "
        "caller on the same route: nothing is done twice. Errors (also 429 and 5xx) are not "
        "stored: the request can be repeated with the same key, after 5xx only with the same body. "
        "409 with Retry-After while the first request is in progress, 409 without it for another "
        "body with the same key. /process: used by intents that calculate from components or "
        "submit a batch"),
    REQUEST(ROUTE_XAPI_VERSIONED, "X-Experience-API-Version", RULE_TEXT, .required = true,
        .description = "1.0 or 1.0.x", .example = "1.0.3"),
    CE("ce-id", "id"), CE("ce-source", "source"), CE("ce-specversion", "specversion"),
    CE("ce-type", "type"), CE("ce-subject", "subject"), CE("ce-time", "time"),
    REQUEST(ROUTE_WEBHOOK, "WebHook-Request-Origin", RULE_TEXT, .description =
        "DNS name of the sender that asks whether its events are expected"),

    RESPONSE(0, ON(0), "X-Request-ID", RULE_TEXT, .required = true,
        .description = "That of the request, or a new UUID"),
    RESPONSE(0, ON(0), "traceparent", RULE_TEXT, .required = true,
        .description = "W3C Trace Context: the span of the engine in the trace"),
    RESPONSE(ROUTE_CACHED, ON(200), "X-Cache", RULE_ENUM, .choices = cache_values, .description =
        "HIT: of the present state, or a stored prediction; MISS: computed for this request; STALE "
        "(only queries of students about themselves): a copy cached by the process, because the "
        "store is unavailable"),
    RESPONSE(ROUTE_STALE, ON(200), "Age", RULE_INT, .max = (double)INFINITY,
        .description = "With X-Cache: STALE: seconds since the copy was made"),
    RESPONSE(ROUTE_IDEMPOTENT, ON(SUCCESSES), "Idempotency-Replayed", RULE_ENUM,
        .choices = replayed_values, .description =
        "This is the stored response to the first request with the Idempotency-Key; absent on the "
        "first response"),
    RESPONSE(ROUTE_SUBMITS_BATCH, ON(202), "Location", RULE_TEXT, .required = true,
        .description = "Path of the status of the batch"),
    RESPONSE(ROUTE_XAPI, ON(0), "X-Experience-API-Version", RULE_TEXT, .required = true,
        .description = "The supported version"),
    RESPONSE(ROUTE_XAPI, ON(0), "X-Experience-API-Consistent-Through", RULE_TIME,
        .required = true, .description = "All that was stored before this time can be queried"),
    RESPONSE(ROUTE_WEBHOOK, ON(204), "WebHook-Allowed-Origin", RULE_TEXT, .description =
        "The sender whose events are expected, or *; absent: they are not"),
    RESPONSE(ROUTE_WEBHOOK, ON(204), "WebHook-Allowed-Rate", RULE_INT, .min = 1,
        .max = (double)INFINITY, .description = "Requests a minute that are accepted"),
    RESPONSE(0, ON(401, 403), "WWW-Authenticate", RULE_TEXT, .description =
        "The Bearer challenge: with error=\"invalid_token\" (401) when credentials were sent and "
        "refused, with error=\"insufficient_scope\" on 403"),
    RESPONSE(0, ON(415), "Accept", RULE_TEXT, .description = "The accepted media types"),
    {OF_RESPONSE, 0, ON(409), {.name = "Retry-After", .type = RULE_INT, .min = 1,
        .max = (double)INFINITY, .description =
        "Seconds to wait before repeating the request: another one with the same Idempotency-Key, "
        "or for the same cohort, is in progress. Absent for conflicts that do not pass"},
     .component = "Retry-After-Conflict"},
    RESPONSE(0, ON(429, 503), "Retry-After", RULE_INT, .min = 1, .max = (double)INFINITY,
        .required = true, .description =
        "Seconds to wait before repeating the request; with 429: after which one is accepted"),
};
/* clang-format on */
enum { HEADERS = sizeof headers / sizeof headers[0] };

/* Returns the name of the header's component: that of the header, unless two rows of the table
 * describe the same header. */
static const char *header_component(const struct header *header)
{
    return header->component ? header->component : header->rule.name;
}

/* Writes the component of a header. In OpenAPI a request header is a parameter, which has its own
 * name and place as members. */
static void header_write(const struct header *header, struct jw *w)
{
    jw_object(w, header_component(header));
    if (header->side == OF_REQUEST) {
        jw_text(w, "name", header->rule.name);
        jw_text(w, "in", "header");
    }
    jw_bool(w, "required", header->rule.required);
    jw_text(w, "description", header->rule.description);
    if (header->rule.example)
        jw_text(w, "example", header->rule.example);
    schema_write(&header->rule, "schema", SCHEMA_RESPONSE, w);
    jw_object_end(w);
}

/* Writes two components: "parameters" holds the headers of requests, "headers" those of responses.
 * OpenAPI has no other place for a header that a request sends. */
void headers_write_components(struct jw *w)
{
    static const char *const sides[] = {[OF_REQUEST] = "parameters", [OF_RESPONSE] = "headers"};
    for (size_t side = 0; side < sizeof sides / sizeof sides[0]; side++) {
        jw_object(w, sides[side]);
        for (size_t i = 0; i < HEADERS; i++) {
            if (headers[i].side == side)
                header_write(&headers[i], w);
        }
        jw_object_end(w);
    }
}

/* Returns whether the header occurs on the route. route NULL: whether it occurs on all routes. */
static bool header_applies_to(const struct header *header, const struct route *route)
{
    return header->routes == 0 || (route && header->routes & route->flags);
}

/* Returns whether a response with this status has the header. An element of header->statuses is a
 * status or the first digit of a class (SUCCESSES), so it is compared with both the status and its
 * first digit. */
static bool header_has_status(const struct header *header, int status)
{
    bool found = header->statuses[0] == 0;
    for (size_t i = 0; i < STATUSES_MAX && header->statuses[i]; i++)
        found |= header->statuses[i] == status || header->statuses[i] == status / 100;
    return found;
}

/* Writes a reference to the component. kind: "parameters" or "headers". */
static void header_write_reference(const char *key, const char *kind, const char *name,
                                   struct jw *w)
{
    char target[96];
    (void)snprintf(target, sizeof target, "#/components/%s/%s", kind, name);
    jw_object(w, key);
    jw_text(w, "$ref", target);
    jw_object_end(w);
}

void headers_write_request(const struct route *route, struct jw *w)
{
    for (const struct header *header = headers; header < headers + HEADERS; header++) {
        if (header->side == OF_REQUEST && header_applies_to(header, route))
            header_write_reference(NULL, "parameters", header_component(header), w);
    }
}

/* Writes the headers of one response of the route, as references to the components: each header
 * that occurs on this route and with this status. */
void headers_write_response(const struct route *route, int status, struct jw *w)
{
    jw_object(w, "headers");
    for (const struct header *header = headers; header < headers + HEADERS; header++) {
        if (header->side == OF_RESPONSE && header_applies_to(header, route) &&
            header_has_status(header, status))
            header_write_reference(header->rule.name, "headers", header_component(header), w);
    }
    jw_object_end(w);
}

/* If a header of only some routes (routes != 0) occurs with all statuses, it occurs on the errors
 * of these routes too. */
bool headers_extend_errors(const struct route *route)
{
    for (const struct header *header = headers; header < headers + HEADERS; header++) {
        if (header->side == OF_RESPONSE && header->routes & route->flags &&
            header->statuses[0] == 0)
            return true;
    }
    return false;
}
