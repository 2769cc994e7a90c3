/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The path of a request: dispatch_steps lists what happens before its handler runs, then the
 * handler alternates with round trips to Redis until it is done.
 *
 *   dispatch_begin -> steps -> handler -> STEP_MORE -> store -> dispatch_resume -> handler ...
 *                        \________ problem ________\-> STEP_DONE -> dispatch_finish
 *
 * Commands are only queued here; dispatch_process sends those of all exchanges together once a loop
 * iteration. Heavy routes take one step an iteration, so that they cannot delay the light ones. */
#include "app/pipeline/dispatch.h"

#include "app/base/clock.h"
#include "app/pipeline/audit_hook.h"
#include "app/pipeline/authenticate.h"
#include "app/pipeline/authorize.h"
#include "app/pipeline/idempotency.h"
#include "app/pipeline/respond.h"
#include "app/service/audit.h"
#include "app/service/readiness.h"

/* CHUNK_MIN: a streamed response goes out in chunks of this many bytes or more, so that its size
 * does not count in memory. ERROR_ROOM: reserved first, so that an error fits into a full arena. */
enum { CHUNK_MIN = 256 << 10, ERROR_ROOM = 1024 };

void dispatch_init(struct dispatch *d, struct engine *engine, exchange_chunk_ready *chunk_ready,
                   exchange_finished *finished, exchange_released *released)
{
    *d = (struct dispatch){
        .engine = engine, .chunk_ready = chunk_ready, .finished = finished, .released = released};
    d->heavy_end = &d->heavy;
}

/* ---- the steps before the handler ---- */

/* Gives the exchange its trace and request id. A header sent twice is refused: nginx and the engine
 * might each read another one of the two. */
static bool dispatch_identify(struct exchange *x)
{
    struct str id = x->request.request_id;
    char uuid[UUID_TEXT_SIZE];

    trace_begin(&x->trace, x->request.traceparent, x->request.tracestate);
    if (!request_id_valid(id)) {
        uuid_make(uuid);
        id = arena_copy(x->arena, (struct str){uuid, sizeof(uuid) - 1});
    }
    x->request_id = id;
    if (!id.p)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    if (x->request.duplicate_header)
        problem_set(&x->problem, PROBLEM_BAD_REQUEST, "A header was sent twice");
    return x->problem.code == PROBLEM_NONE;
}

static bool dispatch_has_invalid_id(const struct route_match *match)
{
    for (size_t i = 0; i < match->path.n; i++) {
        if (!id_valid(match->path.v[i].value))
            return true;
    }
    return false;
}

/* The only place that refuses a path sent in another form than nginx routed it (encoded, with dots
 * or double slashes): it does not exist, because two readings of one path could be played against
 * each other (hazards N10). A path with an invalid id still finds its route, to be refused like any
 * invalid id: every path parameter has a RULE_ID (tests/unit/test_routes.c), so no such request
 * gets past exchange_read_input. */
static bool dispatch_find_route(struct exchange *x)
{
    router_match(x->engine->router, x->request.method, x->request.path, x->request.sidecar,
                 &x->match);
    if (x->request.noncanonical && !(x->match.route && dispatch_has_invalid_id(&x->match)))
        x->match = (struct route_match){.route = NULL};
    x->route = x->match.route;
    if (!x->route && x->match.allowed_methods)
        respond_allowed_methods(x);
    else if (!x->route)
        problem_set(&x->problem, PROBLEM_NOT_FOUND, NULL);
    return x->route != NULL;
}

/* In their order. A step that returns false ends the exchange: x->problem or x->response is then
 * complete. The order decides which of several errors a client sees: an unknown path before a
 * missing token, a missing token before anything about the body. */
static bool (*const dispatch_steps[])(struct exchange *x) = {
    dispatch_identify,         dispatch_find_route, audit_hook_reserve,
    authenticate_by_header,    authorize_role,      exchange_read_body,
    authenticate_by_body,      exchange_read_input, authorize_queue_subject,
    idempotency_queue_acquire,
};

static bool dispatch_prepare(struct exchange *x)
{
    for (size_t i = 0; i < sizeof(dispatch_steps) / sizeof(dispatch_steps[0]); i++) {
        if (!dispatch_steps[i](x))
            return false;
    }
    return true;
}

/* ---- the handler and its round trips ---- */

static void dispatch_finish(struct dispatch *d, struct exchange *x)
{
    respond_complete(x);
    audit_hook_record(x);
    respond_report(x);
    x->finished = true;
    d->active--;
    d->finished(x);
    d->released(x);
}

