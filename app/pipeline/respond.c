/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completes the response of every exchange (one request with its response), and reports it in the
 * log and the metrics. A problem is an error on its way to the client; http/problem_response.c
 * writes its text. fcgi/connection.c sends responses, and audit_hook.c records them in the audit
 * log. */
#include "app/pipeline/respond.h"

#include "app/base/clock.h"
#include "app/http/problem_response.h"

/* Adds three headers with the trace of the request: traceparent for clients that follow W3C Trace
 * Context, X-Trace-ID with the trace id alone, and Server-Timing for scripts in browsers. All three
 * values are parts of one allocated text, "trace;desc=00-TRACE_ID-...": in traceparent the trace id
 * begins after 3 characters ("00-"). When out of memory, no header is added. */
static void respond_add_trace(struct exchange *x)
{
    static const struct str prefix = STR_INIT("trace;desc=");
    char *text = arena_alloc(x->arena, prefix.n + TRACEPARENT_SIZE), *parent;

    if (!text)
        return;
    parent = mempcpy(text, prefix.p, prefix.n);
    trace_print(&x->trace, parent);
    (void)http_response_header(&x->response, "traceparent",
                               (struct str){parent, TRACEPARENT_SIZE - 1});
    (void)http_response_header(&x->response, "X-Trace-ID",
                               (struct str){parent + 3, TRACE_ID_SIZE - 1});
    (void)http_response_header(&x->response, "Server-Timing",
                               (struct str){text, prefix.n + TRACEPARENT_SIZE - 1});
}

/* Errors and personal data get Cache-Control: no-store, so that no cache stores them. */
void respond_add_headers(struct exchange *x)
{
    respond_add_trace(x);
    if (x->problem.code != PROBLEM_NONE ||
        (x->match.route && x->match.route->flags & ROUTE_PERSONAL))
        (void)http_response_header(&x->response, "Cache-Control", STR("no-store"));
}

/* Responds to a request whose path has routes, but none for its method: with 204 to OPTIONS, else
 * with 405. The header Allow names the methods; it is left out when out of memory. */
void respond_allowed_methods(struct exchange *x)
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
}

/* Adds the header Accept, which names the media types that the route accepts (RFC 9110, section
 * 15.5.16); it is left out when out of memory. */
static void respond_add_accepted_types(struct exchange *x)
{
    struct buf types;

    buf_init(&types, x->arena);
    for (const char *const *type = route_body_types(x->route); *type; type++) {
        if (types.n > 0)
            buf_text(&types, ", ");
        buf_text(&types, *type);
    }
    if (!types.failed)
        (void)http_response_header(&x->response, "Accept", buf_view(&types));
}

/* Replaces what the handler has written by the response of the problem, if there is one. */
void respond_complete(struct exchange *x)
{
    if (x->problem.code == PROBLEM_NONE && x->response.body.failed)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    /* When the headers of a streamed response were sent, the client already has the status 200 and
     * gets an incomplete body. The status is then changed for log and metrics. */
    if (x->problem.code != PROBLEM_NONE && x->response.headers_sent)
        x->response.status = problem_status(x->problem.code);
    else if (x->problem.code != PROBLEM_NONE)
        problem_respond(&x->problem, x->request_id, &x->response);
    if (x->problem.code == PROBLEM_METHOD_NOT_ALLOWED)
        /* added again, because problem_respond has removed all headers */
        respond_allowed_methods(x);
    if (x->problem.code == PROBLEM_UNSUPPORTED_MEDIA_TYPE)
        respond_add_accepted_types(x);
    if (x->match.route && x->match.route->finalize)
        x->match.route->finalize(x);
    if (!x->response.headers_sent)
        respond_add_headers(x);
}

/* Writes one log line about the request. The line has a keyed hash of the user id instead of the
 * id: the log must not name persons, because the erasure of a student does not change log files. */
static void respond_log(const struct exchange *x, int64_t duration_us)
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
    if (x->problem.reason[0])
        jw_text(w, "reason", x->problem.reason);
    log_end(log);
}

/* All requests without a route are counted under one endpoint, whose index follows that of the last
 * route. Labels made of their paths would need unlimited memory. */
void respond_report(const struct exchange *x)
{
    int64_t duration_us = clock_monotonic_us() - x->started_us;
    struct metrics *metrics = x->engine->metrics;
    size_t endpoint = x->match.route ? x->match.index : router_count(x->engine->router);

    respond_log(x, duration_us);
    metrics_observe_request(metrics, endpoint, x->response.status, duration_us);
    metrics_add(metrics, METRIC_SPANS, NULL, NULL, 1); /* each request is one span of a trace */
    metrics_gauge_add(metrics, GAUGE_ACTIVE_REQUESTS, -1);
}
