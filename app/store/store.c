/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipelines above one link to Redis: which may be sent now, which wait for the handshake, which are
 * sent a second time, and what their outcome is. Bytes, the queue of sent commands and time limits
 * are the link's (link.c).
 *
 *   store_submit -> link_send -> store_flush -> Redis -> store_on_ready -> store_next_done
 *
 * Every submitted pipeline reaches the queue `done` exactly once, even if its connection or its
 * memory fails. */
#include "app/store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/breaker.h"
#include "app/store/link.h"
#include "app/store/reply.h"

static const int64_t HEARTBEAT_US = 1000000;
static const int64_t RESPONSIVE_US = 100000; /* half of what a probe of /ready allows */

/* First in, first out; all zero: empty. `last` is only valid while `first` is not NULL. */
struct pipeline_queue {
    struct pipeline *first, *last;
};

struct store {
    const struct config *config;
    struct link *link;
    struct breaker breaker;
    struct pipeline_queue done;
    struct pipeline_queue deferred; /* with writes, until the handshake is confirmed */
    struct store_counts counts;
    int64_t last_heartbeat_us;
    bool connected_before;
};

struct store *store_new(const struct config *config, char ret_error[200])
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    store->config = config;
    breaker_init(&store->breaker, config->store_breaker_failures,
                 config->store_breaker_open_ms * INT64_C(1000));
    store->link = link_new(config, ret_error);
    if (store->link)
        return store;
    store_free(store);
    return NULL;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    link_free(store->link);
    free(store);
}

void store_enable_schema_write(struct store *store)
{
    link_enable_schema_write(store->link);
}

void store_allow_blocking(struct store *store, int ms)
{
    link_allow_blocking(store->link, ms);
}

/* ---- queues and outcomes ---- */

static void pipeline_queue_push(struct pipeline_queue *queue, struct pipeline *pipeline)
{
    pipeline->next = NULL;
    if (queue->first)
        queue->last->next = pipeline;
    else
        queue->first = pipeline;
    queue->last = pipeline;
}

static struct pipeline *pipeline_queue_pop(struct pipeline_queue *queue)
{
    struct pipeline *pipeline = queue->first;

    if (pipeline)
        queue->first = pipeline->next;
    return pipeline;
}

struct pipeline *store_next_done(struct store *store)
{
    return pipeline_queue_pop(&store->done);
}

static void store_finish_pipeline(struct store *store, struct pipeline *pipeline,
                                  enum pipeline_status status)
{
    pipeline->status = status;
    pipeline_queue_push(&store->done, pipeline);
}

/* Fails the pipeline and counts its commands in counts, which is timeouts or unavailable. */
static void store_fail_pipeline(struct store *store, struct pipeline *pipeline, uint64_t counts[2])
{
    for (const struct command *command = pipeline->first; command; command = command->next)
        counts[command->kind]++;
    store_finish_pipeline(store, pipeline, PIPELINE_FAILED);
}

/* ---- sending ---- */

static void store_disconnect(struct store *store, int64_t now_us, enum link_event reason);

/* The first connection is not a reconnect. */
static bool store_connect(struct store *store, int64_t now_us)
{
    if (!link_open(store->link, now_us)) {
        breaker_failure(&store->breaker, now_us, false);
        return false;
    }
    if (store->connected_before)
        store->counts.reconnects++;
    store->connected_before = true;
    return true;
}

static void store_send_pipeline(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->status = PIPELINE_SUBMITTED;
    pipeline->submitted_us = now_us;
    for (struct command *command = pipeline->first; command; command = command->next) {
        if (link_send(store->link, command))
            continue;
        pipeline->retried = true; /* its first commands are queued: it must not be sent again */
        store_disconnect(store, now_us, LINK_BROKEN);
        /* Without any queued command the disconnect did not see it. */
        if (pipeline->status == PIPELINE_SUBMITTED)
            store_fail_pipeline(store, pipeline, store->counts.unavailable);
        return;
    }
}

/* With STORE_WAIT_REPLICAS a write only counts once so many replicas have it: WAIT follows the
 * writes in the same pipeline. Half of the time limit is left for the writes themselves. */
static void store_add_replica_wait(const struct store *store, struct pipeline *pipeline)
{
    int replicas = store->config->store_wait_replicas;
    struct str count, timeout_ms;

    if (replicas == 0 || !pipeline->has_writes || pipeline->replica_wait)
        return;
    count = command_int(pipeline->arena, replicas);
    timeout_ms = command_int(pipeline->arena, store->config->store_round_timeout_ms / 2 + 1);
    pipeline->replica_wait =
        pipeline_add(pipeline, COMMAND_READ, 3, (struct str[]){STR("WAIT"), count, timeout_ms});
}

