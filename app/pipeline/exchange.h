/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request on its way through the engine, and what every handler gets. */
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

struct exchange {
    struct engine *engine;
    struct arena *arena; /* everything of this request; reset when it has been answered */
    struct http_request request;
    struct http_response response;
    struct problem problem; /* a code other than NONE is what the client gets */

    struct route_match match;
    const struct route *route; /* whose rules, right and handler count: match's, or its twin's */
    struct principal caller;
    struct json_object *body; /* NULL: there is none, or the handler reads it by itself */
    void *input;              /* the route's typed struct, filled by its rules */
    void *outer_input;        /* match's route's own, where another has taken over */
    void *state;              /* the handler's own between its rounds, NULL at first */
    int round_trips; /* how many rounds have been answered: 0 at the handler's first call */
    struct pipeline pipeline;

    struct str_list
        audit_subjects; /* for the audit log: students that neither path nor input names */
    bool unjournaled;   /* for it, too: nothing has been written of which the journal would tell */
    struct str_list
        audit_denied;    /* for it: of whom something was refused in an answer that is none */
    bool audit_reserved; /* the audit log holds room for a note */

    bool access_pending; /* a teacher's right hangs on the two asks, sent with the first round */
    struct command *student_cohorts, *teacher_cohorts;
    struct str access_cohort;        /* the right is about this cohort, not about a student */
    struct idempotency *idempotency; /* NULL: no Idempotency-Key */
    bool completing;                 /* all is done but keeping the answer for its repetition */
    struct str request_id;           /* also correlation_id */
    struct trace trace;
    int64_t now_ms; /* wall clock, read once */
    int64_t started_us;
    bool finished;
    void *connection;      /* whoever brought it */
    struct exchange *next; /* the dispatcher's queue of heavy requests */
};

/* For a route's check: from here on the exchange is one of `twin`'s, its rules laid over payload
 * (wherever they expect their fields), its check run, its right asked for, its handler called. Log,
 * metrics and seal stay those of the route it came by. The sidecar's own token, which has no
 * student's rights elsewhere, has all that the route lets it become. False with x->problem. */
bool exchange_delegate(struct exchange *x, const struct route *twin, struct json_object *payload);

/* The student (or cohort) that the request is about; empty when it is about nobody. */
struct str exchange_subject(struct exchange *x);

/* How many values the caller's body may have. */
size_t exchange_json_values_max(const struct exchange *x);

/* Our own traceparent, in the exchange's arena; p NULL without memory. */
struct str exchange_traceparent(const struct exchange *x);

/* Steps for handlers. */
static inline enum step exchange_fail(struct exchange *x, enum problem_code code)
{
    problem_set(&x->problem, code, NULL);
    return STEP_DONE;
}

#endif
