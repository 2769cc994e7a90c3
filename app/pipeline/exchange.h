/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP request with its response while it is processed: what the steps before the handler found
 * out, what the handler is given, and what it leaves for the steps after it (pipeline/dispatch.c).
 *
 * All that an exchange points to lives in its arena, or as long as the process. */
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

/* What proved who the caller is. A user's role gives rights on every route. The
 * sidecar's own token gives no right to any student: its caller may do only what a route that
 * accepts that token delegates to another route. */
enum exchange_authority {
    AUTHORITY_NONE,       /* nothing: an open route, or the token is still to be read in the body */
    AUTHORITY_TOKEN,      /* a user's token in the Authorization header */
    AUTHORITY_BODY_TOKEN, /* a user's token in the body (ROUTE_TOKEN_IN_BODY) */
    AUTHORITY_SIDECAR,    /* the sidecar's token alone; the caller's role is ROLE_SERVICE */
};

struct exchange {
    struct engine *engine;
    struct arena *arena; /* memory of this request; reset after the exchange is released */
    void *connection;    /* owner of the exchange, opaque here */
    struct http_request request;
    struct http_response response;
    struct problem problem; /* a code other than PROBLEM_NONE becomes the response */

    struct route_match match;
    const struct route *route; /* the match's route, or the target of exchange_delegate */
    enum exchange_authority authority;
    struct principal caller;
    struct json_object *body; /* NULL: no body, or the handler parses it itself (ROUTE_RAW_BODY) */
    void *input;              /* the route's input struct, filled by its rules */
    void *outer_input;        /* after exchange_delegate: the input of the match's own route */

    struct pipeline pipeline; /* commands of the current round trip */
    int round_trips;          /* completed round trips: 0 in the handler's first step */
    void *state;              /* the handler's own, kept between its steps; NULL in the first */

    /* A teacher's right that depends on Redis: the replies come with the first round trip. */
    bool access_pending;
    struct command *student_cohorts, *teacher_cohorts; /* the first is NULL for a cohort's right */
    struct idempotency *idempotency;                   /* NULL: no Idempotency-Key */
    bool completing; /* the response is final; only its idempotency record is still being written */

    /* What a handler may say to the audit log (pipeline/audit_hook.h). */
    struct str_list audit_subjects; /* students that neither path nor input names */
    struct str_list audit_denied;   /* students whose data were refused though the status is 200 */
    bool unjournaled;               /* nothing was written, so no journal entry will report it */
    bool audit_reserved;            /* the audit log holds room for one event */

    struct str request_id; /* also the correlation_id of responses, logs and events */
    struct trace trace;
    int64_t now_ms;        /* wall clock, read once, so that all of a request has one time */
    int64_t started_us;    /* monotonic clock */
    bool finished;         /* the response was handed over; replies may still be awaited */
    struct exchange *next; /* in the dispatcher's queue of heavy requests */
};

/* Sets a problem with the code's default message and ends the handler: STEP_DONE. */
static inline enum step exchange_fail(struct exchange *x, enum problem_code code)
{
    problem_set(&x->problem, code, NULL);
    return STEP_DONE;
}

/* The same with a message for the client. detail: a literal. */
static inline enum step exchange_fail_with(struct exchange *x, enum problem_code code,
                                           const char *detail)
{
    problem_set(&x->problem, code, "%s", detail);
    return STEP_DONE;
}

/* Zeroed memory for the handler, put into x->state; NULL with x->problem without memory. */
void *exchange_new_state(struct exchange *x, size_t size);

/* The member of the input that names the student or cohort that the route's access is about; NULL
 * when the access is about neither. The text in it may be empty. */
struct str *exchange_subject_field(struct exchange *x);
/* The text of that member; empty when there is none. */
struct str exchange_subject(struct exchange *x);

/* Steps: the body as JSON in x->body, then the typed input from body, path and query. False with
 * x->problem. */
bool exchange_read_body(struct exchange *x);
bool exchange_read_input(struct exchange *x);
/* For a route's check: hands the exchange over to another route. Payload is validated by the
 * target's rules, wherever these expect their fields, and from then on the target's check, access
 * and handler apply. Log, metrics and finalize stay those of the route that was matched. False with
 * x->problem. */
bool exchange_delegate(struct exchange *x, const struct route *target, struct json_object *payload);
/* How many JSON values this caller's body may hold (JSON_VALUES_MAX or less). */
size_t exchange_json_values_max(const struct exchange *x);

/* This process's own traceparent, in the exchange's arena; p is NULL without memory. */
struct str exchange_traceparent(const struct exchange *x);

/* The frame of most JSON responses: {"success": true, MEMBERS, "correlation_id": "..."}. */
void exchange_json_begin(struct exchange *x, int status, struct jw *ret_writer);
void exchange_json_end(struct exchange *x, struct jw *w);

#endif
