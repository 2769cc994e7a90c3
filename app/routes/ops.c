/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes for operators and probes: description of the service, liveness, readiness, metrics, and
 * the OpenAPI document. obs/metrics.def lists what is measured. /health and /metrics need no
 * Redis, so that they work when Redis does not. The pool is all processes of mastery-fcgi that
 * serve requests. */
#include "app/base/clock.h"
#include "app/base/version.h"
#include "app/http/openapi.h"
#include "app/http/router.h"
#include "app/obs/refusals.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/identity.h"
#include "app/service/readiness.h"

/* ---- / ---- */

/* Returns whether the i-th route is the first with its path, so that a path with several methods is
 * listed once. Listing all routes takes quadratic time, which is little for under a hundred routes.
 */
static bool info_is_first(const struct router *router, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(router_route(router, k)->pattern, router_route(router, i)->pattern) == 0)
            return false;
    }
    return true;
}

/* Handler of /: describes the service and lists its paths. */
static enum step ops_info(struct exchange *x)
{
    const struct router *router = x->engine->router;
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_text(&w, "name", SERVICE_NAME);
    jw_text(&w, "service", SERVICE_NAME);
    jw_text(&w, "version", build_version);
    jw_text(&w, "commit", build_commit);
    jw_text(&w, "environment", x->engine->config.environment);
    jw_array(&w, "endpoints");
    for (size_t i = 0; i < router_count(router); i++) {
        if (info_is_first(router, i))
            jw_text(&w, NULL, router_route(router, i)->pattern);
    }
    jw_array_end(&w);
    jw_text(&w, "docs", "/docs");
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- /health, /ready ---- */

/* Handler of /health (liveness): a process that can run this is alive. It uses no Redis, because a
 * failure of Redis must not make the probe restart the process. */
static enum step ops_health(struct exchange *x)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_text(&w, "status", "healthy");
    jw_time(&w, "timestamp", x->now_ms);
    jw_text(&w, "version", build_version);
    jw_text(&w, "service", SERVICE_NAME);
    jw_object_end(&w);
    return STEP_DONE;
}

/* Returns the word for the state of Redis or of the whole service: `bad` unless is_good; else
 * "degraded" if is_degraded (some nodes of a Redis Cluster accept no writes); else `good`. */
static const char *ops_state(bool is_good, bool is_degraded, const char *good, const char *bad)
{
    if (!is_good)
        return bad;
    return is_degraded ? "degraded" : good;
}

/* Handler of /ready: 200 if Redis accepts writes and the process is not draining (finishing its
 * requests before it ends), else 503. It is degraded, with 200, if only some nodes of a Redis
 * Cluster accept writes. Workers and Dapr's sidecar are shown but do not decide, because requests
 * can be served without them. clock_skew_ms: how far this machine's clock is ahead of that of
 * Redis, shown if the difference is more than CLOCK_SKEW_REPORTED_MS. */
static enum step ops_ready(struct exchange *x)
{
    static const char *const dapr_names[DAPR_STATES] = {[DAPR_NOT_CONFIGURED] = "not_configured",
                                                        [DAPR_HEALTHY] = "healthy",
                                                        [DAPR_UNAVAILABLE] = "unavailable",
                                                        [DAPR_UNHEALTHY] = "unhealthy"};
    struct readiness_state state = readiness_get(x->engine, clock_monotonic_us());
    const char *provider = identity_state_name(x->engine);
    int64_t ahead_ms = 0;
    bool ready = !state.problem && !x->engine->draining;
    struct jw w;

