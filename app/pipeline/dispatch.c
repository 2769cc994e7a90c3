/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/pipeline/dispatch.h"

#include <stdio.h>

#include "app/auth/access.h"
#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/http/json.h"
#include "app/http/problem_response.h"
#include "app/http/router.h"
#include "app/pipeline/audit_hook.h"
#include "app/pipeline/idempotency.h"
#include "app/service/audit.h"
#include "app/store/cohort.h"

enum { BODY_MAX = 1 << 20, BIG_BODY_MAX = 4 << 20, PIECE_MIN = 256 << 10 };

void dispatch_init(struct dispatch *d, struct engine *engine, exchange_chunk_ready *piece,
                   exchange_finished *finished, exchange_released *released)
{
    *d = (struct dispatch){
        .engine = engine, .chunk_ready = piece, .finished = finished, .released = released};
    d->heavy_end = &d->heavy;
}

/* ---- the steps before the handler: each returns false with x->problem, or a complete response
 * ---- */

static bool identify(struct exchange *x)
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

static bool allow(struct exchange *x)
{
    char text[64];
    struct str methods;

    router_allow_text(x->match.allowed_methods, text);
    methods = arena_copy(x->arena, str_of(text));
    if (x->request.method != OPTIONS)
        problem_set(&x->problem, PROBLEM_METHOD_NOT_ALLOWED, NULL);
    else
        x->response.status = 204;
    if (methods.p)
        (void)http_response_header(&x->response, "Allow", methods);
    return false;
}

static bool names_no_id(const struct route_match *match)
{
    for (size_t i = 0; i < match->path.n; i++) {
        if (!id_valid(match->path.v[i].value))
            return true;
    }
    return false;
}

/* A path in disguise is nowhere (hazards N10), but for one with an id that is none even when it is
 * decoded: that is refused by its rule like one that was sent as it is. */
static bool find_route(struct exchange *x)
{
    router_match(x->engine->router, x->request.method, x->request.path, x->request.sidecar,
                 &x->match);
    if (x->request.noncanonical && !(x->match.route && names_no_id(&x->match)))
        x->match = (struct route_match){.route = NULL};
    x->route = x->match.route;
    if (x->route)
        return true;
    if (x->match.allowed_methods)
        return allow(x);
    problem_set(&x->problem, PROBLEM_NOT_FOUND, NULL);
    return false;
}

static bool is_secret(const char *expected, struct str given)
{
    return expected && digest_secrets_equal(str_of(expected), given);
}

/* The sidecar's own token counts on its own listener only, and only for what is made for it. */
static bool from_sidecar(const struct exchange *x)
{
    const struct config *config = &x->engine->config;

    return x->request.sidecar && (x->route->flags & (ROUTE_SIDECAR_ONLY | ROUTE_SIDECAR_TRUSTED)) &&
           (is_secret(config->app_api_token, x->request.api_token) ||
            is_secret(config->app_api_token_past.text, x->request.api_token));
}

/* A user's token beside the sidecar's counts instead of it: the sidecar adds its own to whatever it
 * passes on (hazards W11). What is the sidecar's alone is opened by nothing but its token. */
static bool authenticate(struct exchange *x)
{
    bool sidecars_own = x->route->flags & ROUTE_SIDECAR_ONLY;
    bool has_header = !sidecars_own && x->request.authorization.n > 0;

    if (x->route->access == ACCESS_OPEN)
        return true;
    if (!has_header && from_sidecar(x)) {
        principal_set(&x->caller, ROLE_SERVICE, STR("dapr"));
        return true;
    }
    if (!has_header && x->route->flags & ROUTE_TOKEN_IN_BODY)
        return true; /* authenticate_by_body sees to it */
    return tokens_verify_header(x->engine->tokens,
                                has_header ? x->request.authorization : (struct str){0}, x->now_ms,
                                &x->caller, &x->problem);
}

