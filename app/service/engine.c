/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens and closes the modules of which a process consists (store, log, metrics, keys, ...), and
 * reports the state of the store. The table open_steps has the order of opening. Nothing here
 * processes a request. */
#include "app/service/engine.h"

#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/http/router.h"
#include "app/obs/refusals.h"
#include "app/service/audit.h"
#include "app/service/catalogue.h"
#include "app/service/overview_cache.h"
#include "app/service/readiness.h"
#include "app/service/record_queue.h"
#include "app/store/clock_skew.h"
#include "app/store/keys.h"

/* time between two reads of the counts of requests that nginx refuses itself */
static const int64_t REFUSALS_INTERVAL_US = INT64_C(10000000);

/* bytes of an error message: the longest is one of the catalogue, after the name of its setting */
enum { ENGINE_ERROR_SIZE = CATALOGUE_ERROR_SIZE + 32 };

bool engine_has_log_key(const struct engine *engine)
{
    const struct config *config = &engine->config;

    return (config->log_key && *config->log_key) || (config->jwt_secret && *config->jwt_secret);
}

/* Sets the keys of two hashes. Log lines: LOG_KEY if it is set, else a key derived from the secret
 * that signs tokens, so that all processes have the same key. Without either it is random, and the
 * same id has different hashes in the log lines of two processes. Names of tombstones (marks of
 * erased students): LOG_KEY, else a constant, because a name must stay the same for 90 days. */
void engine_set_hash_keys(struct engine *engine)
{
    const struct config *config = &engine->config;
    unsigned char key[DIGEST_SIZE];

    if (config->log_key && *config->log_key) {
        keys_set_hash_key(str_of(config->log_key));
        log_set_key(engine->log, str_of(config->log_key));
        return;
    }
    keys_set_hash_key(STR("no LOG_KEY"));
    if (config->jwt_secret && *config->jwt_secret)
        digest_hmac(str_of(config->jwt_secret), STR("mastery-engine log key"), key);
    else
        random_bytes(key, sizeof(key));
    log_set_key(engine->log, (struct str){(const char *)key, sizeof(key)});
    explicit_bzero(key, sizeof(key));
}

/* ---- opening: a function that fails returns false; it fills ret_error, or leaves it as it is
 * ("out of memory") ---- */

/* Makes the store without a connection to Redis: it connects when the first command is sent. Also
 * makes the queues of students' changes that are not written yet (record_queue.h), whose waiting
 * requests the store resumes, and sets the keys of the hashes that replace ids in the log. Queues
 * and keys need only store and log. */
static bool engine_open_store(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    engine->store = store_new(&engine->config, ret_error);
    if (!engine->store)
        return false;
    engine->record_queues = record_queues_new(store_resume, engine->store);
    engine_set_hash_keys(engine);
    return engine->record_queues != NULL;
}

/* Makes the verifier of tokens from the configured keys. Returns false with the reason in ret_error
 * if a key cannot be used. */
static bool engine_open_tokens(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    engine->tokens = tokens_new(&engine->config, ret_error);
    return engine->tokens != NULL;
}

/* Loads the keys (AUDIT_KEY) with which the worker seals the audit log. */
static bool engine_open_audit_keys(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    return audit_keys_load(&engine->config, &engine->audit_keys, ret_error);
}

/* Checks that the metrics file could be opened or made, and changes nothing.
 * NOLINTNEXTLINE(readability-non-const-parameter): the table open_steps prescribes it */
static bool engine_check_metrics(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    return metrics_check(engine->config.metrics_file, ret_error);
}

/* The type of metrics_open and metrics_open_reader. */
typedef struct metrics *metrics_opener(const char *path, const struct metrics_endpoint *endpoints,
                                       size_t endpoint_count, char ret_error[200]);

/* Opens the metrics file by `open` (metrics_open or metrics_open_reader) with an endpoint for each
 * route, and one more, "other", for requests that match no route. When calloc fails, ret_error
 * keeps the text that the caller has set: "out of memory". */
