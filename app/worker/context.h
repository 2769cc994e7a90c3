/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every subsystem of mastery-worker (heartbeat, journal, outbox, jobs, ...) needs of its
 * process: the engine, the time at which this loop iteration (one pass of the event loop) started,
 * the time at which the next one must start, and whether the process is draining (finishing its
 * work before it ends). The context knows none of the subsystems. */
#ifndef WORKER_CONTEXT_H
#define WORKER_CONTEXT_H

#include <ev.h>

#include "app/base/ids.h"
#include "app/service/engine.h"

struct tasks;

/* How long a subsystem waits after a command has failed before it tries again. */
#define WORKER_RETRY_US INT64_C(200000)

struct worker_context {
    struct engine *engine;
    struct ev_loop *loop;
    struct tasks *tasks; /* the tasks (sequences of round trips to Redis) of this process */
    char id_text[UUID_TEXT_SIZE]; /* the text that id points to */
    /* random id of this process: holder of leases, consumer of the job queue */
    struct str id;
    int64_t now_us;  /* monotonic clock at the start of this loop iteration */
    int64_t now_ms;  /* time by Redis' clock (store_now_ms) at the start of this loop iteration */
    int64_t wake_us; /* monotonic; latest start of the next loop iteration */
    int64_t drain_deadline_us; /* monotonic; end of the time for draining; 0: not draining */
};

/* Fills the context with a new random id. engine and loop must live as long as the context. */
void worker_context_init(struct worker_context *worker, struct engine *engine,
                         struct ev_loop *loop);
/* To be called at the start of each loop iteration: reads both clocks, and sets the start of the
 * next iteration to one second later at most (worker_wake_at makes it earlier). */
void worker_start_iteration(struct worker_context *worker);
/* Makes the next loop iteration start at us (monotonic) or earlier. */
void worker_wake_at(struct worker_context *worker, int64_t us);
/* Returns whether the worker is draining: it has received the signal to end, starts no new work,
 * and completes the work that it has started. */
bool worker_draining(const struct worker_context *worker);
/* Returns true if a Dapr sidecar (the process through which events are published) is configured. */
bool worker_publishes(const struct worker_context *worker);

#endif
