/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What operators and probes ask: who are you, are you well, what have you done. */
#include "app/base/clock.h"
#include "app/base/version.h"
#include "app/http/openapi.h"
#include "app/http/router.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/store/reply.h"
#include "app/store/workers.h"

/* A probe wants its answer within 200 ms, whatever the store does. */
static const int64_t READY_PATIENCE_US = 100000;

/* ---- / ---- */

static bool is_first_of_its_path(const struct router *router, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(router_route(router, k)->pattern, router_route(router, i)->pattern) == 0)
            return false;
    }
    return true;
}

static enum step info(struct exchange *x)
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
        if (is_first_of_its_path(router, i))
            jw_text(&w, NULL, router_route(router, i)->pattern);
    }
    jw_array_end(&w);
    jw_text(&w, "docs", "/docs");
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- /health, /ready ---- */

static enum step health(struct exchange *x)
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

struct readiness {
    struct command *ping, *workers;
};

/* As the workers see it, who alone speak with it: the worst of what they say. */
static const char *dapr_state(const struct worker_heartbeat *signs, size_t n)
{
    static const char *const names[DAPR_STATES] = {[DAPR_NOT_CONFIGURED] = "not_configured",
                                                   [DAPR_HEALTHY] = "healthy",
                                                   [DAPR_UNAVAILABLE] = "unavailable"};
    enum dapr_state worst = DAPR_NOT_CONFIGURED;

    for (size_t i = 0; i < n; i++) {
        if (signs[i].dapr > worst)
            worst = signs[i].dapr;
    }
    return names[worst];
}

static enum step answer_ready(struct exchange *x, const struct readiness *r)
{
    bool answered = x->pipeline.status == PIPELINE_COMPLETE;
    bool store = answered && reply_status(r->ping->reply) == REPLY_OK;
    bool ready = store && !x->engine->draining;
    struct worker_heartbeat signs[WORKERS_MAX];
    size_t n = 0;
    struct jw w;

    if (answered)
        (void)workers_parse(r->workers, signs, &n);

    http_response_json(&x->response, ready ? 200 : 503, &w);
    jw_text(&w, "status", ready ? "ready" : "not_ready");
    jw_object(&w, "dependencies");
    jw_text(&w, "state_store", store ? "healthy" : "unavailable");
    jw_text(&w, "worker", n > 0 ? "healthy" : "unavailable");
    jw_text(&w, "dapr", dapr_state(signs, n));
    jw_object_end(&w);
    if (x->engine->draining)
        jw_bool(&w, "draining", true);
    jw_time(&w, "timestamp", x->now_ms);
    jw_text(&w, "version", build_version);
    jw_text(&w, "environment", x->engine->config.environment);
    jw_object_end(&w);
    if (!ready)
        (void)http_response_header(&x->response, "Retry-After", STR("1"));
    return STEP_DONE;
}

static enum step ready(struct exchange *x)
{
    struct readiness *r = x->state;

    if (r)
        return answer_ready(x, r);
    r = x->state = arena_zalloc(x->arena, sizeof(*r));
    if (!r)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    r->ping = pipeline_add(&x->pipeline, COMMAND_READ, 1, (struct str[]){STR("PING")});
    r->workers = workers_cmd_get(&x->pipeline);
    x->pipeline.timeout_us = READY_PATIENCE_US;
    return STEP_MORE;
}

/* ---- /metrics ---- */

static enum step metrics(struct exchange *x)
{
    static const char openmetrics_type[] =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";
    struct str accept = x->request.accept;
    double wanted = http_accept_quality(accept, STR("application/openmetrics-text"));
    bool openmetrics = wanted > 0 && wanted >= http_accept_quality(accept, STR("text/plain"));

    x->response.status = 200;
    x->response.content_type =
        openmetrics ? openmetrics_type : "text/plain; version=0.0.4; charset=utf-8";
    metrics_print(x->engine->metrics, &x->response.body, openmetrics, build_version, build_commit);
    return STEP_DONE;
}

static const char *breaker_name(enum breaker_gauge state)
{
    switch (state) {
    case BREAKER_GAUGE_OPEN: return "open";
    case BREAKER_GAUGE_HALF_OPEN: return "half_open";
    case BREAKER_GAUGE_CLOSED: break;
    }
    return "closed";
}

