/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The modules of which a process consists: one structure that is built at the start of the process,
 * passed to every function that needs one of them, and closed at the end. Processes share nothing
 * but Redis and the metrics file. */
#ifndef SERVICE_ENGINE_H
#define SERVICE_ENGINE_H

#include "app/auth/token.h"
#include "app/base/config.h"
#include "app/obs/log.h"
#include "app/obs/metrics.h"
#include "app/service/audit_chain.h"
#include "app/service/secrets_reload.h"
#include "app/store/replicas.h"
#include "app/store/stale_cache.h"
#include "app/store/store.h"

struct audit;
struct catalogue;
struct overview_cache;
struct readiness;
struct record_queues;
struct router;

struct engine {
    struct config config;
    struct log *log;
    struct store *store;
    /* responses wait by it until replicas of Redis have the writes; NULL: STORE_WAIT_REPLICAS is 0,
     * or the program has no ENGINE_SERVING */
    struct replicas *replicas;
    /* changes of students that wait in this process and are not written yet */
    struct record_queues *record_queues;
    /* shared metrics file; NULL without ENGINE_METRICS, unless engine_read_metrics has opened it */
    struct metrics *metrics;
    struct tokens *tokens;           /* verifies tokens; NULL without ENGINE_TOKENS */
    struct audit_keys audit_keys;    /* keys for seals; empty without ENGINE_SEALING */
    struct audit *audit;             /* audit events to send; NULL: the program records none */
    struct readiness *readiness;     /* state for /ready; NULL without ENGINE_SERVING */
    struct stale_cache *stale_cache; /* responses for when Redis is unavailable; NULL: none */
    /* what overviews show of histories; NULL without ENGINE_SERVING */
    struct overview_cache *overview_cache;
    const struct catalogue *catalogue; /* items to recommend; NULL without ENGINE_SERVING */
    const struct router *router;       /* NULL in programs that serve no requests */
    struct arena *process_arena;       /* memory of the catalogue */
    struct secrets_state secrets;      /* state of reading the secrets again */
    int64_t started_at_ms;
    bool draining; /* the process finishes its requests and then ends; /ready reports this */
    /* values that engine_report has last reported to log and metrics */
    enum store_state reported_circuit;
    int64_t reported_connections, reported_in_use;
    uint64_t reported_dropped; /* number of dropped log lines that is in the metrics */
    /* monotonic time of the next call of refusals_count, which frees disk blocks of nginx's files
     */
    int64_t refusals_due_us;
    bool reported_clock_off; /* the last line about the clock said that it differs from Redis' */
    /* How the process notices erasures of students, after which it clears the caches of responses
     * and overviews. epoch: a number in Redis that each erasure changes, as last read (-1: not read
     * yet). The processes of a pool also count their own erasures in the metrics file that they
     * share, and so notice these at once. epoch_seen, pool_seen: the epoch and that count when the
     * caches were last cleared. generation: how often they were cleared. */
    struct {
        int64_t epoch, epoch_seen;
        uint64_t pool_seen, generation;
    } erasures;
};

enum engine_subsystem {
    /* counts in the shared metrics file; also stores the schema number (of the format of all
     * records) in Redis if there is none, so that an older version does not write there */
    ENGINE_METRICS = 1,
    ENGINE_TOKENS = 2,  /* verifies tokens */
    ENGINE_SERVING = 4, /* catalogue, audit records, readiness, caches, waiting for replicas */
    ENGINE_SEALING = 8, /* keys for sealing the audit log */
    /* only checks the settings: nothing is written, neither the metrics file nor Redis, to which
     * no connection is made */
    ENGINE_CHECK = 16,
};

/* Loads the configuration from the environment, and opens log (standard error), store and the
 * requested subsystems (a sum of enum engine_subsystem). program: its name in log lines. router:
 * its routes become the endpoints in the metrics; may be NULL without ENGINE_METRICS. False when
 * something is wrong: each fault is then a line on standard error. Call engine_close in any case. A
 * Redis that is unavailable, or has a later schema number, does not prevent the start. */
bool engine_open(struct engine *engine, const char *program, const struct router *router,
                 unsigned subsystems);
/* Closes what engine_open has opened, even if it was only a part. */
void engine_close(struct engine *engine);
/* Opens the metrics file of running processes to read their counts (metrics_take_sample) without
 * counting in it: for mastery-ctl. The engine must have been opened with a router and without
 * ENGINE_METRICS. Returns false with a line of text in ret_error. */
bool engine_read_metrics(struct engine *engine, char ret_error[200]);
/* Returns whether the hashes that replace ids in the log are made with a configured key (LOG_KEY,
 * or one derived from JWT_SECRET), so that an id has the same hash in all processes. */
bool engine_has_log_key(const struct engine *engine);
/* Sets the keys of the hashes that replace ids in the log and in the names of tombstones. Call
 * again when secrets have changed. */
void engine_set_hash_keys(struct engine *engine);
/* Clears the caches of responses and overviews if, as far as this process knows, a student was
 * erased since they were last cleared. Returns how often they were cleared. A response may be
 * cached only if this number is the same as before the response's data were requested. */
uint64_t engine_apply_erasures(struct engine *engine);
/* Returns whether this machine's clock differs from Redis' by more than CLOCK_SKEW_REPORTED_MS;
 * false until that was measured. *ret_ahead_ms: by how much it is ahead, negative when it is
 * behind, 0 when not measured. */
bool engine_clock_is_off(const struct engine *engine, int64_t *ret_ahead_ms);
/* Adds the counts of store and log to the metrics, logs when the machine's clock is wrong, when
 * Redis becomes unavailable or available again, and calls engine_apply_erasures. Call it once a
 * loop iteration. */
void engine_report(struct engine *engine);
/* Counts in the metrics that the watchdog ends the process. Called in the watchdog's thread, so it
 * uses no lock. engine: a struct engine with ENGINE_METRICS. */
void engine_count_deadline(void *engine);

#endif
