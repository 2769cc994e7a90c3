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

    engine->kept = arena_new(FIRST_BLOCK, CAP);
    if (!engine->kept)
        return false;
    memcpy(ret_error, catalogue_setting, sizeof(catalogue_setting));
    engine->catalogue = catalogue_load(engine->config.recommendations_file, engine->kept,
                                       ret_error + sizeof(catalogue_setting) - 1);
    return engine->catalogue != NULL;
}

/* Before anything is served: a store of a newer schema must not get a single write of ours. Whether
 * it is there at all is for later. */
static void meet_store(struct engine *engine)
{
    struct arena *arena = arena_new(1024, 4096);
    struct asks asks;

    store_notes_schema(engine->store);
    if (arena) {
        asks_init(&asks, arena, NULL);
        (void)ask_command(&asks, ASK_READ, 1, (struct str[]){STR("PING")});
        (void)store_wait(engine->store, &asks);
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
    engine->chain = chain_new();
    engine->store = store_new(config, error);
    if (!engine->log || !engine->chain || !engine->store)
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
        !(engine->answers = answers_new((size_t)config->stale_answers)))
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
    chain_free(engine->chain);
    answers_free(engine->answers);
    audit_free(engine->audit);
    audit_keys_release(&engine->audit_keys);
    arena_free(engine->kept);
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

    if (state == engine->circuit)
        return;
    metrics_breaker(engine->metrics, 0, (enum breaker_gauge)state, failures, opened_at_ms);
    /* open and half-open take turns while the store is away: told once */
    if (engine->circuit == STORE_CLOSED_CIRCUIT) {
        w = log_begin(engine->log, LOG_WARNING, "store.away");
        jw_text(w, "reason", store_last_error(engine->store));
        log_end(engine->log);
    } else if (state == STORE_CLOSED_CIRCUIT) {
        (void)log_begin(engine->log, LOG_INFO, "store.back");
        log_end(engine->log);
    }
    engine->circuit = state;
}

static void note_gauge(struct engine *engine, enum metric_gauge gauge, int64_t *noted, int64_t now)
{
    if (*noted != now)
        metrics_gauge_add(engine->metrics, gauge, now - *noted);
    *noted = now;
}

static void note_connection(struct engine *engine)
{
    note_gauge(engine, GAUGE_STORE_CONNECTIONS, &engine->store_connections,
               store_connected(engine->store));
    note_gauge(engine, GAUGE_STORE_IN_USE, &engine->store_in_use,
               store_in_flight(engine->store) > 0);
}

void engine_note_erasures(struct engine *engine)
{
    uint64_t now = metrics_erasures(engine->metrics);

    if (now == engine->erasures)
        return;
    engine->erasures = now;
    if (engine->answers)
        answers_forget_all(engine->answers);
}

void engine_note_store(struct engine *engine)
{
    enum { OK, ERROR, TIMEOUT, UNAVAILABLE }; /* the words of METRIC_REDIS */
    struct store_counts counts;

    engine_note_erasures(engine);
    note_circuit(engine);
    note_connection(engine);
    store_take_counts(engine->store, &counts);
    for (unsigned kind = ASK_READ; kind <= ASK_WRITE; kind++) {
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
