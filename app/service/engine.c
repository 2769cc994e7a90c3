/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/engine.h"

#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/http/router.h"
#include "app/service/audit.h"
#include "app/service/catalogue.h"

/* Stands before what is wrong with it. */
static const char catalogue_setting[] = "RECOMMENDATIONS_FILE: ";
enum { ERROR_SIZE = sizeof(catalogue_setting) + CATALOGUE_ERROR_SIZE };

bool engine_has_log_key(const struct engine *engine)
{
    const struct config *config = &engine->config;

    return (config->log_key && *config->log_key) || (config->jwt_secret && *config->jwt_secret);
}

/* A key of its own if there is one, else one derived from the signing secret (so that all processes
 * agree), else a random one: then the hashes of two processes differ. */
void engine_set_log_key(struct engine *engine)
{
    const struct config *config = &engine->config;
    unsigned char key[DIGEST_SIZE];

    if (config->log_key && *config->log_key) {
        log_set_key(engine->log, str_of(config->log_key));
        return;
    }
    if (config->jwt_secret && *config->jwt_secret)
        digest_hmac(str_of(config->jwt_secret), STR("mastery-engine log key"), key);
    else
        random_bytes(key, sizeof(key));
    log_set_key(engine->log, (struct str){(const char *)key, sizeof(key)});
    explicit_bzero(key, sizeof(key));
}

static struct metrics *open_metrics(const struct config *config, const struct router *router,
                                    char ret_error[200])
{
    size_t n = router_count(router);
    struct metrics_endpoint *endpoints = calloc(n + 1, sizeof(*endpoints));
    struct metrics *metrics = NULL;

    if (endpoints) {
        for (size_t i = 0; i < n; i++) {
            const struct route *route = router_route(router, i);

            endpoints[i] =
                (struct metrics_endpoint){http_method_name(route->method), route->pattern};
        }
        endpoints[n] = (struct metrics_endpoint){"any", "other"};
        metrics = metrics_open(config->metrics_file, endpoints, n + 1, ret_error);
    }
    free(endpoints);
    return metrics;
}

static bool open_catalogue(struct engine *engine, char ret_error[ERROR_SIZE])
{
    enum { FIRST_BLOCK = 64 << 10, CAP = 8 << 20 };

    engine->process_arena = arena_new(FIRST_BLOCK, CAP);
    if (!engine->process_arena)
        return false;
    memcpy(ret_error, catalogue_setting, sizeof(catalogue_setting));
    engine->catalogue = catalogue_load(engine->config.recommendations_file, engine->process_arena,
                                       ret_error + sizeof(catalogue_setting) - 1);
    return engine->catalogue != NULL;
}

/* Before anything is served: a store of a newer schema must not get a single write of ours. Whether
 * it is there at all is for later. */
static void meet_store(struct engine *engine)
{
    struct arena *arena = arena_new(1024, 4096);
    struct pipeline pipeline;

    store_enable_schema_write(engine->store);
    if (arena) {
        pipeline_init(&pipeline, arena, NULL);
        (void)pipeline_add(&pipeline, COMMAND_READ, 1, (struct str[]){STR("PING")});
        (void)store_wait(engine->store, &pipeline);
    }
    arena_free(arena);
}

