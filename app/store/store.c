/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passes every call on to the node, or to the cluster. */
#include "app/store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/cluster.h"

/* One of node and cluster is set, the other is NULL. */
struct store {
    struct node *node;
    struct cluster *cluster;
    struct redis_url url;    /* REDIS_URL, to which the cluster points */
    struct clock_skew clock; /* difference between the clocks of Redis and of this machine */
};

struct store *store_new(const struct config *config, char ret_error[200])
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    /* redis_url_parse returns NULL for a valid URL. For an invalid one node_new reports the error.
     */
    if (!redis_url_parse(config->redis_url, &store->url) && store->url.is_cluster)
        store->cluster = cluster_new(config, &store->url, &store->clock, ret_error);
    else
        store->node = node_new(config, /* not of a cluster */ NULL, &store->clock, ret_error);
    if (store->node || store->cluster)
        return store;
    store_free(store);
    return NULL;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    node_free(store->node);
    cluster_free(store->cluster);
    free(store);
}

bool store_is_cluster(const struct store *store)
{
    return store->cluster != NULL;
}

void store_enable_schema_write(struct store *store)
{
    if (store->cluster)
        cluster_enable_schema_write(store->cluster);
    else
        node_enable_schema_write(store->node);
}

void store_allow_blocking(struct store *store, int ms)
{
    if (store->cluster)
        cluster_allow_blocking(store->cluster, ms);
    else
        node_allow_blocking(store->node, ms);
}

void store_submit(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    if (store->cluster)
        cluster_submit(store->cluster, pipeline, now_us);
    else
        node_submit(store->node, pipeline, now_us);
}

void store_flush(struct store *store, int64_t now_us)
{
    if (store->cluster)
        cluster_flush(store->cluster, now_us);
    else
        node_flush(store->node, now_us);
}

void store_on_ready(struct store *store, int64_t now_us)
{
    if (store->cluster)
        cluster_on_ready(store->cluster, now_us);
    else
        node_on_ready(store->node, now_us);
}

int64_t store_tick(struct store *store, int64_t now_us)
{
    return store->cluster ? cluster_tick(store->cluster, now_us) : node_tick(store->node, now_us);
}

struct pipeline *store_next_done(struct store *store)
{
    return store->cluster ? cluster_next_done(store->cluster) : node_next_done(store->node);
}

void store_resume(struct store *store, struct pipeline *pipeline)
{
    if (store->cluster)
        cluster_resume(store->cluster, pipeline);
    else
        node_resume(store->node, pipeline);
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
    return store->cluster ? cluster_fd(store->cluster) : node_fd(store->node);
}

unsigned store_generation(const struct store *store)
{
    return store->cluster ? cluster_generation(store->cluster) : node_generation(store->node);
}

/* For a cluster always false: its descriptor is an epoll descriptor, which knows the events that
 * each socket waits for. */
bool store_wants_write(const struct store *store)
{
    return store->node && node_wants_write(store->node);
}

enum store_state store_circuit(const struct store *store, uint64_t *ret_failures,
                               int64_t *ret_opened_at_ms)
{
    return store->cluster ? cluster_circuit(store->cluster, ret_failures, ret_opened_at_ms)
                          : node_circuit(store->node, ret_failures, ret_opened_at_ms);
}

bool store_connected(const struct store *store)
{
    return store->cluster ? cluster_connected(store->cluster) : node_connected(store->node);
}

const char *store_public_error(const struct store *store)
{
    return store->cluster ? cluster_public_error(store->cluster) : node_public_error(store->node);
}

bool store_has_master(const struct store *store)
{
    return store->cluster ? cluster_has_master(store->cluster) : node_has_master(store->node);
}

const char *store_server_id(const struct store *store)
{
    return store->cluster ? "" : node_server_id(store->node);
}

const char *store_server_id_of(const struct store *store, struct str key)
{
    return store->cluster ? cluster_server_id(store->cluster, key) : node_server_id(store->node);
}

bool store_is_degraded(const struct store *store, int64_t now_us)
{
    return store->cluster && cluster_is_degraded(store->cluster, now_us);
}

size_t store_spread(const struct store *store, unsigned ret_shards[STORE_SPREAD_MAX])
{
    return store->cluster ? cluster_spread(store->cluster, ret_shards, STORE_SPREAD_MAX) : 0;
}

bool store_responsive(const struct store *store, int64_t now_us)
{
    return store->cluster ? cluster_responsive(store->cluster, now_us)
                          : node_responsive(store->node, now_us);
}

size_t store_sent_count(const struct store *store)
{
    return store->cluster ? cluster_sent_count(store->cluster) : node_sent_count(store->node);
}

const char *store_last_error(const struct store *store)
{
    return store->cluster ? cluster_last_error(store->cluster) : node_last_error(store->node);
}

void store_consume_counts(struct store *store, struct store_counts *ret)
{
    if (store->cluster)
        cluster_consume_counts(store->cluster, ret);
    else
        node_consume_counts(store->node, ret);
}

/* ---- for programs that may block ---- */

/* A loop for one pipeline: poll() waits for the socket until the next call of store_tick is due;
 * store_tick returns 0 when a pipeline is done. Pipelines of other owners that finish meanwhile are
 * discarded, because programs that call this function submit one pipeline at a time. */
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