static bool engine_open_metrics_by(struct engine *engine, metrics_opener *open, char ret_error[200])
{
    size_t n = router_count(engine->router);
    struct metrics_endpoint *endpoints = calloc(n + 1, sizeof(*endpoints));

    if (!endpoints)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct route *route = router_route(engine->router, i);

        endpoints[i] = (struct metrics_endpoint){http_method_name(route->method), route->pattern};
    }
    endpoints[n] = (struct metrics_endpoint){"any", "other"};
    engine->metrics = open(engine->config.metrics_file, endpoints, n + 1, ret_error);
    free(endpoints);
    return engine->metrics != NULL;
}

/* Joins the metrics file as a process that counts in it. */
static bool engine_open_metrics(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    return engine_open_metrics_by(engine, metrics_open, ret_error);
}

/* Opens the file without owning a slot in it: only processes that count own one. */
bool engine_read_metrics(struct engine *engine, char ret_error[200])
{
    return engine_open_metrics_by(engine, metrics_open_reader, ret_error);
}

/* Loads the catalogue into an arena that lives as long as the process. After a failure ret_error
 * has the name of the setting before the message of catalogue_load; it stays "out of memory" when
 * the arena cannot be allocated. */
static bool engine_open_catalogue(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    enum { FIRST_BLOCK = 64 << 10, CAP = 8 << 20 };
    char error[CATALOGUE_ERROR_SIZE] = "";

    engine->process_arena = arena_new(FIRST_BLOCK, CAP);
    if (!engine->process_arena)
        return false;
    engine->catalogue =
        catalogue_load(engine->config.recommendations_file, engine->process_arena, error);
    if (!engine->catalogue)
        (void)snprintf(ret_error, ENGINE_ERROR_SIZE, "RECOMMENDATIONS_FILE: %s", error);
    return engine->catalogue != NULL;
}

/* Makes the buffers in which audit events wait to be sent. */
static bool engine_open_audit(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    engine->audit = audit_new();
    if (!engine->audit)
        (void)snprintf(ret_error, ENGINE_ERROR_SIZE, "out of memory");
    return engine->audit != NULL;
}

/* Makes the state of the check of Redis whose result /ready reports. */
static bool engine_open_readiness(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    engine->readiness = readiness_new();
    if (!engine->readiness)
        (void)snprintf(ret_error, ENGINE_ERROR_SIZE, "out of memory");
    return engine->readiness != NULL;
}

/* Makes the connection on which the process waits until replicas have its writes, before it sends
 * the responses to them. Without STORE_WAIT_REPLICAS no response waits. */
static bool engine_open_replicas(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    if (engine->config.store_wait_replicas == 0)
        return true;
    engine->replicas = replicas_new(&engine->config, ret_error);
    return engine->replicas != NULL;
}

/* Makes the cache of responses to use while Redis is unavailable, unless STALE_ANSWERS is 0. */
static bool engine_open_stale_cache(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    if (engine->config.stale_answers == 0)
        return true;
    engine->stale_cache = stale_cache_new((size_t)engine->config.stale_answers);
    if (!engine->stale_cache)
        (void)snprintf(ret_error, ENGINE_ERROR_SIZE, "out of memory");
    return engine->stale_cache != NULL;
}

/* Makes the cache of what overviews of cohorts show of students' histories. */
static bool engine_open_overview_cache(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    engine->overview_cache = overview_cache_new();
    if (!engine->overview_cache)
        (void)snprintf(ret_error, ENGINE_ERROR_SIZE, "out of memory");
    return engine->overview_cache != NULL;
}

/* Makes the store write the schema number (the number of the format of all records) when it
 * connects. Does not wait for the connection, because Redis or its name server may be unavailable.
 * That is safe: the store sends no write before the handshake has shown that no later version has
 * written to this Redis. The table open_steps prescribes the parameter.
 * NOLINTNEXTLINE(readability-non-const-parameter) */
static bool engine_open_schema(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE])
{
    (void)ret_error;
    store_enable_schema_write(engine->store);
    return true;
}

/* Opens one module. When it fails, it returns false with the reason in ret_error. */
typedef bool open_step(struct engine *engine, char ret_error[ENGINE_ERROR_SIZE]);

/* The modules of a process in the order of opening. A module is opened when the program requests
 * its subsystem, or always if that is 0. When the settings are only checked (ENGINE_CHECK), `check`
 * is called instead of `open`. */