    http_response_json(&x->response, ready ? 200 : 503, &w);
    jw_text(&w, "status", ops_state(ready, state.is_degraded, "ready", "not_ready"));
    jw_object(&w, "dependencies");
    jw_text(&w, "state_store",
            ops_state(!state.problem, state.is_degraded, "healthy", "unavailable"));
    jw_text(&w, "worker", state.workers > 0 ? "healthy" : "unavailable");
    jw_text(&w, "dapr", dapr_names[state.dapr]);
    if (provider)
        jw_text(&w, "identity_provider", provider);
    jw_object_end(&w);
    if (!ready)
        jw_text(&w, "reason", state.problem ? state.problem : "the process is draining");
    else if (state.is_degraded)
        jw_text(&w, "reason", "a part of the nodes of the Redis Cluster cannot be used");
    if (x->engine->draining)
        jw_bool(&w, "draining", true);
    if (engine_clock_is_off(x->engine, &ahead_ms))
        jw_int(&w, "clock_skew_ms", ahead_ms);
    jw_time(&w, "timestamp", x->now_ms);
    jw_text(&w, "version", build_version);
    jw_text(&w, "environment", x->engine->config.environment);
    jw_object_end(&w);
    if (!ready)
        (void)http_response_header(&x->response, "Retry-After", STR("1"));
    return STEP_DONE;
}

/* ---- /metrics ---- */

/* Handler of /metrics: writes the metrics in the OpenMetrics format if the Accept header names it
 * and does not prefer text/plain, otherwise in the Prometheus text format. They include nginx's
 * counts of requests that it refuses itself, which are in files in nginx_refusals_dir
 * (obs/refusals.h). */
static enum step ops_metrics(struct exchange *x)
{
    static const char openmetrics_type[] =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";
    struct str accept = x->request.accept;
    double wanted = http_accept_quality(accept, STR("application/openmetrics-text"));
    bool openmetrics = wanted > 0 && wanted >= http_accept_quality(accept, STR("text/plain"));

    x->response.status = 200;
    x->response.content_type =
        openmetrics ? openmetrics_type : "text/plain; version=0.0.4; charset=utf-8";
    metrics_print(x->engine->metrics, &x->response.body, openmetrics, build_version, build_commit,
                  x->engine->config.nginx_refusals_dir);
    return STEP_DONE;
}

/* Returns the name of a circuit breaker's state. An open circuit breaker refuses requests to its
 * service, because too many have failed. */
static const char *metrics_breaker_name(enum breaker_gauge state)
{
    switch (state) {
    case BREAKER_GAUGE_OPEN: return "open";
    case BREAKER_GAUGE_HALF_OPEN: return "half_open";
    case BREAKER_GAUGE_CLOSED: break;
    }
    return "closed";
}

/* Writes the figures about requests: of all routes together, and the number for each route that had
 * any. */
static void metrics_write_performance(struct exchange *x, struct jw *w,
                                      const struct metrics_summary *summary)
{
    const struct router *router = x->engine->router;

    jw_object(w, "performance");
    jw_int(w, "requests_total", (int64_t)summary->requests_total);
    jw_int(w, "errors_total", (int64_t)summary->errors_total);
    jw_number(w, "error_rate",
              summary->requests_total
                  ? (double)summary->errors_total / (double)summary->requests_total
                  : 0);
    jw_number(w, "average_latency_ms", summary->average_latency_ms);
    jw_object(w, "latency_ms");
    jw_number(w, "p50", summary->p50_ms);
    jw_number(w, "p95", summary->p95_ms);
    jw_number(w, "p99", summary->p99_ms);
    jw_object_end(w);
    jw_object(w, "requests_per_endpoint");
    for (size_t i = 0; i < router_count(router); i++) {
        const struct route *route = router_route(router, i);
        uint64_t total = metrics_endpoint_total(x->engine->metrics, i);
        struct str key =
            arena_printf(x->arena, "%s %s", http_method_name(route->method), route->pattern);

        if (total > 0 && key.p)
            jw_int(w, key.p, (int64_t)total);
    }
    jw_object_end(w);
    jw_time(w, "uptime_since", summary->counting_since_ms);
    jw_int(w, "active_requests", summary->active_requests);
    jw_object_end(w);
}

/* Writes the state of the circuit breakers of one service, Redis or Dapr, in all running processes:
 * the worst state, the sum of their failures, and the latest time at which one has opened, which is
 * null while all are closed. */
static void metrics_write_breaker(struct jw *w, const char *name,
                                  const struct metrics_summary *summary,
                                  enum metric_service service)
{
    jw_object(w, name);
    jw_text(w, "state", metrics_breaker_name(summary->breakers[service].state));
    jw_int(w, "failures", (int64_t)summary->breakers[service].failures);
    if (summary->breakers[service].opened_at_ms)
        jw_time(w, "opened_at", summary->breakers[service].opened_at_ms);
    else
        jw_null(w, "opened_at");
    jw_object_end(w);
}

