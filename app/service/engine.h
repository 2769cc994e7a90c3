/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process of the engine consists of: the one long-lived structure, made at start, passed
 * down, torn down at the end. Nothing in it is needed by another process. */
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
struct router;

struct engine {
    struct config config;
    struct log *log;
    struct metrics *metrics; /* NULL in mastery-ctl */
    struct tokens *tokens;   /* NULL in programs that verify none */
    struct store *store;
    struct inflight *inflight;       /* writes to one student under way from here */
    struct stale_cache *stale_cache; /* last answers, for when the store is away; NULL: none kept */
    struct audit_keys audit_keys;    /* none in programs that seal nothing */
    struct audit *audit;         /* what is on its way to the audit log; NULL: nothing is noted */
    const struct router *router; /* NULL in programs that serve no requests */
    const struct catalogue *catalogue; /* of recommendations; NULL in programs that give none */
    struct arena *process_arena;       /* what lives as long as the process */
    struct secrets_state secrets;      /* of the secrets */
    int64_t started_at_ms;
    enum store_state reported_circuit;             /* as last noted */
    int64_t reported_connections, reported_in_use; /* as last noted */
    uint64_t erasures_seen;                        /* of the whole pool, as last noted */
    bool draining;                                 /* on its way out: /ready says so */
};

enum engine_subsystem {
    ENGINE_METRICS = 1, /* joins the pool's shared metrics */
    ENGINE_TOKENS = 2,  /* verifies tokens */
    ENGINE_SEALING = 8, /* has the keys of the audit log's seals */
    ENGINE_SERVING = 4, /* keeps last answers, notes for the audit log, has the catalogue */
};

/* Opens what the configuration of the environment asks for: log (to file descriptor 2), store and
 * the parts named. False with a line an error on stderr; engine_close is due in any case. A store
 * that is away, or of a later version, is no reason not to start: with ENGINE_METRICS it is looked
 * at, for STORE_CONNECT_TIMEOUT_MS at most. router: for the metrics' endpoints; may be NULL without
 * ENGINE_METRICS. */
bool engine_open(struct engine *engine, const char *program, const struct router *router,
                 unsigned parts);
void engine_close(struct engine *engine);
/* Hashes of ids in the log are the same in all processes. */
bool engine_has_log_key(const struct engine *engine);
/* Of the hashes that stand for ids in the log: again when secrets have changed. */
void engine_set_log_key(struct engine *engine);
/* Drops what is remembered when a student has been erased anywhere in the pool. */
void engine_apply_erasures(struct engine *engine);
/* Once a turn: moves the store's counts into the metrics and logs when the store goes or comes. */
void engine_report_store(struct engine *engine);

#endif