static const struct {
    unsigned subsystem;
    open_step *open, *check; /* check NULL: no setting can prevent the opening */
} open_steps[] = {
    {0, engine_open_store, engine_open_store},
    {ENGINE_TOKENS, engine_open_tokens, engine_open_tokens},
    {ENGINE_SEALING, engine_open_audit_keys, engine_open_audit_keys},
    {ENGINE_METRICS, engine_open_metrics, engine_check_metrics},
    {ENGINE_SERVING, engine_open_catalogue, engine_open_catalogue},
    {ENGINE_SERVING, engine_open_audit, NULL},
    {ENGINE_SERVING, engine_open_readiness, NULL},
    {ENGINE_SERVING, engine_open_replicas, NULL},
    {ENGINE_SERVING, engine_open_stale_cache, NULL},
    {ENGINE_SERVING, engine_open_overview_cache, NULL},
    {ENGINE_METRICS, engine_open_schema, NULL},
};

/* Opens the modules in the order of open_steps, up to the first that cannot be opened; with
 * ENGINE_CHECK only tests whether the settings permit it. Prints nothing when config_load fails,
 * because that has printed its own errors. */
bool engine_open(struct engine *engine, const char *program, const struct router *router,
                 unsigned subsystems)
{
    char error[ENGINE_ERROR_SIZE] = "out of memory";
    bool good;

    /* GSL would abort the process when a computation does not converge */
    (void)gsl_set_error_handler_off();
    *engine = (struct engine){.router = router,
                              .started_at_ms = clock_wall_ms(),
                              .erasures = {.epoch = -1, .epoch_seen = -1}};
    if (config_load(&engine->config, config_environment, stderr) > 0)
        return false;
    engine->log = log_open(STDERR_FILENO, program, engine->config.log_level);
    good = engine->log != NULL;
    for (size_t i = 0; good && i < sizeof(open_steps) / sizeof(open_steps[0]); i++) {
        open_step *step = subsystems & ENGINE_CHECK ? open_steps[i].check : open_steps[i].open;

        if (step && (open_steps[i].subsystem == 0 || (open_steps[i].subsystem & subsystems) != 0))
            good = step(engine, error);
    }
    if (!good)
        (void)fprintf(stderr, "%s: %s\n", program, error);
    return good;
}

/* The order does not matter, because the modules do not use each other. A module that was not
 * opened is NULL, which each function accepts. */
void engine_close(struct engine *engine)
{
    store_free(engine->store);
    replicas_free(engine->replicas);
    record_queues_free(engine->record_queues);
    stale_cache_free(engine->stale_cache);
    overview_cache_free(engine->overview_cache);
    audit_free(engine->audit);
    readiness_free(engine->readiness);
    audit_keys_release(&engine->audit_keys);
    arena_free(engine->process_arena);
    tokens_free(engine->tokens);
    metrics_close(engine->metrics);
    log_close(engine->log);
    config_release(&engine->config);
}

/* ---- reporting ---- */

/* Reports a change of the circuit breaker to metrics and log. While Redis is unavailable, the
 * circuit changes again and again between open and half-open (a probe is sent), so only changes
 * from and to "closed" are logged. */
