/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends pipelines to Redis without blocking. store_submit() appends a pipeline's commands to the
 * write buffer of the connection, store_flush() writes what a loop iteration has submitted, and
 * store_next_done() returns the pipelines whose replies are complete. Commands are executed in the
 * order of their submission, so a later command sees the effects of earlier ones.
 *
 * When replies are late (STORE_ROUND_TIMEOUT_MS) or the connection breaks, the connection is closed
 * with everything that might still arrive on it (hazards H2, H3). Pipelines that only read and were
 * lost with a broken connection are sent once more on a new one. Pipelines with writes, whose
 * outcome is unknown, and those that timed out become PIPELINE_FAILED. The circuit breaker then
 * refuses pipelines at once, so that nothing waits for a Redis that is away, and sends a probe now
 * and then. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "app/base/config.h"
#include "app/store/pipeline.h"

struct store;

enum store_state { STORE_CLOSED_CIRCUIT, STORE_OPEN_CIRCUIT, STORE_HALF_OPEN_CIRCUIT };

/* Outcomes of commands since the last store_consume_counts(), indexed by enum command_kind. */
struct store_counts {
    uint64_t ok[2], errors[2], timeouts[2], unavailable[2];
    uint64_t reconnects;
};

/* Does not connect yet. NULL with the reason in ret_error. config must outlive the store. */
struct store *store_new(const struct config *config, char ret_error[200]);
void store_free(struct store *store); /* accepts NULL */
/* For programs that write: each new connection records this program's schema number (schema.h). */
void store_enable_schema_write(struct store *store);
/* Extends the time limit by ms, for pipelines with commands that Redis may block for so long. */
void store_allow_blocking(struct store *store, int ms);

/* The store owns the pipeline until store_next_done() returns it, which may be at once. */
void store_submit(struct store *store, struct pipeline *pipeline, int64_t now_us);
/* Writes what was submitted. */
void store_flush(struct store *store, int64_t now_us);
/* The descriptor to poll, -1: none. The next connection may get the same number: its generation
 * differs. */
int store_fd(const struct store *store);
unsigned store_generation(const struct store *store);
bool store_wants_write(const struct store *store);
/* Writes and reads. Call it when the descriptor is readable, or writable if that is wanted. */
void store_on_ready(struct store *store, int64_t now_us);
/* Checks time limits and sends heartbeats and probes. Returns the microseconds until the next call
 * is due; 0: pipelines are done. */
int64_t store_tick(struct store *store, int64_t now_us);
/* The next pipeline that is complete or failed, NULL: none. The caller owns it again. */
struct pipeline *store_next_done(struct store *store);

/* *ret_opened_at_ms: wall clock, 0 while the circuit is closed. */
enum store_state store_circuit(const struct store *store, uint64_t *ret_failures,
                               int64_t *ret_opened_at_ms);
bool store_connected(const struct store *store);
/* False while the circuit is not closed, and while the oldest command without a reply waits for
 * more than 100 ms. An idle connection is pinged every second, so a Redis that hangs is noticed
 * within about 1.1 s even if no request needs it. */
bool store_responsive(const struct store *store, int64_t now_us);
size_t store_sent_count(const struct store *store);      /* commands sent and without a reply */
const char *store_last_error(const struct store *store); /* why the last connection ended */
/* Returns the counts and resets them. */
void store_consume_counts(struct store *store, struct store_counts *ret);

/* For programs that may block (mastery-ctl): submits the pipeline and waits until it is done. True
 * when it is complete. */
bool store_wait(struct store *store, struct pipeline *pipeline);

#endif