/* What needs no look into the request is refused before it is read. */
static bool authorize_role(struct exchange *x)
{
    if (x->route->access == ACCESS_ADMIN &&
        access_decide(ACCESS_ADMIN, &x->caller, (struct str){0}) != VERDICT_YES)
        problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
    return x->problem.code == PROBLEM_NONE;
}

size_t exchange_json_values_max(const struct exchange *x)
{
    bool trusted = x->caller.role == ROLE_ADMIN || x->caller.role == ROLE_SERVICE;

    return trusted ? JSON_VALUES_MAX : JSON_VALUES_UNTRUSTED;
}

static bool read_body(struct exchange *x)
{
    const struct route *route = x->route;
    size_t max = route->flags & ROUTE_BIG_BODY ? BIG_BODY_MAX : BODY_MAX;
    bool wanted = route_has_body(route) && !(route->flags & ROUTE_RAW_BODY);

    if (x->request.too_large || x->request.body.n > max)
        problem_set(&x->problem, PROBLEM_PAYLOAD_TOO_LARGE, NULL);
    else if (x->request.body.n > 0 && wanted) {
        if (http_media_type_is(x->request.content_type, STR("application/json")))
            x->body = json_parse_limited(x->request.body, exchange_json_values_max(x), x->arena,
                                         &x->problem);
        else
            problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
    }
    /* who has not been named yet is told nothing but that */
    if (x->problem.code != PROBLEM_NONE && x->caller.role == ROLE_NONE &&
        route->access != ACCESS_OPEN) {
        x->problem = (struct problem){0};
        problem_set(&x->problem, PROBLEM_AUTH_ERROR, NULL);
    }
    return x->problem.code == PROBLEM_NONE;
}

static struct str token_in(struct json_object *body)
{
    struct json_object *context, *token;

    if (!json_object_is_type(body, json_type_object) ||
        !json_object_object_get_ex(body, "security_context", &context) ||
        !json_object_is_type(context, json_type_object) ||
        !json_object_object_get_ex(context, "token", &token) ||
        !json_object_is_type(token, json_type_string))
        return (struct str){0};
    return (struct str){json_object_get_string(token), (size_t)json_object_get_string_len(token)};
}

/* The token in the body counts as one in the header would. Two may stand there when they name the
 * same user. */
static bool authenticate_by_body(struct exchange *x)
{
    struct str token = {0};
    struct principal named = x->caller;

    if (!(x->route->flags & ROUTE_TOKEN_IN_BODY))
        return true;
    token = token_in(x->body);
    principal_set(&named, x->caller.role, x->caller.user);
    if (token.n == 0 && named.role == ROLE_NONE)
        problem_set(&x->problem, PROBLEM_AUTH_ERROR, NULL);
    if (token.n == 0 ||
        !tokens_verify(x->engine->tokens, token, x->now_ms, &x->caller, &x->problem))
        return x->problem.code == PROBLEM_NONE;
    if (x->request.authorization.n > 0 &&
        (x->caller.role != named.role || !str_equal(x->caller.user, named.user))) {
        problem_set(&x->problem, PROBLEM_AUTH_ERROR, "Two tokens name two users");
        x->problem.has_credentials = true;
    }
    return x->problem.code == PROBLEM_NONE;
}

static struct str *subject_in(struct exchange *x)
{
    return (struct str *)(void *)((char *)x->input + x->route->subject_offset);
}

static void default_to_own(struct exchange *x)
{
    struct str *subject = subject_in(x);

    if (subject->n > 0 || problem_has_field(&x->problem, STR("student_id")))
        return;
    if (x->caller.role == ROLE_STUDENT)
        *subject = x->caller.user;
    else
        problem_field(&x->problem, x->arena, STR("student_id"), "is required");
}

static bool make_input(struct exchange *x)
{
    x->input = arena_zalloc(x->arena, x->route->input_size);
    if (!x->input)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return x->input != NULL;
}

