/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way of a request through the engine. The array dispatch_steps lists what happens before the
 * handler (the function of the route) runs. Then steps of the handler alternate with round trips to
 * Redis (the store) until the handler is done. An exchange is one request with its response.
 *
 *   dispatch_begin -> steps -> handler -> STEP_MORE -> store -> dispatch_resume -> handler ...
 *                        \________ problem ________\-> STEP_DONE -> dispatch_finish
 *
 * Steps and handlers queue their Redis commands. dispatch_process sends the queued commands of all
 * exchanges together, once in each iteration of the event loop. Of all requests of heavy routes
 * (ROUTE_HEAVY) together, one runs one step in each iteration, so that they cannot delay the
 * requests of light routes. */
#include "app/pipeline/dispatch.h"

#include "app/base/clock.h"
#include "app/pipeline/audit_hook.h"
#include "app/pipeline/authenticate.h"
#include "app/pipeline/authorize.h"
#include "app/pipeline/idempotency.h"
#include "app/pipeline/respond.h"
#include "app/service/audit.h"
#include "app/service/identity.h"
#include "app/service/readiness.h"

enum {
    CHUNK_MIN = 256 << 10, /* a part of a streamed body is sent once it has this many bytes */
    /* most requests that wait for keys of the identity provider at a time */
    AWAITING_KEYS_MAX = 512,
    /* bytes reserved for the body before anything else, so that an error response can be written
     * even when the arena is full */
    ERROR_ROOM = 1024,
};

void dispatch_init(struct dispatch *dispatch, struct engine *engine,
                   exchange_chunk_ready *chunk_ready, exchange_finished *finished,
                   exchange_released *released)
{
    *dispatch = (struct dispatch){
        .engine = engine, .chunk_ready = chunk_ready, .finished = finished, .released = released};
    dispatch->heavy.end = &dispatch->heavy.first;
    dispatch->awaiting_keys.end = &dispatch->awaiting_keys.first;
}

/* Adds an exchange to the end of a queue. */
static void dispatch_push(struct exchange_queue *queue, struct exchange *x)
{
    x->next = NULL;
    *queue->end = x;
    queue->end = &x->next;
    queue->n++;
}

/* Removes the oldest exchange from a queue and returns it; NULL when the queue is empty. queue->end
 * points to the pointer to which the next exchange is added: to queue->first when the queue has
 * become empty. */
static struct exchange *dispatch_pop(struct exchange_queue *queue)
{
    struct exchange *x = queue->first;

    if (x) {
        queue->first = x->next;
        queue->n--;
        if (!queue->first)
            queue->end = &queue->first;
    }
    return x;
}

/* ---- the steps before the handler ---- */

/* Gives the exchange its trace and its request id: that of the client if it is valid, else a new
 * UUID. Refuses a request with a duplicate header, because nginx might read the first one and the
 * engine the second. Returns false when x->problem is set. */
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

/* Returns whether a parameter of the path is not a valid id. */
static bool dispatch_has_invalid_id(const struct route_match *match)
{
    for (size_t i = 0; i < match->path.n; i++) {
        if (!id_valid(match->path.v[i].value))
            return true;
    }
    return false;
}

/* Sets the route of the path and method. Returns false when there is none; the response is then 404
 * or, when the path exists for other methods, 405 or the response to OPTIONS.
 *
 * nginx selects limits and access rules by a normalized path. A path that the client sent in
 * another form (encoded, with dots or double slashes; request.noncanonical) gets 404, because nginx
 * and the engine could take it for two different paths (hazards N10). One exception: when a path
 * parameter as it was sent is no valid id, as in /api/v1/cohorts/%41, the usual 400 is clearer.
 * Such a request keeps its route, and exchange_read_input refuses it, because every path parameter
 * has a RULE_ID (tests/unit/test_routes.c). request.sidecar: the request came by the listener of
 * Dapr's sidecar, which has routes that the public listener does not have. */
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