/* The response is final. With an Idempotency-Key it waits for one more round trip, which stores it
 * for repetitions. */
static void dispatch_complete(struct dispatch *d, struct exchange *x)
{
    x->completing = idempotency_queue_finish(x);
    if (x->completing)
        store_submit(d->engine->store, &x->pipeline, clock_monotonic_us());
    else
        dispatch_finish(d, x);
}

static bool dispatch_send_chunk(struct dispatch *d, struct exchange *x)
{
    struct http_response *r = &x->response;

    if (!r->streamed || r->body.n < CHUNK_MIN || r->body.failed)
        return true;
    if (!r->headers_sent)
        respond_add_headers(x);
    return d->chunk_ready(x);
}

static void dispatch_run_handler(struct dispatch *d, struct exchange *x)
{
    enum step step = x->route->handler(x);

    if (step == STEP_MORE && x->problem.code == PROBLEM_NONE && !dispatch_send_chunk(d, x))
        problem_set(&x->problem, PROBLEM_SERVICE_UNAVAILABLE, "The client stopped reading");
    if (step == STEP_MORE && x->problem.code == PROBLEM_NONE) {
        store_submit(d->engine->store, &x->pipeline, clock_monotonic_us());
        return;
    }
    if (x->access_pending) /* a response made before the right was known must not go out */
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    dispatch_complete(d, x);
}

/* Continues an exchange whose replies have arrived, or whose round trip has failed. */
static void dispatch_resume(struct dispatch *d, struct exchange *x)
{
    if (x->completing) {
        dispatch_finish(d, x);
        return;
    }
    x->round_trips++;
    if (x->access_pending)
        authorize_on_replies(x);
    if (idempotency_on_replies(x) && x->problem.code == PROBLEM_NONE)
        dispatch_run_handler(d, x);
    else
        dispatch_complete(d, x);
}

/* ---- the queue of heavy requests ---- */

static void dispatch_push_heavy(struct dispatch *d, struct exchange *x)
{
    x->next = NULL;
    *d->heavy_end = x;
    d->heavy_end = &x->next;
}

static struct exchange *dispatch_pop_heavy(struct dispatch *d)
{
    struct exchange *x = d->heavy;

    if (x) {
        d->heavy = x->next;
        if (!d->heavy)
            d->heavy_end = &d->heavy;
    }
    return x;
}

void dispatch_begin(struct dispatch *d, struct exchange *x)
{
    d->active++;
    metrics_gauge_add(d->engine->metrics, GAUGE_ACTIVE_REQUESTS, 1);
    x->started_us = clock_monotonic_us();
    x->now_ms = clock_wall_ms();
    pipeline_init(&x->pipeline, x->arena, x);
    http_response_init(&x->response, x->arena);
    (void)buf_reserve(&x->response.body, ERROR_ROOM);
    if (!dispatch_prepare(x))
        dispatch_finish(d, x);
    else if (x->route->flags & ROUTE_HEAVY)
        dispatch_push_heavy(d, x);
    else
        dispatch_run_handler(d, x);
}

/* Passes one finished pipeline to its owner. Every step of a heavy request goes through the queue,
 * not only its first. False when no pipeline is finished. */
static bool dispatch_resume_next(struct dispatch *d)
{
    struct pipeline *pipeline = store_next_done(d->engine->store);
    struct exchange *x;

    if (!pipeline)
        return false;
    if (audit_on_replies(d->engine, pipeline, clock_monotonic_us()) ||
        readiness_on_replies(d->engine, pipeline, clock_monotonic_us()))
        return true;
    x = pipeline->owner;
    if (x->route->flags & ROUTE_HEAVY && !x->finished)
        dispatch_push_heavy(d, x);
    else
        dispatch_resume(d, x);
    return true;
}

bool dispatch_process(struct dispatch *d)
{
    struct exchange *heavy;

    while (dispatch_resume_next(d))
        ;
    heavy = dispatch_pop_heavy(d);
    if (heavy && heavy->pipeline.status == PIPELINE_OPEN) /* not yet submitted: its first step */
        dispatch_run_handler(d, heavy);
    else if (heavy)
        dispatch_resume(d, heavy);
    audit_tick(d->engine, clock_monotonic_us());
    readiness_tick(d->engine, clock_monotonic_us());
    /* with an open circuit breaker, flushed commands fail at once: resume those exchanges now */
    do
        store_flush(d->engine->store, clock_monotonic_us());
    while (dispatch_resume_next(d));
    return d->heavy != NULL;
}