bool engine_open(struct engine *engine, const char *program, const struct router *router,
                 unsigned parts)
{
    struct config *config = &engine->config;
    char error[ERROR_SIZE] = "out of memory";

    (void)gsl_set_error_handler_off(); /* a number that does not converge is no reason to abort */
    *engine = (struct engine){.router = router, .started_at_ms = clock_wall_ms()};
    if (config_load(config, config_environment, stderr) > 0)
        return false;
    engine->log = log_open(STDERR_FILENO, program, config->log_level);
    engine->inflight = inflight_new();
    engine->store = store_new(config, error);
    if (!engine->log || !engine->inflight || !engine->store)
        goto failed;
    engine_set_log_key(engine);
    if (parts & ENGINE_TOKENS && !(engine->tokens = tokens_new(config, error)))
        goto failed;
    if (parts & ENGINE_SEALING && !audit_keys_load(config, &engine->audit_keys, error))
        goto failed;
    if (parts & ENGINE_METRICS && !(engine->metrics = open_metrics(config, router, error)))
        goto failed;
    if (parts & ENGINE_SERVING && !open_catalogue(engine, error))
        goto failed;
    if (parts & ENGINE_SERVING && !(engine->audit = audit_new()))
        goto failed;
    if (parts & ENGINE_SERVING && config->stale_answers > 0 &&
        !(engine->stale_cache = stale_cache_new((size_t)config->stale_answers)))
        goto failed;
    if (parts & ENGINE_METRICS)
        meet_store(engine);
    return true;
failed:
    (void)fprintf(stderr, "%s: %s\n", program, error);
    return false;
}

void engine_close(struct engine *engine)
{
    store_free(engine->store);
    inflight_free(engine->inflight);
    stale_cache_free(engine->stale_cache);
    audit_free(engine->audit);
    audit_keys_release(&engine->audit_keys);
    arena_free(engine->process_arena);
    tokens_free(engine->tokens);
    metrics_close(engine->metrics);
    log_close(engine->log);
    config_release(&engine->config);
}

static void note_circuit(struct engine *engine)
{
    uint64_t failures;
    int64_t opened_at_ms;
    enum store_state state = store_circuit(engine->store, &failures, &opened_at_ms);
    struct jw *w;

    if (state == engine->reported_circuit)
        return;
    metrics_set_breaker(engine->metrics, 0, (enum breaker_gauge)state, failures, opened_at_ms);
    /* open and half-open take turns while the store is away: told once */
    if (engine->reported_circuit == STORE_CLOSED_CIRCUIT) {
        w = log_begin(engine->log, LOG_WARNING, "store.away");
        jw_text(w, "reason", store_last_error(engine->store));
        log_end(engine->log);
    } else if (state == STORE_CLOSED_CIRCUIT) {
        (void)log_begin(engine->log, LOG_INFO, "store.back");
        log_end(engine->log);
    }
    engine->reported_circuit = state;
}

static void note_gauge(struct engine *engine, enum metric_gauge gauge, int64_t *noted, int64_t now)
{
    if (*noted != now)
        metrics_gauge_add(engine->metrics, gauge, now - *noted);
    *noted = now;
}

static void note_connection(struct engine *engine)
{
    note_gauge(engine, GAUGE_STORE_CONNECTIONS, &engine->reported_connections,
               store_connected(engine->store));
    note_gauge(engine, GAUGE_STORE_IN_USE, &engine->reported_in_use,
               store_sent_count(engine->store) > 0);
}

void engine_apply_erasures(struct engine *engine)
{
    uint64_t now = metrics_erasures(engine->metrics);

    if (now == engine->erasures_seen)
        return;
    engine->erasures_seen = now;
    if (engine->stale_cache)
        stale_cache_clear(engine->stale_cache);
}

void engine_report_store(struct engine *engine)
{
    enum { OK, ERROR, TIMEOUT, UNAVAILABLE }; /* the words of METRIC_REDIS */
    struct store_counts counts;

    engine_apply_erasures(engine);
    note_circuit(engine);
    note_connection(engine);
    store_consume_counts(engine->store, &counts);
    for (unsigned kind = COMMAND_READ; kind <= COMMAND_WRITE; kind++) {
        const uint64_t n[] = {counts.ok[kind], counts.errors[kind], counts.timeouts[kind],
                              counts.unavailable[kind]};

        for (unsigned status = OK; status <= UNAVAILABLE; status++) {
            if (n[status] > 0)
                metrics_add(engine->metrics, METRIC_REDIS, kind, status, n[status]);
        }
    }
    if (counts.reconnects > 0)
        metrics_add(engine->metrics, METRIC_RECONNECTS, 0, 0, counts.reconnects);
}