/* Handler of /metrics/detailed: writes the counters of all processes of the pool, which are in
 * shared memory, as JSON. */
static enum step ops_metrics_detailed(struct exchange *x)
{
    struct metrics_summary summary;
    uint64_t lookups;
    struct jw w;

    metrics_summarize(x->engine->metrics, &summary);
    lookups = summary.cache_hits + summary.cache_misses;
    http_response_json(&x->response, 200, &w);
    metrics_write_performance(x, &w, &summary);
    jw_object(&w, "cache");
    jw_int(&w, "hits", (int64_t)summary.cache_hits);
    jw_int(&w, "misses", (int64_t)summary.cache_misses);
    jw_number(&w, "hit_ratio", lookups ? (double)summary.cache_hits / (double)lookups : 0);
    jw_object_end(&w);
    jw_object(&w, "tracing");
    jw_int(&w, "spans_created", (int64_t)summary.spans);
    jw_object_end(&w);
    jw_object(&w, "circuit_breakers");
    metrics_write_breaker(&w, "redis", &summary, METRIC_SERVICE_REDIS);
    metrics_write_breaker(&w, "dapr", &summary, METRIC_SERVICE_DAPR);
    jw_object_end(&w);
    jw_object(&w, "connection_pool");
    jw_int(&w, "size", summary.store_connections);
    jw_int(&w, "in_use", summary.store_in_use);
    jw_int(&w, "reconnects", (int64_t)summary.store_reconnects);
    jw_object_end(&w);
    jw_object(&w, "dependencies");
    jw_text(&w, "state_store",
            summary.breakers[METRIC_SERVICE_REDIS].state == BREAKER_GAUGE_CLOSED ? "healthy"
                                                                                 : "unavailable");
    jw_int(&w, "processes", summary.live_processes);
    jw_object_end(&w);
    jw_object_end(&w);
    return STEP_DONE;
}

/* Handler of /metrics/reset: sets the counters of all processes of the pool to zero, and also
 * nginx's counts of requests that it has refused itself (nginx_refusals_dir). */
static enum step ops_metrics_reset(struct exchange *x)
{
    struct jw w;

    metrics_reset(x->engine->metrics);
    refusals_reset(x->engine->config.nginx_refusals_dir);
    exchange_json_begin(x, 200, &w);
    jw_time(&w, "reset_at", x->now_ms);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- /openapi.json ---- */

/* Handler of /openapi.json: writes the OpenAPI document. It is made for each request from the
 * tables of routes that serve it, so that document and service cannot differ. Its examples have
 * dates of today, because some routes accept only recent days. */
static enum step ops_openapi(struct exchange *x)
{
    size_t count;
    const struct route_table *tables = router_tables(x->engine->router, &count);

