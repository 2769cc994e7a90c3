/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passes every call on to the node. */
#include "app/store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"

struct store {
    struct node *node;
    struct clock_skew clock;
};

struct store *store_new(const struct config *config, char ret_error[200])
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    store->node = node_new(config, &store->clock, ret_error);
    if (store->node)
        return store;
    store_free(store);
    return NULL;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    node_free(store->node);
    free(store);
}

void store_enable_schema_write(struct store *store)
{
    node_enable_schema_write(store->node);
}

void store_allow_blocking(struct store *store, int ms)
{
    node_allow_blocking(store->node, ms);
}

void store_submit(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    node_submit(store->node, pipeline, now_us);
}

void store_flush(struct store *store, int64_t now_us)
{
    node_flush(store->node, now_us);
}

void store_on_ready(struct store *store, int64_t now_us)
{
    node_on_ready(store->node, now_us);
}

int64_t store_tick(struct store *store, int64_t now_us)
{
    return node_tick(store->node, now_us);
}

struct pipeline *store_next_done(struct store *store)
{
    return node_next_done(store->node);
}

/* ---- the clock ---- */

void store_measure_clock(struct store *store, const struct command *time)
{
    clock_skew_measure(&store->clock, time);
}

bool store_clock_skew(const struct store *store, int64_t *ret_ahead_ms)
{
    *ret_ahead_ms = -store->clock.offset_ms;
    return store->clock.known;
}

int64_t store_now_ms(const struct store *store)
{
    return clock_wall_ms() + store->clock.offset_ms;
}

/* ---- state ---- */

int store_fd(const struct store *store)
{
    return node_fd(store->node);
}

unsigned store_generation(const struct store *store)
{
    return node_generation(store->node);
}

bool store_wants_write(const struct store *store)
{
    return node_wants_write(store->node);
}

enum store_state store_circuit(const struct store *store, uint64_t *ret_failures,
                               int64_t *ret_opened_at_ms)
{
    return node_circuit(store->node, ret_failures, ret_opened_at_ms);
}

bool store_connected(const struct store *store)
{
    return node_connected(store->node);
}

const char *store_public_error(const struct store *store)
{
    return node_public_error(store->node);
}

bool store_has_master(const struct store *store)
{
    return node_has_master(store->node);
}

const char *store_server_id(const struct store *store)
{
    return node_server_id(store->node);
}

bool store_responsive(const struct store *store, int64_t now_us)
{
    return node_responsive(store->node, now_us);
}

size_t store_sent_count(const struct store *store)
{
    return node_sent_count(store->node);
}

const char *store_last_error(const struct store *store)
{
    return node_last_error(store->node);
}

void store_consume_counts(struct store *store, struct store_counts *ret)
{
    node_consume_counts(store->node, ret);
}

/* ---- for programs that may block ---- */

/* An event loop for one pipeline: poll() waits for the socket, at most until the next call of
 * store_tick is due. Pipelines of other owners that get done are discarded; programs that use this
 * submit one at a time. store_tick returns 0 when there are done ones. */
bool store_wait(struct store *store, struct pipeline *pipeline)
{
    struct pipeline *done;

    store_submit(store, pipeline, clock_monotonic_us());
    for (;;) {
        struct pollfd ready = {.events = POLLIN};
        int64_t now_us = clock_monotonic_us(), next_us;

        store_flush(store, now_us);
        while ((done = store_next_done(store))) {
            if (done == pipeline)
                return pipeline->status == PIPELINE_COMPLETE;
        }
        next_us = store_tick(store, now_us);
        if (next_us == 0)
            continue;
        ready.fd = store_fd(store);
        ready.events = (short)(POLLIN | (store_wants_write(store) ? POLLOUT : 0));
        (void)poll(&ready, 1, (int)(next_us / 1000) + 1);
        if (ready.revents)
            store_on_ready(store, clock_monotonic_us());
    }
}