/* Until the handshake is confirmed the connection may lead to another database or to a store of a
 * later schema, which must not get a single write, so writes are deferred. Reads are sent at once:
 * their replies come after those to the handshake and are dropped with the link if it fails. */
void store_submit(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    store_add_replica_wait(store, pipeline);
    if (pipeline->failed) {
        store_finish_pipeline(store, pipeline, PIPELINE_FAILED);
    } else if (pipeline->count == 0) {
        store_finish_pipeline(store, pipeline, PIPELINE_COMPLETE);
    } else if (store->breaker.state != BREAKER_CLOSED ||
               (!link_is_open(store->link) && !store_connect(store, now_us))) {
        store_fail_pipeline(store, pipeline, store->counts.unavailable);
    } else if (pipeline->has_writes && link_in_handshake(store->link)) {
        pipeline->status = PIPELINE_SUBMITTED;
        pipeline_queue_push(&store->deferred, pipeline);
    } else {
        store_send_pipeline(store, pipeline, now_us);
    }
}

void store_flush(struct store *store, int64_t now_us)
{
    enum link_event event = link_write(store->link, now_us);

    if (event != LINK_IDLE)
        store_disconnect(store, now_us, event);
}

/* ---- losing the connection ---- */

/* Only what is safe and useful to repeat: reads, once, when the connection itself was at fault. */
static bool store_may_retry(const struct store *store, const struct pipeline *pipeline,
                            enum link_event reason)
{
    return reason == LINK_BROKEN && !pipeline->has_writes && !pipeline->retried &&
           store->breaker.state == BREAKER_CLOSED;
}

static void store_retry(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->retried = true;
    pipeline->reply_count = 0;
    for (struct command *command = pipeline->first; command; command = command->next) {
        command->reply = NULL;
        command->loaded = false;
    }
    store_submit(store, pipeline, now_us);
}

/* Closes the connection and settles every pipeline that had commands on it. May connect again, for
 * the reads that are sent once more. */
static void store_disconnect(struct store *store, int64_t now_us, enum link_event reason)
{
    uint64_t *counts =
        reason == LINK_TIMED_OUT ? store->counts.timeouts : store->counts.unavailable;
    struct pipeline_queue retries = {NULL, NULL};
    struct pipeline *pipeline;
    struct command *command;

    counts[COMMAND_READ] += link_close(store->link); /* the link's own commands change nothing */
    breaker_failure(&store->breaker, now_us, reason != LINK_BROKEN);
    while ((pipeline = pipeline_queue_pop(&store->deferred)))
        store_fail_pipeline(store, pipeline, store->counts.unavailable);
    while ((command = link_pop_sent(store->link))) {
        pipeline = command->pipeline;
        if (pipeline->status != PIPELINE_SUBMITTED)
            continue; /* settled by an earlier command of the same pipeline */
        if (store_may_retry(store, pipeline, reason)) {
            pipeline->status = PIPELINE_OPEN;
            pipeline_queue_push(&retries, pipeline);
        } else {
            store_fail_pipeline(store, pipeline, counts);
        }
    }
    while ((pipeline = pipeline_queue_pop(&retries)))
        store_retry(store, pipeline, now_us);
    store_flush(store, now_us);
}

/* ---- replies ---- */

static void store_release_reply(void *reply)
{
    freeReplyObject(reply);
}

/* An error such as LOADING counts against the circuit although the connection works. */
static void store_count_reply(struct store *store, const struct command *command,
                              enum reply_error error, int64_t now_us)
{
    (error == REPLY_NO_ERROR ? store->counts.ok : store->counts.errors)[command->kind]++;
    if (error == REPLY_STORE_UNAVAILABLE)
        breaker_failure(&store->breaker, now_us, false);
    else if (store->breaker.state == BREAKER_CLOSED)
        store->breaker.failures = 0;
}

static bool store_has_enough_replicas(const struct store *store, const struct pipeline *pipeline)
{
    int64_t count = 0;

    return !pipeline->replica_wait ||
           (reply_int(pipeline->replica_wait->reply, &count) == REPLY_OK &&
            count >= store->config->store_wait_replicas);
}

/* Takes ownership of reply. */
static void store_accept_reply(struct store *store, struct command *command, redisReply *reply,
                               int64_t now_us)
{
    struct pipeline *pipeline = command->pipeline;

    /* A script that Redis did not know was sent again after WAIT, so WAIT must follow once more. */
    if (command == pipeline->replica_wait && pipeline->reply_count + 1 < pipeline->count &&
        link_send(store->link, command)) {
        freeReplyObject(reply);
        return;
    }
    store_count_reply(store, command, reply_error_of(reply), now_us);
    if (arena_defer(pipeline->arena, store_release_reply, reply))
        command->reply = reply;
    if (++pipeline->reply_count == pipeline->count)
        store_finish_pipeline(store, pipeline,
                              store_has_enough_replicas(store, pipeline) ? PIPELINE_COMPLETE
                                                                         : PIPELINE_FAILED);
}