    x->response.status = 200;
    x->response.content_type = "application/json";
    openapi_write(tables, count, day_of_ms(x->now_ms), &x->response.body);
    return STEP_DONE;
}

/* ---- /docs ---- */

/* Handler of /docs: responds with 404. nginx serves the page as a file, so a GET arrives here only
 * if nginx has no such file. The route exists so that the path has a rate limit, that other methods
 * get 405, and that the OpenAPI document lists it. */
static enum step ops_docs(struct exchange *x)
{
    return exchange_fail(x, PROBLEM_NOT_FOUND);
}

/* ---- tables ---- */

/* clang-format off */
static const char *const breaker_states[] = {"closed", "open", "half_open", NULL};
static const char *const ready_states[] = {"ready", "degraded", "not_ready", NULL};
static const char *const health_states[] = {"healthy", NULL};
static const char *const dependency_states[] = {"healthy", "degraded", "unavailable",
                                                "unhealthy", "not_configured", NULL};

static const struct rule info_response[] = RULES(
    FIELD(TEXT, "name", "mastery-engine"),
    FIELD(TEXT, "service", "mastery-engine"),
    FIELD(TEXT, "version", "Version of the engine"),
    FIELD(TEXT, "commit", "Commit it was built from"),
    FIELD(TEXT, "environment", "Name of the installation"),
    FIELD(TEXTS, "endpoints", "All paths"),
    FIELD(TEXT, "docs", "Where the documentation is"));

static const struct rule openapi_response[] = RULES(
    FIELD(TEXT, "openapi", "Version of OpenAPI"),
    FIELD(OBJECT, "info", "Title, version of the interface, description and licence"),
    FIELD(OBJECTS, "servers", "Where the interface is"),
    FIELD(OBJECTS, "tags", "The areas of the interface"),
    FIELD(OBJECT, "paths", "The operations of each path"),
    FIELD(OBJECT, "components", "What several operations share"));

static const struct rule health_response[] = RULES(
    FIELD(ENUM, "status", "Always healthy: a process that responds is", .choices = health_states),
    FIELD(TIME, "timestamp", "Now"),
    FIELD(TEXT, "version", "Version of the engine"),
    FIELD(TEXT, "service", "mastery-engine"));

/* state_store (Redis) alone decides readiness. */
static const struct rule ready_dependencies[] = RULES(
    FIELD(ENUM, "state_store", "Redis", .choices = dependency_states),
    FIELD(ENUM, "worker", "The background worker", .choices = dependency_states),
    FIELD(ENUM, "dapr", "The Dapr sidecar", .choices = dependency_states),
    OPTIONAL(ENUM, "identity_provider", "Present when keys are fetched from the identity provider",
             .choices = dependency_states));

static const struct rule ready_response[] = RULES(
    FIELD(ENUM, "status", "ready (200), degraded (200: a part of a Redis Cluster is away) or "
          "not_ready (503)", .choices = ready_states),
    FIELD(OBJECT, "dependencies", "What it depends on", .fields = ready_dependencies),
    OPTIONAL(TEXT, "reason", "Why it is not ready, or degraded"),
    OPTIONAL(BOOL, "draining", "Present and true while the process is draining"),
    OPTIONAL(INT, "clock_skew_ms", "Present while the machine's clock differs from Redis' by more "
             "than 2 s: by how much it is ahead; negative: behind"),
    FIELD(TIME, "timestamp", "Now"),
    FIELD(TEXT, "version", "Version of the engine"),
    FIELD(TEXT, "environment", "Name of the installation"));

static const struct rule latency_fields[] = RULES(
    FIELD(NUMBER, "p50", "Median"),
    FIELD(NUMBER, "p95", "95th percentile"),
    FIELD(NUMBER, "p99", "99th percentile"));

/* Figures of all processes of the pool, since uptime_since. */
static const struct rule performance_fields[] = RULES(
    FIELD(INT, "requests_total", "Requests processed by the pool"),
    FIELD(INT, "errors_total", "Requests with status 500 and above"),
    FIELD(NUMBER, "error_rate", "Share of errors"),
    FIELD(NUMBER, "average_latency_ms", "Mean duration"),
    FIELD(OBJECT, "latency_ms", "Percentiles of the duration", .fields = latency_fields),
    FIELD(MAP, "requests_per_endpoint", "Requests by method and path"),
    FIELD(TIME, "uptime_since", "Start of the counting"),
    FIELD(INT, "active_requests", "Requests being processed"));

static const struct rule cache_fields[] = RULES(
    FIELD(INT, "hits", "Queries answered from the stored result"),
    FIELD(INT, "misses", "Queries computed from stored state"),
    FIELD(NUMBER, "hit_ratio", "Share of hits", .max = 1));

static const struct rule tracing_fields[] = RULES(
    FIELD(INT, "spans_created", "One for each request"));

/* The state of the circuit breakers of one service. Each process has its own; shown are the worst
 * state, the sum of the failures, and the latest opening. */
static const struct rule breaker_fields[] = RULES(
    FIELD(ENUM, "state", "The worst of the pool", .choices = breaker_states),
    FIELD(INT, "failures", "Failures in a row"),
    FIELD(TIME, "opened_at", "When it opened; null while closed", .nullable = true));

static const struct rule breakers_fields[] = RULES(
    FIELD(OBJECT, "redis", "Commands to Redis", .fields = breaker_fields),
    FIELD(OBJECT, "dapr", "Calls to the Dapr sidecar", .fields = breaker_fields));

static const struct rule pool_fields[] = RULES(
    FIELD(INT, "size", "Connections to Redis, all processes"),
    FIELD(INT, "in_use", "Connections with commands in flight"),
    FIELD(INT, "reconnects", "Connections made after a loss"));

/* state_store is derived from the circuit breaker of Redis, without a command to Redis. */
static const struct rule detailed_dependencies[] = RULES(
    FIELD(ENUM, "state_store", "Redis, by the circuit breaker", .choices = dependency_states),
    FIELD(INT, "processes", "Live processes of the pool"));

static const struct rule detailed_response[] = RULES(
    FIELD(OBJECT, "performance", "Requests", .fields = performance_fields),
    FIELD(OBJECT, "cache", "Stored results", .fields = cache_fields),
    FIELD(OBJECT, "tracing", "Spans", .fields = tracing_fields),
    FIELD(OBJECT, "circuit_breakers", "Circuit breakers", .fields = breakers_fields),
    FIELD(OBJECT, "connection_pool", "Connections to Redis", .fields = pool_fields),
    FIELD(OBJECT, "dependencies", "What it depends on", .fields = detailed_dependencies));

static const struct rule reset_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(TIME, "reset_at", "When all counters were set to zero"), SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "info", .method = GET, .pattern = "/", .limit_per_minute = 50, .access = ACCESS_OPEN,
     .handler = ops_info, .status = 200, .response = info_response,
     .summary = "What this service is"},
    {.name = "health", .method = GET, .pattern = "/health", .limit_per_minute = 50,
     .access = ACCESS_OPEN, .flags = ROUTE_SERVED_LATE, .handler = ops_health, .status = 200,
     .response = health_response,
     .summary = "Liveness: does not use Redis"},
    {.name = "ready", .method = GET, .pattern = "/ready", .limit_per_minute = 50,
     .access = ACCESS_OPEN, .flags = ROUTE_SERVED_LATE, .handler = ops_ready, .status = 200,
     .other_status = 503, .response = ready_response,
     .summary = "Readiness: 503 while Redis is unavailable or the process drains"},
    {.name = "metrics", .method = GET, .pattern = "/metrics",
     .aliases = {"/api/v1/mastery/metrics/prometheus"}, .limit_per_minute = 50,
     .access = ACCESS_OPEN, .flags = ROUTE_NETWORK_ALLOWLIST | ROUTE_SERVED_LATE,
     .handler = ops_metrics, .status = 200, .response_type = "text/plain",
     .summary = "Metrics of the whole pool for Prometheus"},
    {.name = "metrics-detailed", .method = GET, .pattern = "/metrics/detailed",
     .limit_per_minute = 50, .access = ACCESS_OPEN, .flags = ROUTE_NETWORK_ALLOWLIST,
     .handler = ops_metrics_detailed, .status = 200, .response = detailed_response,
     .summary = "Metrics of the whole pool for people"},
    {.name = "metrics-reset", .method = POST, .pattern = "/metrics/reset", .limit_per_minute = 10,
     .access = ACCESS_ADMIN, .handler = ops_metrics_reset, .status = 200,
     .response = reset_response, .summary = "Sets all counters to zero"},
    {.name = "openapi", .method = GET, .pattern = "/openapi.json", .limit_per_minute = 50,
     .access = ACCESS_OPEN, .handler = ops_openapi, .status = 200,
     .response = openapi_response, .summary = "This document"},
    {.name = "docs", .method = GET, .pattern = "/docs", .aliases = {"/redoc"},
     .limit_per_minute = 50, .access = ACCESS_OPEN, .flags = ROUTE_STATIC_PAGE, .handler = ops_docs,
     .status = 200, .response_type = "text/html",
     .summary = "This document as a web page; only where nginx has its files"},
};
/* clang-format on */

const struct route_table ops_routes = {
    "operations", routes, sizeof(routes) / sizeof(routes[0]),
    "The service itself: what it is, whether it runs, its metrics and this document"};