/* What the rules have filled in is completed, and looked at as a whole. */
static bool complete_input(struct exchange *x)
{
    if (x->route->flags & ROUTE_DEFAULTS_TO_SELF)
        default_to_own(x);
    if (x->route->check)
        (void)x->route->check(x);
    return x->problem.code == PROBLEM_NONE;
}

static bool validate(struct exchange *x)
{
    if (!x->route->rules || x->route->flags & ROUTE_RAW_BODY)
        return true;
    if (!make_input(x))
        return false;
    (void)validate_input(x->route->rules, &x->match.path, x->request.query, x->body, x->arena,
                         x->input, &x->problem);
    return complete_input(x);
}

/* Whatever comes so far in disguise has no id that is none: it goes no further. */
static bool undisguised(struct exchange *x)
{
    if (x->request.noncanonical)
        problem_set(&x->problem, PROBLEM_NOT_FOUND, NULL);
    return !x->request.noncanonical;
}

bool exchange_delegate(struct exchange *x, const struct route *twin, struct json_object *payload)
{
    x->outer_input = x->input;
    x->route = twin;
    if (!make_input(x))
        return false;
    (void)validate_payload(twin->rules, payload, x->arena, x->input, &x->problem);
    return complete_input(x);
}

/* Whom the request is about, by the route's row. */
struct str exchange_subject(struct exchange *x)
{
    struct str subject = {0};

    switch (x->route->access) {
    case ACCESS_READ_STUDENT:
    case ACCESS_WRITE_STUDENT:
    case ACCESS_EXPORT:
    case ACCESS_READ_COHORT:
        if (x->input && x->route->subject_offset != NO_SUBJECT)
            subject = *subject_in(x);
        break;
    case ACCESS_OPEN:
    case ACCESS_ANY:
    case ACCESS_ADMIN:
    case ACCESS_COMPARE_COHORT:
    case ACCESS_HANDLER:
    case ACCESSES: break;
    }
    return subject;
}

/* A teacher's right is asked for in the round of the handler's first questions, which only read.
 * The Idempotency-Key is taken and noted in that round too, before the right is known: whoever
 * turns out to have none gives the key back (idempotency_queue_finish), under a name that is the
 * caller's own. */
static bool authorize(struct exchange *x)
{
    struct str subject = exchange_subject(x);

    if (x->route != x->match.route && x->caller.role == ROLE_SERVICE)
        return true;
    switch (access_decide(x->route->access, &x->caller, subject)) {
    case VERDICT_YES: return true;
    case VERDICT_IF_MEMBER: /* a handler's to ask for (service/cohort_access) */
    case VERDICT_NO: problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL); return false;
    case VERDICT_IF_OWN_STUDENT:
        x->student_cohorts = cohort_cmd_of_student(&x->pipeline, subject);
        break;
    case VERDICT_IF_OWN_COHORT: x->access_cohort = subject; break;
    }
    x->teacher_cohorts = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
    x->access_pending = true;
    return true;
}

/* ---- the handler's rounds ---- */

static void finish(struct dispatch *d, struct exchange *x);

static void conclude(struct dispatch *d, struct exchange *x)
{
    x->completing = idempotency_queue_finish(x);
    if (x->completing)
        store_submit(d->engine->store, &x->pipeline, clock_monotonic_us());
    else
        finish(d, x);
}

static void decorate(struct exchange *x);

/* What is ready of a streamed answer goes out, so that memory does not grow with it. */
static bool send_piece(struct dispatch *d, struct exchange *x)
{
    struct http_response *r = &x->response;

    if (!r->streamed || r->body.n < PIECE_MIN || r->body.failed)
        return true;
    if (!r->headers_sent)
        decorate(x);
    return d->chunk_ready(x);
}