static void write_performance(struct exchange *x, struct jw *w, const struct metrics_summary *s)
{
    const struct router *router = x->engine->router;

    jw_object(w, "performance");
    jw_int(w, "requests_total", (int64_t)s->requests_total);
    jw_int(w, "errors_total", (int64_t)s->errors_total);
    jw_number(w, "error_rate",
              s->requests_total ? (double)s->errors_total / (double)s->requests_total : 0);
    jw_number(w, "average_latency_ms", s->average_latency_ms);
    jw_object(w, "latency_ms");
    jw_number(w, "p50", s->p50_ms);
    jw_number(w, "p95", s->p95_ms);
    jw_number(w, "p99", s->p99_ms);
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
    jw_time(w, "uptime_since", s->counting_since_ms);
    jw_int(w, "active_requests", s->active_requests);
    jw_object_end(w);
}

static void write_breaker(struct jw *w, const char *name, const struct metrics_summary *s,
                          unsigned service)
{
    jw_object(w, name);
    jw_text(w, "state", breaker_name(s->breakers[service].state));
    jw_int(w, "failures", (int64_t)s->breakers[service].failures);
    if (s->breakers[service].opened_at_ms)
        jw_time(w, "opened_at", s->breakers[service].opened_at_ms);
    else
        jw_null(w, "opened_at");
    jw_object_end(w);
}

static enum step metrics_detailed(struct exchange *x)
{
    struct metrics_summary s;
    uint64_t looked;
    struct jw w;

    metrics_summarize(x->engine->metrics, &s);
    looked = s.cache_hits + s.cache_misses;
    http_response_json(&x->response, 200, &w);
    write_performance(x, &w, &s);
    jw_object(&w, "cache");
    jw_int(&w, "hits", (int64_t)s.cache_hits);
    jw_int(&w, "misses", (int64_t)s.cache_misses);
    jw_number(&w, "hit_ratio", looked ? (double)s.cache_hits / (double)looked : 0);
    jw_object_end(&w);
    jw_object(&w, "tracing");
    jw_int(&w, "spans_created", (int64_t)s.spans);
    jw_object_end(&w);
    jw_object(&w, "circuit_breakers");
    write_breaker(&w, "redis", &s, 0);
    write_breaker(&w, "dapr", &s, 1);
    jw_object_end(&w);
    jw_object(&w, "connection_pool");
    jw_int(&w, "size", s.store_connections);
    jw_int(&w, "in_use", s.store_in_use);
    jw_int(&w, "reconnects", (int64_t)s.store_reconnects);
    jw_object_end(&w);
    jw_object(&w, "dependencies");
    jw_text(&w, "state_store",
            s.breakers[0].state == BREAKER_GAUGE_CLOSED ? "healthy" : "unavailable");
    jw_int(&w, "processes", s.live_processes);
    jw_object_end(&w);
    jw_object_end(&w);
    return STEP_DONE;
}

static enum step reset_metrics(struct exchange *x)
{
    struct jw w;

    metrics_reset(x->engine->metrics);
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_time(&w, "reset_at", x->now_ms);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- /openapi.json ---- */

static enum step openapi(struct exchange *x)
{
    size_t count;
    const struct route_table *tables = router_tables(x->engine->router, &count);

