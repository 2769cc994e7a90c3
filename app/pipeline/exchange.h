/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An exchange: one HTTP request with its response while it is processed. It holds what the steps
 * before the handler (the function of a route) found out, the input of the handler, and what the
 * handler leaves for the steps after it (pipeline/dispatch.c lists the steps).
 *
 * Everything that an exchange points to lives either in its arena (the memory of one request) or as
 * long as the process. */
#ifndef PIPELINE_EXCHANGE_H
#define PIPELINE_EXCHANGE_H

#include "app/auth/principal.h"
#include "app/base/problem.h"
#include "app/http/request.h"
#include "app/http/response.h"
#include "app/http/route.h"
#include "app/http/router.h"
#include "app/obs/trace.h"
#include "app/service/engine.h"
#include "app/store/store.h"

struct idempotency;

/* What proved who the caller is. The role of a user decides about access on every route. The token
 * of the sidecar (Dapr's process next to the engine) gives no access to a student on its own. A
 * caller with that token may use the routes that accept it, and through them the routes to which
 * they delegate (whose handlers they run). */
enum exchange_authority {
    AUTHORITY_NONE,  /* no proof: an open route, or a token that is in the body, not read yet */
    AUTHORITY_TOKEN, /* a user's token in the Authorization header */
    AUTHORITY_BODY_TOKEN,  /* a user's token in the body (ROUTE_TOKEN_IN_BODY) */
    AUTHORITY_SIDECAR,     /* the sidecar's token alone; the caller's role is ROLE_SERVICE */
    AUTHORITY_CREDENTIALS, /* a learning tool's key and secret (HTTP Basic); ROLE_SERVICE too */
};

struct exchange {
    struct engine *engine; /* services that all requests share: store, log, metrics */
    struct arena *arena;   /* memory of this request; reset after the exchange is released */
    void *connection;      /* FastCGI connection that the request came from; unused in pipeline/ */
    struct http_request request;
    struct http_response response;
    struct problem problem; /* error to send; PROBLEM_NONE as its code: no error */

    struct route_match match;          /* route and parameters that the path and method selected */
    const struct route *route;         /* match.route, or the target of exchange_delegate */
    enum exchange_authority authority; /* what proved who the caller is */
    struct principal caller;           /* user id and role */
    struct json_object *body; /* NULL: no body, or the handler parses it itself (ROUTE_RAW_BODY) */
    void *input;              /* input struct of the route, filled by the route's rules */
    void *outer_input;        /* input of match.route after exchange_delegate; else NULL */

    struct pipeline pipeline; /* Redis commands of the current round trip */
    int round_trips;          /* number of completed round trips: 0 in the handler's first step */
    int64_t store_left_us;    /* microseconds that this request may still wait for Redis */
    void *state; /* memory that the handler keeps between its steps; NULL in the first step */

    bool access_pending; /* the right depends on replies of Redis that have not arrived yet */
    /* for a teacher (access_pending): reads the student's cohorts; NULL: the request is about a
     * cohort, so teacher_cohorts alone decides */
    struct command *student_cohorts;
    /* reads the cohorts that the caller teaches; NULL: not needed */
    struct command *teacher_cohorts;
    struct idempotency *idempotency; /* state of the Idempotency-Key; NULL: the request has none */
    bool completing;  /* the last round trip runs: it stores the response or releases the key */
    bool has_written; /* a round trip had commands that may change data */
    /* number of the connection to Redis that sent the first commands of this request that may
     * change data: a later connection may lead to another server, whose replicas may lack the
     * change */
    unsigned generation;
    struct written *written; /* servers that executed writes of this request; only in a cluster */
    bool awaits_replicas;    /* the response waits until replicas have what the request wrote */

    /* What a handler reports for the audit log (pipeline/audit_hook.h). */
    struct str_list audit_subjects; /* students that neither the path nor the input names */
    struct str_list audit_denied;   /* students whose data were withheld from a response with 200 */
    /* the request changed nothing, so the worker, which makes audit events from journal entries,
     * will not record it: audit_hook_record does */
    bool unjournaled;

    /* id of the request; it is also the correlation_id of responses, logs and events */
    struct str request_id;
    struct trace trace; /* W3C Trace Context of the request */
    /* time of the request by Redis' clock (store_now_ms), which is read once for each request */
    int64_t now_ms;
    int64_t wall_ms;    /* time of the request by this machine's clock, for the times in tokens */
    int64_t started_us; /* monotonic clock at the beginning of the exchange */
    size_t steps_done;  /* steps before the handler that need not run again */
    int64_t ready_us;   /* monotonic clock when the steps before the handler were done */
    struct exchange *next; /* next in a queue of the dispatcher; NULL: last */
};

/* Sets a problem with the default message of the code. Returns STEP_DONE, which ends a handler
 * after an error as after success, so that a handler can return the result of this function. */
static inline enum step exchange_fail(struct exchange *x, enum problem_code code)
{
    problem_set(&x->problem, code, NULL);
    return STEP_DONE;
}

/* Sets a problem with a message for the client and returns STEP_DONE. detail: a string literal. */
static inline enum step exchange_fail_with(struct exchange *x, enum problem_code code,
                                           const char *detail)
{
    problem_set(&x->problem, code, "%s", detail);
    return STEP_DONE;
}

/* Allocates zeroed memory that a handler keeps between its steps, and stores it in x->state.
 * Returns NULL, with x->problem set, when out of memory. */
void *exchange_new_state(struct exchange *x, size_t size);
/* Makes an arena for a handler that releases memory between its steps, such as replies. first_block
 * and cap are sizes in bytes (arena_new). The arena is freed when the request has ended. Returns
 * NULL, with x->problem set, when out of memory. */
struct arena *exchange_new_arena(struct exchange *x, size_t first_block, size_t cap);

/* Returns the member of the input that holds the id of the student or cohort on which the access
 * depends; NULL when the access depends on neither. The id in it may be empty. */
struct str *exchange_subject_field(struct exchange *x);
/* Returns the id of the student or cohort on which the access depends; empty when there is none. */
struct str exchange_subject(struct exchange *x);

/* A step before the handler: parses the body as JSON into x->body. Returns false, with x->problem
 * set, to refuse the request. */
bool exchange_read_body(struct exchange *x);
/* A step before the handler: fills x->input from body, path and query by the rules of the route.
 * Returns false, with x->problem set, when a field is wrong or missing. */
bool exchange_read_input(struct exchange *x);
/* Delegates the exchange to another route: from then on the check, the access right and the handler
 * of the target apply. Log, metrics and finalize stay those of the route that matched the path. To
 * be called by the check of that route. The rules of the target read all their fields from payload,
 * wherever a request to the target would have them. Returns false with x->problem set. */
bool exchange_delegate(struct exchange *x, const struct route *target, struct json_object *payload);
/* Returns the largest number of JSON values that the body of this caller may have (at most
 * JSON_VALUES_MAX). */
size_t exchange_json_values_max(const struct exchange *x);

/* Returns the traceparent header (W3C Trace Context) that names the engine's span of this request.
 * The text is in the exchange's arena; its p is NULL when out of memory. */
struct str exchange_traceparent(const struct exchange *x);

/* Begins a JSON response {"success": true, MEMBERS, "correlation_id": "..."}. The caller then
 * writes MEMBERS to ret_writer, and calls exchange_json_end. */
void exchange_json_begin(struct exchange *x, int status, struct jw *ret_writer);
/* Ends the JSON response that exchange_json_begin has begun: adds the member correlation_id. */
void exchange_json_end(struct exchange *x, struct jw *w);

#endif