/* Refuses a request that has waited longer than QUEUE_TIMEOUT_MS (0: no limit). Its client may have
 * given up, and working for it would make all others wait as long. Probes (ROUTE_SERVED_LATE) are
 * served all the same. Returns false when x->problem is set. */
static bool dispatch_check_wait(struct exchange *x, int64_t waited_ms)
{
    int limit_ms = x->engine->config.queue_timeout_ms;

    if (limit_ms == 0 || waited_ms <= limit_ms || x->route->flags & ROUTE_SERVED_LATE)
        return true;
    problem_set(&x->problem, PROBLEM_SERVICE_UNAVAILABLE,
                "Too many requests are waiting; this one was not begun");
    metrics_add(x->engine->metrics, METRIC_OVERLOAD, NULL, NULL, 1);
    return false;
}

/* Refuses a request that has waited too long since nginx passed it on (on nginx's connection, or in
 * the queue of the socket), before any work is done for it. Both times are from the clock of this
 * host; an apparent wait of more than an hour means that the clock was set. passed_ms is 0 when
 * nginx has not sent the time. */
static bool dispatch_admit(struct exchange *x)
{
    const int64_t waited_ms = x->wall_ms - x->request.passed_ms, hour_ms = INT64_C(3600) * 1000;

    return x->request.passed_ms == 0 || waited_ms > hour_ms || dispatch_check_wait(x, waited_ms);
}

/* The steps before the handler, in the order in which they run. A step that returns false ends the
 * exchange, and has set x->problem or completed x->response. The order decides which of several
 * errors a client sees: an unknown path before a missing token, a missing token before errors of
 * the body. */
static bool (*const dispatch_steps[])(struct exchange *x) = {
    dispatch_identify,         dispatch_find_route, dispatch_admit,
    authenticate_by_header,    authorize_role,      exchange_read_body,
    authenticate_by_body,      exchange_read_input, authorize_queue_subject,
    idempotency_queue_acquire,
};

/* Runs the steps before the handler, starting with the first that has not succeeded yet. Returns
 * false when a step has ended the exchange, or when the token may be valid by a key that is being
 * fetched (problem.awaits_keys); dispatch_continue_awaiting then runs that step again. */
static bool dispatch_prepare(struct exchange *x)
{
    for (; x->steps_done < sizeof(dispatch_steps) / sizeof(dispatch_steps[0]); x->steps_done++) {
        if (!dispatch_steps[x->steps_done](x))
            return false;
    }
    return true;
}

/* ---- the handler and its round trips ---- */

/* Completes, records and sends the response. The exchange must not be used afterwards. */
static void dispatch_finish(struct dispatch *dispatch, struct exchange *x)
{
    respond_complete(x);
    audit_hook_record(x);
    respond_report(x);
    dispatch->active--;
    dispatch->finished(x);
    dispatch->released(x);
}

/* Submits the exchange's queued commands to the store with a time limit. All round trips of a
 * request share the time of STORE_ROUND_TIMEOUT_MS, of which store_left_us is left; when nothing is
 * left, the limit is 1 us, because 0 would mean the store's default. A heavy request may need many
 * round trips, so each of them has that default, which is the whole time. */
static void dispatch_submit(struct dispatch *dispatch, struct exchange *x)
{
    if (!(x->route->flags & ROUTE_HEAVY))
        x->pipeline.limit_us = x->store_left_us > 0 ? x->store_left_us : 1;
    store_submit(dispatch->engine->store, &x->pipeline, clock_monotonic_us());
}

/* Returns whether the response must wait until the replicas have what the request wrote. Only a
 * success promises this. A streamed response cannot: its headers are sent before the end. Routes
 * that read a student's data promise nothing, although some store a little, such as a prediction to
 * be compared later: a replica that is away must not make reads fail. */
static bool dispatch_promises_write(const struct exchange *x)
{
    return x->engine->replicas && x->has_written && x->problem.code == PROBLEM_NONE &&
           x->route->access != ACCESS_READ_STUDENT && !x->response.headers_sent;
}