static void step(struct dispatch *d, struct exchange *x)
{
    enum step s = x->route->handler(x);

    if (s == STEP_MORE && x->problem.code == PROBLEM_NONE && !send_piece(d, x))
        problem_set(&x->problem, PROBLEM_SERVICE_UNAVAILABLE, "Nobody takes the answer");
    if (s == STEP_MORE && x->problem.code == PROBLEM_NONE) {
        store_submit(d->engine->store, &x->pipeline, clock_monotonic_us());
        return;
    }
    if (x->access_pending) /* an answer that did not wait for the right must not go out */
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    conclude(d, x);
}

static void check_right(struct exchange *x)
{
    bool granted = false;
    struct str_list cohorts;

    if (x->pipeline.status != PIPELINE_COMPLETE) {
        problem_unavailable(&x->problem, 1); /* nobody's right is known: no stale answer either */
        return;
    }
    if (x->student_cohorts) {
        if (!cohort_parse_teaches(x->student_cohorts, x->teacher_cohorts, &granted, &x->problem))
            return;
    } else {
        if (!cohort_parse_ids(x->teacher_cohorts, x->arena, &cohorts, &x->problem))
            return;
        for (size_t i = 0; i < cohorts.n; i++)
            granted = granted || str_equal(cohorts.v[i], x->access_cohort);
    }
    if (granted)
        x->access_pending = false;
    else
        problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
}

static void resume(struct dispatch *d, struct exchange *x)
{
    if (x->finished) { /* it was answered without waiting for this */
        if (!x->pipeline.abandoned)
            d->released(x);
        return;
    }
    if (x->completing) {
        finish(d, x);
        return;
    }
    x->round_trips++;
    if (x->access_pending)
        check_right(x);
    if (idempotency_on_replies(x) && x->problem.code == PROBLEM_NONE)
        step(d, x);
    else
        conclude(d, x);
}

/* ---- the end ---- */

struct str exchange_traceparent(const struct exchange *x)
{
    char text[TRACEPARENT_SIZE];

    trace_print(&x->trace, text);
    return arena_copy(x->arena, (struct str){text, TRACEPARENT_SIZE - 1});
}

/* traceparent for the clients that read it, the same in Server-Timing for browsers: one text, of
 * which the headers are parts. */
static void add_trace_headers(struct exchange *x)
{
    static const struct str head = STR_INIT("trace;desc=");
    char *text = arena_alloc(x->arena, head.n + TRACEPARENT_SIZE), *parent;

    if (!text)
        return;
    parent = mempcpy(text, head.p, head.n);
    trace_print(&x->trace, parent);
    (void)http_response_header(&x->response, "traceparent",
                               (struct str){parent, TRACEPARENT_SIZE - 1});
    (void)http_response_header(&x->response, "X-Trace-ID",
                               (struct str){parent + 3, TRACE_ID_SIZE - 1});
    (void)http_response_header(&x->response, "Server-Timing",
                               (struct str){text, head.n + TRACEPARENT_SIZE - 1});
}

static void log_request(const struct exchange *x, int64_t duration_us)
{
    struct log *log = x->engine->log;
    enum log_level level = x->response.status >= 500 ? LOG_WARNING : LOG_INFO;
    char user[LOG_HASH_SIZE];
    struct jw *w;

    if (!log_enabled(log, level))
        return;
    w = log_begin(log, level, "request");
    jw_text(w, "method", http_method_name(x->request.method));
    jw_text(w, "route", x->match.route ? x->match.route->name : "other");
    jw_int(w, "status", x->response.status);
    jw_int(w, "duration_us", duration_us);
    jw_int(w, "bytes", (int64_t)(x->response.body_sent + x->response.body.n));
    jw_str(w, "request_id", x->request_id);
    jw_str(w, "correlation_id", x->request_id);
    jw_text(w, "trace_id", x->trace.trace_id);
    if (x->caller.role != ROLE_NONE) {
        log_hash(log, x->caller.user, user);
        jw_text(w, "user", user);
        jw_text(w, "role", role_names[x->caller.role]);
    }
    if (x->problem.code != PROBLEM_NONE)
        jw_text(w, "error_code", problem_name(x->problem.code));
    log_end(log);
}

