/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process consists of: the one long-lived structure, built at start, passed down to every
 * function that needs a part of it, closed at the end. Processes share nothing but Redis and the
 * metrics file. */
#ifndef SERVICE_ENGINE_H
#define SERVICE_ENGINE_H

#include "app/auth/token.h"
#include "app/base/config.h"
#include "app/obs/log.h"
#include "app/obs/metrics.h"
#include "app/service/audit_chain.h"
#include "app/service/secrets_reload.h"
#include "app/store/inflight.h"
#include "app/store/stale_cache.h"
#include "app/store/store.h"

struct audit;
struct catalogue;
struct readiness;
struct router;

struct engine {
    struct config config;
    struct log *log;
    struct store *store;
    struct inflight *inflight;         /* this process's writes that Redis has not confirmed yet */
    struct metrics *metrics;           /* NULL without ENGINE_METRICS */
    struct tokens *tokens;             /* NULL without ENGINE_TOKENS */
    struct audit_keys audit_keys;      /* empty without ENGINE_SEALING */
    struct audit *audit;               /* audit records not yet in Redis; NULL: none are made */
    struct readiness *readiness;       /* state for /ready; NULL without ENGINE_SERVING */
    struct stale_cache *stale_cache;   /* responses for when Redis is unavailable; may be NULL */
    const struct catalogue *catalogue; /* of recommendations; NULL without ENGINE_SERVING */
    const struct router *router;       /* NULL in programs that serve no requests */
    struct arena *process_arena;       /* memory of the catalogue */
    struct secrets_state secrets;
    int64_t started_at_ms;
    bool draining; /* the process is about to exit: /ready says so */
    /* as last reported to log and metrics by engine_report_store */
    enum store_state reported_circuit;
    int64_t reported_connections, reported_in_use;
    uint64_t erasures_seen; /* of the whole pool, when the stale cache was last cleared */
};

enum engine_subsystem {
    ENGINE_METRICS = 1, /* joins the shared metrics file, and writes the schema number to Redis */
    ENGINE_TOKENS = 2,  /* verifies tokens */
    ENGINE_SERVING = 4, /* catalogue, audit records, stale cache */
    ENGINE_SEALING = 8, /* keys for sealing the audit log */
};

/* Loads the configuration from the environment and opens log (standard error), store and the
 * requested subsystems. False after a line on standard error for each fault; call engine_close in
 * any case. A Redis that is unavailable, or has a later schema, does not prevent the start; with
 * ENGINE_METRICS the call waits for the first connection, STORE_CONNECT_TIMEOUT_MS at most. router:
 * names the endpoints in the metrics; may be NULL without ENGINE_METRICS. */
bool engine_open(struct engine *engine, const char *program, const struct router *router,
                 unsigned subsystems);
void engine_close(struct engine *engine);
/* Whether the hashes that replace ids in the log are the same in all processes. */
bool engine_has_log_key(const struct engine *engine);
/* Sets the key of those hashes. Call again when secrets have changed. */
void engine_set_log_key(struct engine *engine);
/* Clears the stale cache when a student has been erased by any process of the pool. */
void engine_apply_erasures(struct engine *engine);
/* Once a loop iteration: adds the store's counts to the metrics, logs when Redis becomes
 * unavailable or available again, and calls engine_apply_erasures. */
void engine_report_store(struct engine *engine);

#endif