static void engine_report_circuit(struct engine *engine)
{
    uint64_t failures;
    int64_t opened_at_ms;
    enum store_state state = store_circuit(engine->store, &failures, &opened_at_ms);
    struct jw *w;

    if (state == engine->reported_circuit)
        return;
    metrics_set_breaker(engine->metrics, METRIC_SERVICE_REDIS, (enum breaker_gauge)state, failures,
                        opened_at_ms);
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

bool engine_clock_is_off(const struct engine *engine, int64_t *ret_ahead_ms)
{
    return store_clock_skew(engine->store, ret_ahead_ms) &&
           llabs(*ret_ahead_ms) > CLOCK_SKEW_REPORTED_MS;
}

/* Sets the gauge of the difference between this machine's clock and that of Redis (0 while it is
 * not known), and logs when it becomes, or is no longer, too large. */
static void engine_report_clock(struct engine *engine)
{
    int64_t ahead_ms;
    bool is_off = engine_clock_is_off(engine, &ahead_ms);
    struct jw *w;

    metrics_gauge_set(engine->metrics, GAUGE_CLOCK_SKEW_MS, llabs(ahead_ms));
    if (is_off == engine->reported_clock_off)
        return;
    engine->reported_clock_off = is_off;
    w = log_begin(engine->log, is_off ? LOG_WARNING : LOG_INFO,
                  is_off ? "clock.skew" : "clock.right");
    jw_int(w, "ahead_ms", ahead_ms);
    log_end(engine->log);
}

/* Sets this process's share of a gauge to `value`. The gauge is the sum over all processes of the
 * pool, so the difference to the share that was last reported (*reported) is added to it. */
static void engine_report_gauge(struct engine *engine, enum metric_gauge gauge, int64_t *reported,
                                int64_t value)
{
    if (*reported != value)
        metrics_gauge_add(engine->metrics, gauge, value - *reported);
    *reported = value;
}

/* Checks whether students were erased since the last call: by this pool, which counts erasures in
 * the metrics file, or by any process, which changes the epoch in Redis. If so, clears both caches
 * completely, because it is unknown which cached responses and overviews are about these students.
 */
uint64_t engine_apply_erasures(struct engine *engine)
{
    uint64_t pool = metrics_erasures(engine->metrics);

    if (pool == engine->erasures.pool_seen && engine->erasures.epoch == engine->erasures.epoch_seen)
        return engine->erasures.generation;
    engine->erasures.pool_seen = pool;
    engine->erasures.epoch_seen = engine->erasures.epoch;
    if (engine->stale_cache)
        stale_cache_clear(engine->stale_cache);
    overview_cache_clear(engine->overview_cache);
    return ++engine->erasures.generation;
}

/* Adds the number of log lines that were dropped since the last call to the metrics. */
static void engine_report_dropped(struct engine *engine)
{
    const uint64_t dropped = log_dropped(engine->log);

    metrics_add(engine->metrics, METRIC_LOG_DROPPED, /* labels */ NULL, NULL,
                dropped - engine->reported_dropped);
    engine->reported_dropped = dropped;
}

/* Keeps nginx's counts of refused requests small on disk. nginx appends a byte to a file for each
 * request that it refuses itself. refusals_count counts the bytes and also frees the disk blocks of
 * old ones. A request for the metrics calls it as well, but a deployment may never read its
 * metrics. */
static void engine_trim_refusals(struct engine *engine)
{
    const char *folder = engine->config.nginx_refusals_dir;
    int64_t now_us = clock_monotonic_us();

    if (!*folder || now_us < engine->refusals_due_us)
        return;
    engine->refusals_due_us = now_us + REFUSALS_INTERVAL_US;
    for (int i = 0; i < REFUSAL_STATUSES; i++)
        (void)refusals_count(folder, refusal_statuses[i]);
}

/* The counts of store_consume_counts are those since the last call, so they are added to the
 * counters. The other functions report what has changed. */
void engine_report(struct engine *engine)
{
    struct store_counts counts;

    (void)engine_apply_erasures(engine);
    engine_report_circuit(engine);
    engine_report_clock(engine);
    engine_report_gauge(engine, GAUGE_STORE_CONNECTIONS, &engine->reported_connections,
                        store_connected(engine->store));
    engine_report_gauge(engine, GAUGE_STORE_IN_USE, &engine->reported_in_use,
                        store_sent_count(engine->store) > 0);
    store_consume_counts(engine->store, &counts);
    for (unsigned kind = COMMAND_READ; kind <= COMMAND_WRITE; kind++) {
        const char *operation = kind == COMMAND_READ ? "read" : "write";

        metrics_add(engine->metrics, METRIC_REDIS, operation, "ok", counts.ok[kind]);
        metrics_add(engine->metrics, METRIC_REDIS, operation, "error", counts.errors[kind]);
        metrics_add(engine->metrics, METRIC_REDIS, operation, "timeout", counts.timeouts[kind]);
        metrics_add(engine->metrics, METRIC_REDIS, operation, "unavailable",
                    counts.unavailable[kind]);
    }
    if (counts.reconnects > 0)
        metrics_add(engine->metrics, METRIC_RECONNECTS, /* labels */ NULL, NULL, counts.reconnects);
    engine_report_dropped(engine);
    engine_trim_refusals(engine);
}

/* `engine` is a void pointer because the callback of the watchdog gets one. */
void engine_count_deadline(void *engine)
{
    metrics_add(((struct engine *)engine)->metrics, METRIC_DEADLINE, /* labels */ NULL,
                /* second label */ NULL, 1);
}
