/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the worker's state that all subsystems share: see context.h. */
#include "app/worker/context.h"

#include "app/base/clock.h"

/* Longest time between the starts of two loop iterations. If a subsystem forgets to call
 * worker_wake_at, its work is late by this time at most. */
static const int64_t ITERATION_MAX_US = 1000000;

void worker_context_init(struct worker_context *worker, struct engine *engine, struct ev_loop *loop)
{
    *worker = (struct worker_context){.engine = engine, .loop = loop};
    uuid_make(worker->id_text);
    worker->id = str_of(worker->id_text);
    worker_start_iteration(worker);
}

void worker_start_iteration(struct worker_context *worker)
{
    worker->now_us = clock_monotonic_us();
    worker->now_ms = store_now_ms(worker->engine->store);
    worker->wake_us = worker->now_us + ITERATION_MAX_US;
}

void worker_wake_at(struct worker_context *worker, int64_t us)
{
    if (us < worker->wake_us)
        worker->wake_us = us;
}

bool worker_draining(const struct worker_context *worker)
{
    return worker->drain_deadline_us != 0;
}

/* Returns whether a sidecar is configured, by a URL or by a port of this machine. */
bool worker_publishes(const struct worker_context *worker)
{
    const struct config *config = &worker->engine->config;

    return (config->dapr_http_endpoint && *config->dapr_http_endpoint) ||
           config->dapr_http_port != 0;
}