static void count_request(struct dispatch *d, const struct exchange *x, int64_t duration_us)
{
    struct metrics *m = d->engine->metrics;
    size_t endpoint = x->match.route ? x->match.index : router_count(d->engine->router);

    metrics_observe_request(m, endpoint, x->response.status, duration_us);
    metrics_add(m, METRIC_SPANS, 0, 0, 1);
    metrics_gauge_add(m, GAUGE_ACTIVE_REQUESTS, -1);
}

static void decorate(struct exchange *x)
{
    add_trace_headers(x);
    if (x->problem.code != PROBLEM_NONE ||
        (x->match.route && x->match.route->flags & ROUTE_PERSONAL))
        (void)http_response_header(&x->response, "Cache-Control", STR("no-store"));
}

static void finish(struct dispatch *d, struct exchange *x)
{
    int64_t duration_us;

    if (x->problem.code == PROBLEM_NONE && x->response.body.failed)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    if (x->problem.code != PROBLEM_NONE && x->response.headers_sent)
        x->response.status = problem_status(x->problem.code); /* it is cut short: no success */
    else if (x->problem.code != PROBLEM_NONE)
        problem_respond(&x->problem, x->request_id, &x->response);
    if (x->problem.code == PROBLEM_METHOD_NOT_ALLOWED)
        (void)allow(x);
    if (x->match.route && x->match.route->finalize)
        x->match.route->finalize(x);
    if (!x->response.headers_sent)
        decorate(x);
    audit_hook_record(x);
    duration_us = clock_monotonic_us() - x->started_us;
    log_request(x, duration_us);
    count_request(d, x, duration_us);
    x->finished = true;
    d->active--;
    d->finished(x);
    if (!x->pipeline.abandoned)
        d->released(x);
}

/* ---- in and on ---- */

static bool prepare(struct exchange *x)
{
    return identify(x) && find_route(x) && audit_hook_reserve(x) && authenticate(x) &&
           authorize_role(x) && read_body(x) && authenticate_by_body(x) && validate(x) &&
           undisguised(x) && authorize(x) && idempotency_queue_acquire(x);
}

static void push_heavy(struct dispatch *d, struct exchange *x)
{
    x->next = NULL;
    *d->heavy_end = x;
    d->heavy_end = &x->next;
}

static struct exchange *pop_heavy(struct dispatch *d)
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
    (void)buf_reserve(&x->response.body,
                      1024); /* so that even a full arena leaves room for an error */
    if (!prepare(x)) {
        finish(d, x);
    } else if (x->route->flags & ROUTE_HEAVY) {
        push_heavy(d, x);
    } else {
        step(d, x);
    }
}

static bool resume_done(struct dispatch *d)
{
    struct pipeline *a = store_next_done(d->engine->store);
    struct exchange *x;

    if (!a)
        return false;
    if (audit_on_replies(d->engine, a, clock_monotonic_us()))
        return true;
    x = a->owner;
    if (x->route->flags & ROUTE_HEAVY && !x->finished)
        push_heavy(d, x); /* each of its rounds waits for its turn, not the first one only */
    else
        resume(d, x);
    return true;
}

bool dispatch_process(struct dispatch *d)
{
    struct exchange *heavy;

    while (resume_done(d))
        ;
    heavy = pop_heavy(d);
    if (heavy && heavy->pipeline.status == PIPELINE_OPEN)
        step(d, heavy);
    else if (heavy)
        resume(d, heavy);
    audit_tick(d->engine, clock_monotonic_us());
    do
        store_flush(d->engine->store, clock_monotonic_us());
    while (resume_done(d)); /* what was refused at once, the circuit being open */
    return d->heavy != NULL;
}