    x->response.status = 200;
    x->response.content_type = "application/json";
    openapi_write(tables, count, &x->response.body);
    return STEP_DONE;
}

/* ---- /docs ---- */

/* nginx has the page as a file and asks here only for other methods. Who reaches this with a GET
 * has come by another way, on which the page is not. */
static enum step docs(struct exchange *x)
{
    return exchange_fail(x, PROBLEM_NOT_FOUND);
}

/* ---- the table ---- */

/* clang-format off */
static const char *const breaker_states[] = {"closed", "open", "half_open", NULL};
static const char *const ready_states[] = {"ready", "not_ready", NULL};
static const char *const health_states[] = {"healthy", NULL};
static const char *const dependency_states[] = {"healthy", "unavailable", "not_configured", NULL};

static const struct rule info_answer[] = {
    {.name = "name", .type = RULE_TEXT, .required = true, .description = "mastery-engine"},
    {.name = "service", .type = RULE_TEXT, .required = true, .description = "mastery-engine"},
    {.name = "version", .type = RULE_TEXT, .required = true, .description = "Version of the engine"},
    {.name = "commit", .type = RULE_TEXT, .required = true, .description = "Commit it was built from"},
    {.name = "environment", .type = RULE_TEXT, .required = true, .description = "Name of the installation"},
    {.name = "endpoints", .type = RULE_JSON, .required = true, .description = "The paths there are"},
    {.name = "docs", .type = RULE_TEXT, .required = true, .description = "Where the documentation is"},
    {0},
};

static const struct rule health_answer[] = {
    {.name = "status", .type = RULE_ENUM, .required = true, .choices = health_states, .description = "Always healthy: who can answer is"},
    {.name = "timestamp", .type = RULE_TIME, .required = true, .description = "Now"},
    {.name = "version", .type = RULE_TEXT, .required = true, .description = "Version of the engine"},
    {.name = "service", .type = RULE_TEXT, .required = true, .description = "mastery-engine"},
    {0},
};

static const struct rule ready_dependencies[] = {
    {.name = "state_store", .type = RULE_ENUM, .required = true, .choices = dependency_states, .description = "Redis"},
    {.name = "worker", .type = RULE_ENUM, .required = true, .choices = dependency_states, .description = "The background worker"},
    {.name = "dapr", .type = RULE_ENUM, .required = true, .choices = dependency_states, .description = "The Dapr sidecar"},
    {0},
};

static const struct rule ready_answer[] = {
    {.name = "status", .type = RULE_ENUM, .required = true, .choices = ready_states, .description = "ready (200) or not_ready (503)"},
    {.name = "dependencies", .type = RULE_OBJECT, .required = true, .fields = ready_dependencies, .description = "What it depends on"},
    {.name = "draining", .type = RULE_BOOL, .description = "There and true while the process that answers is on its way out"},
    {.name = "timestamp", .type = RULE_TIME, .required = true, .description = "Now"},
    {.name = "version", .type = RULE_TEXT, .required = true, .description = "Version of the engine"},
    {.name = "environment", .type = RULE_TEXT, .required = true, .description = "Name of the installation"},
    {0},
};

static const struct rule latency_fields[] = {
    {.name = "p50", .type = RULE_NUMBER, .required = true, .description = "Median"},
    {.name = "p95", .type = RULE_NUMBER, .required = true, .description = "95th percentile"},
    {.name = "p99", .type = RULE_NUMBER, .required = true, .description = "99th percentile"},
    {0},
};

static const struct rule performance_fields[] = {
    {.name = "requests_total", .type = RULE_INT, .required = true, .description = "Requests answered by the pool"},
    {.name = "errors_total", .type = RULE_INT, .required = true, .description = "Of these with status 500 and above"},
    {.name = "error_rate", .type = RULE_NUMBER, .required = true, .description = "Share of errors"},
    {.name = "average_latency_ms", .type = RULE_NUMBER, .required = true, .description = "Mean duration"},
    {.name = "latency_ms", .type = RULE_OBJECT, .required = true, .fields = latency_fields, .description = "Percentiles of the duration"},
    {.name = "requests_per_endpoint", .type = RULE_JSON, .required = true, .description = "Requests by method and path"},
    {.name = "uptime_since", .type = RULE_TIME, .required = true, .description = "Since when is counted"},
    {.name = "active_requests", .type = RULE_INT, .required = true, .description = "Requests under way"},
    {0},
};

static const struct rule cache_fields[] = {
    {.name = "hits", .type = RULE_INT, .required = true, .description = "Queries answered from the stored result"},
    {.name = "misses", .type = RULE_INT, .required = true, .description = "Queries computed from stored state"},
    {.name = "hit_ratio", .type = RULE_NUMBER, .required = true, .max = 1, .description = "Share of hits"},
    {0},
};

static const struct rule tracing_fields[] = {
    {.name = "spans_created", .type = RULE_INT, .required = true, .description = "One for each request"},
    {0},
};

static const struct rule breaker_fields[] = {
    {.name = "state", .type = RULE_ENUM, .required = true, .choices = breaker_states, .description = "The worst of the pool"},
    {.name = "failures", .type = RULE_INT, .required = true, .description = "Failures in a row"},
    {.name = "opened_at", .type = RULE_TIME, .required = true, .nullable = true, .description = "When it opened; null while closed"},
    {0},
};

static const struct rule breakers_fields[] = {
    {.name = "redis", .type = RULE_OBJECT, .required = true, .fields = breaker_fields, .description = "To Redis"},
    {.name = "dapr", .type = RULE_OBJECT, .required = true, .fields = breaker_fields, .description = "To the Dapr sidecar"},
    {0},
};

static const struct rule pool_fields[] = {
    {.name = "size", .type = RULE_INT, .required = true, .description = "Connections to Redis, all processes"},
    {.name = "in_use", .type = RULE_INT, .required = true, .description = "Of these with commands under way"},
    {.name = "reconnects", .type = RULE_INT, .required = true, .description = "Connections made again after a loss"},
    {0},
};

static const struct rule detailed_dependencies[] = {
    {.name = "state_store", .type = RULE_ENUM, .required = true, .choices = dependency_states, .description = "Redis, by the circuit breaker"},
    {.name = "processes", .type = RULE_INT, .required = true, .description = "Live processes of the pool"},
    {0},
};

static const struct rule detailed_answer[] = {
    {.name = "performance", .type = RULE_OBJECT, .required = true, .fields = performance_fields, .description = "Requests"},
    {.name = "cache", .type = RULE_OBJECT, .required = true, .fields = cache_fields, .description = "Stored results"},
    {.name = "tracing", .type = RULE_OBJECT, .required = true, .fields = tracing_fields, .description = "Spans"},
    {.name = "circuit_breakers", .type = RULE_OBJECT, .required = true, .fields = breakers_fields, .description = "Circuit breakers"},
    {.name = "connection_pool", .type = RULE_OBJECT, .required = true, .fields = pool_fields, .description = "Connections to Redis"},
    {.name = "dependencies", .type = RULE_OBJECT, .required = true, .fields = detailed_dependencies, .description = "What it depends on"},
    {0},
};

static const struct rule reset_answer[] = {
    SHAPE_SUCCESS,
    {.name = "reset_at", .type = RULE_TIME, .required = true, .description = "Counting starts anew here"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "info", .method = GET, .pattern = "/", .limit_per_minute = 50, .access = ACCESS_OPEN, .subject_offset = NO_SUBJECT,
     .handler = info, .status = 200, .response = info_answer, .summary = "What this service is"},
    {.name = "health", .method = GET, .pattern = "/health", .limit_per_minute = 50, .access = ACCESS_OPEN, .subject_offset = NO_SUBJECT,
     .handler = health, .status = 200, .response = health_answer, .summary = "Liveness: never touches the store"},
    {.name = "ready", .method = GET, .pattern = "/ready", .limit_per_minute = 50, .access = ACCESS_OPEN, .subject_offset = NO_SUBJECT,
     .handler = ready, .status = 200, .other_status = 503, .response = ready_answer, .summary = "Readiness: 503 while the store is away or the process drains"},
    {.name = "metrics", .method = GET, .pattern = "/metrics", .aliases = {"/api/v1/mastery/metrics/prometheus"},
     .limit_per_minute = 50, .access = ACCESS_OPEN, .flags = ROUTE_NETWORK_ALLOWLIST, .subject_offset = NO_SUBJECT, .handler = metrics, .status = 200,
     .response_type = "text/plain", .summary = "Metrics of the whole pool for Prometheus"},
    {.name = "metrics-detailed", .method = GET, .pattern = "/metrics/detailed", .limit_per_minute = 50, .access = ACCESS_OPEN,
     .flags = ROUTE_NETWORK_ALLOWLIST, .subject_offset = NO_SUBJECT, .handler = metrics_detailed, .status = 200, .response = detailed_answer,
     .summary = "Metrics of the whole pool for people"},
    {.name = "metrics-reset", .method = POST, .pattern = "/metrics/reset", .limit_per_minute = 10, .access = ACCESS_ADMIN,
     .subject_offset = NO_SUBJECT, .handler = reset_metrics, .status = 200, .response = reset_answer, .summary = "Starts all counters anew"},
    {.name = "openapi", .method = GET, .pattern = "/openapi.json", .limit_per_minute = 50, .access = ACCESS_OPEN,
     .subject_offset = NO_SUBJECT, .handler = openapi, .status = 200, .response_type = "application/json", .summary = "This document"},
    {.name = "docs", .method = GET, .pattern = "/docs", .aliases = {"/redoc"}, .limit_per_minute = 50, .access = ACCESS_OPEN,
     .flags = ROUTE_STATIC_PAGE, .subject_offset = NO_SUBJECT, .handler = docs, .status = 200, .response_type = "text/html",
     .summary = "This document as a page to read and to try; only where the front has its files"},
};
/* clang-format on */

const struct route_table ops_routes = {"operations", routes, sizeof(routes) / sizeof(routes[0])};
