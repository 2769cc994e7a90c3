/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every subsystem of mastery-worker needs to know about its process: the engine, the clock of
 * this loop iteration, when the next one must start, and whether the process is draining. The
 * context knows none of the subsystems. */
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
    struct tasks *tasks; /* see task.h */
    char id_text[UUID_TEXT_SIZE];
    struct str id;   /* random for each process; holder of leases, consumer of the job queue */
    int64_t now_us;  /* monotonic, at the start of this loop iteration */
    int64_t now_ms;  /* wall clock, likewise */
    int64_t wake_us; /* monotonic; the next iteration starts no later */
    int64_t drain_deadline_us; /* monotonic; 0: not draining */
};

/* engine and loop must live as long as the context. */
void worker_context_init(struct worker_context *w, struct engine *engine, struct ev_loop *loop);
/* Reads both clocks. The next iteration follows within a second, even if no subsystem wants it. */
void worker_start_iteration(struct worker_context *w);
/* Makes the next iteration start at us (monotonic) or earlier. */
void worker_wake_at(struct worker_context *w, int64_t us);
/* A draining worker starts nothing new and completes what it has started. */
bool worker_draining(const struct worker_context *w);
/* Whether a Dapr sidecar is configured, to which events are published. */
bool worker_publishes(const struct worker_context *w);

#endif