/* Waits until the replicas of the server server_id have what the request wrote to that server. */
static void dispatch_await_replicas(struct dispatch *dispatch, struct exchange *x,
                                    const char *server_id)
{
    x->awaits_replicas = true;
    pipeline_clear(&x->pipeline);
    x->pipeline.limit_us = x->store_left_us;
    replicas_submit(dispatch->engine->replicas, &x->pipeline, server_id, clock_monotonic_us());
}

/* Ends the wait for the replicas, and sends the response. When they have not confirmed in time, the
 * client gets an error although the change is made; repeating the request would not change anything
 * further. */
static void dispatch_on_replicas(struct dispatch *dispatch, struct exchange *x, bool are_replicated)
{
    if (!are_replicated) {
        problem_set(&x->problem, PROBLEM_NOT_REPLICATED, NULL);
        x->problem.retry_after_s = 1;
    }
    dispatch_finish(dispatch, x);
}

/* In a cluster: waits for the replicas of the next server in x->written, and finishes the exchange
 * when none is left. */
static void dispatch_await_next(struct dispatch *dispatch, struct exchange *x)
{
    const struct written *written = x->written;

    if (!written) {
        dispatch_on_replicas(dispatch, x, /* are_replicated */ true);
        return;
    }
    x->written = written->next;
    dispatch_await_replicas(dispatch, x, written->server_id);
}

/* The last step before the response: waits for the replicas, if the response promises a write. The
 * record of the Idempotency-Key holds the response already, so a repetition of the request gets the
 * same one as soon as the replicas have the write. If the connection that wrote (x->generation) is
 * gone, the present one may lead to another server, whose replicas say nothing about the write: the
 * client then gets the error at once. */
static void dispatch_confirm(struct dispatch *dispatch, struct exchange *x)
{
    struct store *store = dispatch->engine->store;

    if (!dispatch_promises_write(x)) {
        dispatch_finish(dispatch, x);
    } else if (store_is_cluster(store)) {
        dispatch_await_next(dispatch, x);
    } else if (x->generation != store_generation(store)) {
        dispatch_on_replicas(dispatch, x, /* are_replicated */ false);
    } else {
        dispatch_await_replicas(dispatch, x, store_server_id(store));
    }
}

/* Completes a request whose handler is done, or that was refused after the steps before the
 * handler. If it owns an Idempotency-Key (the client's name for a change that must be made once),
 * one more round trip, marked by x->completing, stores the response for repetitions, or releases
 * the key after an error. dispatch_confirm then waits for the replicas if necessary, and sends the
 * response. */
static void dispatch_complete(struct dispatch *dispatch, struct exchange *x)
{
    x->completing = idempotency_queue_finish(x);
    if (x->completing)
        dispatch_submit(dispatch, x);
    else
        dispatch_confirm(dispatch, x);
}

/* Sends the part of a streamed response that is in its body so far, once it has CHUNK_MIN bytes or
 * more; the headers go before the first chunk. Returns false when the client no longer reads, true
 * in all other cases. */
static bool dispatch_send_chunk(struct dispatch *dispatch, struct exchange *x)
{
    struct http_response *response = &x->response;

    if (!response->streamed || response->body.n < CHUNK_MIN || response->body.failed)
        return true;
    if (!response->headers_sent)
        respond_add_headers(x);
    return dispatch->chunk_ready(x);
}

/* In a cluster: adds to x->written the servers that have executed writes of this request: in its
 * own round trip, or in that of another request that wrote the changes of both (record_step adds
 * those servers to x->pipeline.written). When out of memory, the request fails, because a server is
 * missing in the list and its replicas would not be waited for. */
static void dispatch_note_written(struct exchange *x)
{
    if (!written_join(&x->written, x->arena, x->pipeline.written))
        problem_set(&x->problem, PROBLEM_NOT_REPLICATED, NULL); /* no WAIT would cover it */
}

/* Runs one step of the handler, and records the servers that have written for this request. After
 * STEP_MORE, submits its commands, unless there is a problem, which ends the exchange. */