static void store_on_handshake(struct store *store, int64_t now_us)
{
    struct pipeline *pipeline;

    breaker_success(&store->breaker);
    while ((pipeline = pipeline_queue_pop(&store->deferred)))
        store_submit(store, pipeline, now_us);
}

void store_on_ready(struct store *store, int64_t now_us)
{
    struct command *command;
    redisReply *reply;

    store_flush(store, now_us);
    while (link_is_open(store->link)) {
        enum link_event event = link_read(store->link, now_us, &command, &reply);

        if (event == LINK_REPLY) {
            store_accept_reply(store, command, reply, now_us);
        } else if (event == LINK_READY) {
            store_on_handshake(store, now_us);
        } else {
            if (event != LINK_IDLE)
                store_disconnect(store, now_us, event);
            break;
        }
    }
    store_flush(store, now_us); /* scripts that Redis did not know were sent again */
}

/* ---- time ---- */

/* Replies come in order, so the oldest pipeline decides. What has arrived is read first: it may be
 * this process that was late. */
static void store_check_time_limit(struct store *store, int64_t now_us)
{
    if (link_time_left_us(store->link, now_us) > 0)
        return;
    store_on_ready(store, now_us);
    if (link_check_time_limit(store->link, now_us) == LINK_TIMED_OUT)
        store_disconnect(store, now_us, LINK_TIMED_OUT);
}

/* Opens a connection if there is none, else sends a PING. */
static void store_probe(struct store *store, int64_t now_us)
{
    if (!link_is_open(store->link))
        (void)store_connect(store, now_us);
    else if (!link_ping(store->link, now_us))
        store_disconnect(store, now_us, LINK_BROKEN);
    store_flush(store, now_us);
}

static int64_t min_us(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

int64_t store_tick(struct store *store, int64_t now_us)
{
    int64_t next_us;
    bool idle;

    store_check_time_limit(store, now_us);
    next_us = min_us(link_time_left_us(store->link, now_us), HEARTBEAT_US);
    idle = store->breaker.state == BREAKER_CLOSED && link_sent_count(store->link) == 0 &&
           now_us - link_last_reply_us(store->link) >= HEARTBEAT_US &&
           now_us - store->last_heartbeat_us >= HEARTBEAT_US;
    if (idle)
        store->last_heartbeat_us = now_us;
    if (idle || breaker_probe_due(&store->breaker, now_us)) {
        store_probe(store, now_us);
        next_us = min_us(next_us, store->config->store_connect_timeout_ms * INT64_C(1000));
    }
    if (store->breaker.state == BREAKER_OPEN)
        next_us = min_us(next_us, store->breaker.probe_at_us - now_us);
    return store->done.first ? 0 : next_us;
}

/* ---- state ---- */

int store_fd(const struct store *store)
{
    return link_fd(store->link);
}

unsigned store_generation(const struct store *store)
{
    return link_generation(store->link);
}

bool store_wants_write(const struct store *store)
{
    return link_wants_write(store->link);
}

enum store_state store_circuit(const struct store *store, uint64_t *ret_failures,
                               int64_t *ret_opened_at_ms)
{
    *ret_failures = store->breaker.failures;
    *ret_opened_at_ms = store->breaker.opened_at_ms;
    switch (store->breaker.state) {
    case BREAKER_OPEN: return STORE_OPEN_CIRCUIT;
    case BREAKER_HALF_OPEN: return STORE_HALF_OPEN_CIRCUIT;
    case BREAKER_CLOSED: break;
    }
    return STORE_CLOSED_CIRCUIT;
}

bool store_connected(const struct store *store)
{
    return link_is_open(store->link);
}

bool store_responsive(const struct store *store, int64_t now_us)
{
    return store->breaker.state == BREAKER_CLOSED &&
           link_wait_us(store->link, now_us) <= RESPONSIVE_US;
}

size_t store_sent_count(const struct store *store)
{
    return link_sent_count(store->link);
}

const char *store_last_error(const struct store *store)
{
    return link_error(store->link);
}

void store_consume_counts(struct store *store, struct store_counts *ret)
{
    *ret = store->counts;
    store->counts = (struct store_counts){0};
}

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
        if (store->done.first)
            continue;
        ready.fd = store_fd(store);
        ready.events = (short)(POLLIN | (store_wants_write(store) ? POLLOUT : 0));
        (void)poll(&ready, 1, (int)(next_us / 1000) + 1);
        if (ready.revents)
            store_on_ready(store, clock_monotonic_us());
    }
}
