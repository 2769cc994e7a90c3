/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the worker's state that all subsystems share: see context.h. */
#include "app/worker/context.h"

#include "app/base/clock.h"

/* Longest time between the starts of two loop iterations. If a subsystem forgets to call
 * worker_wake_at, its work is late by this time at most. */
static const int64_t ITERATION_MAX_US = 1000000;

void worker_context_init(struct worker_context *w, struct engine *engine, struct ev_loop *loop)
{
    *w = (struct worker_context){.engine = engine, .loop = loop};
    uuid_make(w->id_text);
    w->id = str_of(w->id_text);
    worker_start_iteration(w);
}

void worker_start_iteration(struct worker_context *w)
{
    w->now_us = clock_monotonic_us();
    w->now_ms = store_now_ms(w->engine->store);
    w->wake_us = w->now_us + ITERATION_MAX_US;
}

void worker_wake_at(struct worker_context *w, int64_t us)
{
    if (us < w->wake_us)
        w->wake_us = us;
}

bool worker_draining(const struct worker_context *w)
{
    return w->drain_deadline_us != 0;
}

/* Returns whether a sidecar is configured, by a URL or by a port of this machine. */
bool worker_publishes(const struct worker_context *w)
{
    const struct config *config = &w->engine->config;

    return (config->dapr_http_endpoint && *config->dapr_http_endpoint) ||
           config->dapr_http_port != 0;
}