static void dispatch_run_handler(struct dispatch *dispatch, struct exchange *x)
{
    enum step step = x->route->handler(x);

    dispatch_note_written(x);
    if (step == STEP_MORE && x->problem.code == PROBLEM_NONE && !dispatch_send_chunk(dispatch, x))
        problem_set(&x->problem, PROBLEM_SERVICE_UNAVAILABLE, "The client stopped reading");
    if (step == STEP_MORE && x->problem.code == PROBLEM_NONE) {
        dispatch_submit(dispatch, x);
        return;
    }
    /* the handler ended before the access was granted: its response must not be sent */
    if (x->access_pending)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    dispatch_complete(dispatch, x);
}

/* Continues an exchange when its round trip has succeeded or failed (x->pipeline.status). The round
 * trip was a wait for replicas (x->awaits_replicas), the one that stores the response under the
 * Idempotency-Key or releases the key (x->completing), or one before a step of the handler. Records
 * for dispatch_confirm whether anything was written (x->has_written), and where: in a cluster the
 * servers (x->written), else the connection of the first write (x->generation). */
static void dispatch_resume(struct dispatch *dispatch, struct exchange *x)
{
    if (x->awaits_replicas) {
        x->store_left_us = pipeline_time_left_us(&x->pipeline, clock_monotonic_us());
        if (x->written && x->pipeline.status == PIPELINE_COMPLETE)
            dispatch_await_next(dispatch, x);
        else
            dispatch_on_replicas(dispatch, x, x->pipeline.status == PIPELINE_COMPLETE);
        return;
    }
    dispatch_note_written(x);
    if (x->pipeline.has_writes && !x->has_written)
        x->generation = x->pipeline.generation;
    x->has_written = x->has_written || x->pipeline.has_writes;
    x->store_left_us = pipeline_time_left_us(&x->pipeline, clock_monotonic_us());
    if (x->completing) {
        idempotency_on_finish(x);
        dispatch_confirm(dispatch, x);
        return;
    }
    x->round_trips++;
    if (x->access_pending)
        authorize_on_replies(x);
    if (idempotency_on_replies(x) && x->problem.code == PROBLEM_NONE)
        dispatch_run_handler(dispatch, x);
    else
        dispatch_complete(dispatch, x);
}

/* Runs the first step of a heavy request, or refuses the request if it has waited too long in the
 * queue. */
static void dispatch_begin_heavy(struct dispatch *dispatch, struct exchange *x)
{
    if (dispatch_check_wait(x, (clock_monotonic_us() - x->ready_us) / 1000))
        dispatch_run_handler(dispatch, x);
    else
        dispatch_complete(dispatch, x);
}

/* ---- the beginning ---- */

/* Puts the exchange into the queue of those that wait for keys of the identity provider, if its
 * token may be valid by a key that is being fetched. While it waits, x->problem stays set, to be
 * sent if the keys do not arrive in time. Returns false when it must not wait, or no longer; when
 * too many exchanges wait, x->problem becomes 503. */
static bool dispatch_await_keys(struct dispatch *dispatch, struct exchange *x)
{
    int64_t limit_us = dispatch->engine->config.jwt_jwks_timeout_ms * INT64_C(1000);

    if (!x->problem.awaits_keys || clock_monotonic_us() - x->started_us >= limit_us)
        return false;
    if (dispatch->awaiting_keys.n >= AWAITING_KEYS_MAX) {
        x->problem = (struct problem){.code = PROBLEM_NONE};
        problem_unavailable(&x->problem, /* retry_after_s */ 1);
        return false;
    }
    dispatch_push(&dispatch->awaiting_keys, x);
    return true;
}

/* Runs the remaining steps before the handler, then the first step of the handler; a heavy request
 * enters its queue instead. A request that a step has refused ends, unless it may wait for keys
 * that verify its token (dispatch_await_keys). */
