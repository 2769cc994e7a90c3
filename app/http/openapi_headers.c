/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/openapi_headers.h"

#include <math.h>
#include <stdio.h>

#include "app/http/openapi_schema.h"

enum { STATUSES_MAX = 2, SUCCESSES = 2 };

struct header {
    enum { OF_REQUEST, OF_ANSWER } side;
    unsigned routes;            /* those with one of these flags; 0: all */
    int statuses[STATUSES_MAX]; /* of answers: these, or SUCCESSES; none: all */
    struct rule rule;           /* required: always there */
};

static const char *const cache_words[] = {"HIT", "MISS", "STALE", NULL};
static const char *const replayed_words[] = {"true", NULL};

/* clang-format off */
static const struct header headers[] = {
    {OF_REQUEST, 0, {0}, {.name = "X-Request-ID", .type = RULE_TEXT,
     .description = "1 to 128 of A-Z a-z 0-9 . _ -: what answer, log and audit log call this request; else a new UUID does"}},
    {OF_REQUEST, 0, {0}, {.name = "traceparent", .type = RULE_TEXT,
     .description = "W3C Trace Context: the trace goes on; a new one begins when absent or not valid"}},
    {OF_REQUEST, ROUTE_IDEMPOTENT, {0}, {.name = "Idempotency-Key", .type = RULE_TEXT, .min = 1, .max = 128,
     .description = "Printable ASCII of the client's choice. The first success under it is kept for 24 hours and replayed, byte for byte, to "
              "the same caller on the same route, with Idempotency-Replayed: nothing is done twice. Errors of every kind (4xx, 429 and "
              "5xx too) are not kept and leave the key free. 409 while the first request is under way, and for another body under the "
              "same key. /process: counts for intents that calculate from components or submit a batch"}},
    {OF_REQUEST, ROUTE_XAPI, {0}, {.name = "X-Experience-API-Version", .type = RULE_TEXT, .required = true, .description = "1.0 or 1.0.x"}},

    {OF_ANSWER, 0, {0}, {.name = "X-Request-ID", .type = RULE_TEXT, .required = true, .description = "The caller's own, or a new UUID"}},
    {OF_ANSWER, 0, {0}, {.name = "traceparent", .type = RULE_TEXT, .required = true, .description = "W3C Trace Context: the engine's own span of the trace"}},
    {OF_ANSWER, ROUTE_CACHED, {200}, {.name = "X-Cache", .type = RULE_ENUM, .choices = cache_words,
     .description = "HIT: a stored result; MISS: computed now; STALE (queries alone): the process's last copy, the store being away"}},
    {OF_ANSWER, ROUTE_STALE, {200}, {.name = "Age", .type = RULE_INT, .max = (double)INFINITY, .description = "With X-Cache: STALE: seconds since the copy was made"}},
    {OF_ANSWER, ROUTE_IDEMPOTENT, {SUCCESSES}, {.name = "Idempotency-Replayed", .type = RULE_ENUM, .choices = replayed_words,
     .description = "This is the kept answer to the first request with the Idempotency-Key; absent on that one"}},
    {OF_ANSWER, ROUTE_SUBMITS_BATCH, {202}, {.name = "Location", .type = RULE_TEXT, .required = true, .description = "Path of the batch: its status"}},
    {OF_ANSWER, ROUTE_XAPI, {0}, {.name = "X-Experience-API-Version", .type = RULE_TEXT, .required = true, .description = "The version that is spoken here"}},
    {OF_ANSWER, ROUTE_XAPI, {0}, {.name = "X-Experience-API-Consistent-Through", .type = RULE_TIME, .required = true,
     .description = "All that was stored before this time can be queried"}},
    {OF_ANSWER, 0, {401, 403}, {.name = "WWW-Authenticate", .type = RULE_TEXT,
     .description = "The Bearer challenge, with error=\"invalid_token\" (401) when credentials came and were refused, error=\"insufficient_scope\" on 403"}},
    {OF_ANSWER, 0, {415}, {.name = "Accept", .type = RULE_TEXT, .description = "The media type that is taken"}},
    {OF_ANSWER, 0, {429, 503}, {.name = "Retry-After", .type = RULE_INT, .min = 1, .max = (double)INFINITY, .required = true,
     .description = "Seconds to wait before the repeat; of 429: after which one request does pass"}},
};
/* clang-format on */
enum { HEADERS = sizeof headers / sizeof headers[0] };

static void write_header(const struct header *h, struct jw *w)
{
    jw_object(w, h->rule.name);
    if (h->side == OF_REQUEST) {
        jw_text(w, "name", h->rule.name);
        jw_text(w, "in", "header");
    }
    jw_bool(w, "required", h->rule.required);
    schema_write(&h->rule, "schema", SCHEMA_RESPONSE, w);
    jw_object_end(w);
}

void headers_write_components(struct jw *w)
{
    static const char *const sides[] = {[OF_REQUEST] = "parameters", [OF_ANSWER] = "headers"};
    for (size_t side = 0; side < sizeof sides / sizeof sides[0]; side++) {
        jw_object(w, sides[side]);
        for (size_t i = 0; i < HEADERS; i++) {
            if (headers[i].side == side)
                write_header(&headers[i], w);
        }
        jw_object_end(w);
    }
}

static bool is_of(const struct header *h, const struct route *route)
{
    return h->routes == 0 || (route && h->routes & route->flags);
}

static bool is_on(const struct header *h, int status)
{
    bool found = h->statuses[0] == 0;
    for (size_t i = 0; i < STATUSES_MAX && h->statuses[i]; i++)
        found |= h->statuses[i] == status || h->statuses[i] == status / 100;
    return found;
}

static void write_reference(const char *key, const char *kind, const char *name, struct jw *w)
{
    char target[96];
    (void)snprintf(target, sizeof target, "#/components/%s/%s", kind, name);
    jw_object(w, key);
    jw_text(w, "$ref", target);
    jw_object_end(w);
}

void headers_write_request(const struct route *route, struct jw *w)
{
    for (const struct header *h = headers; h < headers + HEADERS; h++) {
        if (h->side == OF_REQUEST && is_of(h, route))
            write_reference(NULL, "parameters", h->rule.name, w);
    }
}

void headers_write_response(const struct route *route, int status, struct jw *w)
{
    jw_object(w, "headers");
    for (const struct header *h = headers; h < headers + HEADERS; h++) {
        if (h->side == OF_ANSWER && is_of(h, route) && is_on(h, status))
            write_reference(h->rule.name, "headers", h->rule.name, w);
    }
    jw_object_end(w);
}

bool headers_extend_errors(const struct route *route)
{
    for (const struct header *h = headers; h < headers + HEADERS; h++) {
        if (h->side == OF_ANSWER && h->routes & route->flags && h->statuses[0] == 0)
            return true;
    }
    return false;
}