static void dispatch_continue(struct dispatch *dispatch, struct exchange *x)
{
    bool prepared = dispatch_prepare(x);

    x->ready_us = clock_monotonic_us();
    if (!prepared && dispatch_await_keys(dispatch, x))
        return;
    if (!prepared)
        dispatch_finish(dispatch, x);
    else if (x->route->flags & ROUTE_HEAVY)
        dispatch_push(&dispatch->heavy, x);
    else
        dispatch_run_handler(dispatch, x);
}

/* Continues the exchanges that wait for keys: when the keys have come or failed to come, the step
 * that verifies the token runs again; when an exchange has waited too long, its problem is sent. */
static void dispatch_continue_awaiting(struct dispatch *dispatch)
{
    bool fetching = dispatch->awaiting_keys.n > 0 && tokens_are_fetching(dispatch->engine->tokens);

    for (size_t n = dispatch->awaiting_keys.n; n > 0; n--) {
        struct exchange *x = dispatch_pop(&dispatch->awaiting_keys);

        if (!fetching) {
            x->problem = (struct problem){.code = PROBLEM_NONE};
            dispatch_continue(dispatch, x);
        } else if (!dispatch_await_keys(dispatch, x)) {
            dispatch_finish(dispatch, x);
        }
    }
}

/* Prepares the exchange and runs its steps. The result of buf_reserve is ignored, because a failure
 * is noticed when the body is written. */
void dispatch_begin(struct dispatch *dispatch, struct exchange *x)
{
    dispatch->active++;
    metrics_gauge_add(dispatch->engine->metrics, GAUGE_ACTIVE_REQUESTS, 1);
    x->started_us = clock_monotonic_us();
    x->store_left_us = dispatch->engine->config.store_round_timeout_ms * INT64_C(1000);
    x->wall_ms = clock_wall_ms();
    x->now_ms = store_now_ms(dispatch->engine->store);
    pipeline_init(&x->pipeline, x->arena, x);
    http_response_init(&x->response, x->arena);
    (void)buf_reserve(&x->response.body, ERROR_ROOM);
    dispatch_continue(dispatch, x);
}

/* Takes one finished pipeline (the commands of one round trip) from the store and continues its
 * owner: the audit log, the readiness check, or an exchange. An exchange of a heavy route is put
 * into the queue again for its next step. Returns false when the store has no finished pipeline. */
static bool dispatch_resume_next(struct dispatch *dispatch)
{
    struct pipeline *pipeline = store_next_done(dispatch->engine->store);
    struct exchange *x;

    if (!pipeline && dispatch->engine->replicas)
        pipeline = replicas_next_done(dispatch->engine->replicas, clock_monotonic_us());
    if (!pipeline)
        return false;
    if (audit_on_replies(dispatch->engine, pipeline, clock_monotonic_us()) ||
        readiness_on_replies(dispatch->engine, pipeline, clock_monotonic_us()))
        return true;
    x = pipeline->owner;
    if (x->route->flags & ROUTE_HEAVY)
        dispatch_push(&dispatch->heavy, x);
    else
        dispatch_resume(dispatch, x);
    return true;
}

/* The audit log and the readiness check queue their commands before store_flush sends all. */
bool dispatch_process(struct dispatch *dispatch)
{
    struct exchange *heavy;

    identity_tick(dispatch->engine, clock_monotonic_us());
    dispatch_continue_awaiting(dispatch);
    while (dispatch_resume_next(dispatch))
        ;
    heavy = dispatch_pop(&dispatch->heavy);
    /* PIPELINE_OPEN: its first step has not run yet */
    if (heavy && heavy->pipeline.status == PIPELINE_OPEN)
        dispatch_begin_heavy(dispatch, heavy);
    else if (heavy)
        dispatch_resume(dispatch, heavy);
    audit_tick(dispatch->engine, clock_monotonic_us());
    readiness_tick(dispatch->engine, clock_monotonic_us());
    /* With an open circuit breaker (Redis has failed), flushed commands fail at once. Their
     * exchanges are resumed here and may queue more commands. */
    do
        store_flush(dispatch->engine->store, clock_monotonic_us());
    while (dispatch_resume_next(dispatch));
    return dispatch->heavy.first != NULL;
}
