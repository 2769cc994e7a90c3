/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: decides which pipelines (commands of one owner that are sent together) may be sent
 * now, which wait for the handshake of a new connection, which are sent a second time, and what
 * their outcome is. It uses one link (link.c), the connection that holds the bytes, the queue of
 * sent commands and their time limits.
 *
 * store_submit -> link_send -> store_flush -> Redis -> store_on_ready -> store_next_done
 *
 * Every submitted pipeline is pushed to the queue `done` exactly once, even if its connection
 * breaks or memory is short. */
#include "app/store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/breaker.h"
#include "app/store/clock_skew.h"
#include "app/store/link.h"
#include "app/store/reply.h"

/* Commands without a reply from which on pipelines wait here instead of in Redis: enough that Redis
 * always has work, and so few that their replies do not take STORE_ROUND_TIMEOUT_MS. Without this
 * limit a burst of requests would time out together and open the circuit breaker. */
enum { WINDOW = 64 };
static const int64_t HEARTBEAT_US = 1000000; /* time between two heartbeats (ROLE) */
/* Longest wait for a reply while Redis counts as responsive: a shorter stall is latency. */
static const int64_t RESPONSIVE_US = 1000000;

struct store {
    const struct config *config;
    struct link *link;
    struct breaker breaker;
    struct clock_skew clock;
    struct pipeline_queue done; /* complete or failed, not yet returned to their owners */
    /* Pipelines that wait for replies to earlier ones (WINDOW), with writes for the end of the
     * handshake, or for another server: see store_must_wait. */
    struct pipeline_queue deferred;
    struct store_counts counts;
    int64_t limit_us; /* longest wait for the replies of a pipeline that has no limit of its own */
    /* Until then no pipeline can have waited too long: the earliest end of a limit, or a time
     * before it. */
    int64_t next_late_us;
    int64_t last_heartbeat_us; /* when store_tick last sent a heartbeat */
    bool connected_before;     /* at least one connection was opened */
};

/* When anything fails, frees what was allocated so far and returns NULL with the reason in
 * ret_error. */
struct store *store_new(const struct config *config, char ret_error[200])
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    store->config = config;
    store->limit_us = config->store_round_timeout_ms * INT64_C(1000);
    breaker_init(&store->breaker, config->store_breaker_failures,
                 config->store_breaker_open_ms * INT64_C(1000));
    store->link = link_new(config, ret_error);
    if (store->link)
        return store;
    store_free(store);
    return NULL;
}

/* Does not free pipelines that are in its queues or without replies: they belong to their owners.
 */
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
    store->limit_us += ms * INT64_C(1000);
    link_allow_blocking(store->link, ms);
}

/* ---- queues and outcomes ---- */

static int64_t min_us(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

struct pipeline *store_next_done(struct store *store)
{
    return pipeline_queue_pop(&store->done);
}

/* Sets the final status and queues the pipeline for its owner. */
static void store_finish_pipeline(struct store *store, struct pipeline *pipeline,
                                  enum pipeline_status status)
{
    pipeline->status = status;
    pipeline->generation = link_generation(store->link);
    pipeline_queue_push(&store->done, pipeline);
}

void store_resume(struct store *store, struct pipeline *pipeline)
{
    pipeline->is_parked = false;
    store_finish_pipeline(store, pipeline, PIPELINE_COMPLETE);
}

/* Makes the pipeline PIPELINE_FAILED and adds its commands to counts, which is
 * store->counts.timeouts or store->counts.unavailable. */
static void store_fail_pipeline(struct store *store, struct pipeline *pipeline, uint64_t counts[2])
{
    for (const struct command *command = pipeline->first; command; command = command->next)
        counts[command->kind]++;
    store_finish_pipeline(store, pipeline, PIPELINE_FAILED);
}

/* ---- sending ---- */

static void store_disconnect(struct store *store, int64_t now_us, enum link_event reason);

/* Opens a connection. False: it failed, which counts against the breaker. Each connection after
 * the first one counts as a reconnect. */
static bool store_connect(struct store *store, int64_t now_us)
{
    if (!link_open(store->link, now_us)) {
        breaker_failure(&store->breaker, now_us, /* at_once */ false);
        return false;
    }
    if (store->connected_before)
        store->counts.reconnects++;
    store->connected_before = true;
    return true;
}

/* Queues all commands of the pipeline on the link. When memory is short for one of them, the
 * connection is closed, because its earlier commands are in the write buffer already and would be
 * executed without the later ones. */
static void store_send_pipeline(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->status = PIPELINE_SUBMITTED;
    for (struct command *command = pipeline->first; command; command = command->next) {
        if (link_send(store->link, command, now_us))
            continue;
        /* Marked as retried so that store_disconnect fails this pipeline. Sending it again would
         * fail for lack of memory again. */
        pipeline->retried = true;
        store_disconnect(store, now_us, LINK_BROKEN);
        /* store_disconnect fails the pipelines whose commands are in the queue. If the very first
         * command was refused, this pipeline has none there. */
        if (pipeline->status == PIPELINE_SUBMITTED)
            store_fail_pipeline(store, pipeline, store->counts.unavailable);
        return;
    }
}

/* Whether the pipeline has to wait before it is sent. Before the handshake is confirmed, the
 * connection may lead to another database, or to a store of a later schema, into which this program
 * must not write. So pipelines with writes wait until then. Reads are sent at once: their replies
 * arrive after the replies to the handshake, and if the handshake fails the connection is closed
 * before they are read. Once the server has shown that it is no master, all pipelines wait for the
 * next connection. */
static bool store_must_wait(const struct store *store, const struct pipeline *pipeline)
{
    return link_sent_count(store->link) >= WINDOW || link_is_wrong_server(store->link) ||
           (pipeline->has_writes && link_in_handshake(store->link));
}

/* Sends pipelines that have waited, oldest first, as long as none must wait. */
static void store_send_deferred(struct store *store, int64_t now_us)
{
    while (store->deferred.first && link_is_open(store->link) &&
           !store_must_wait(store, store->deferred.first))
        store_send_pipeline(store, pipeline_queue_pop(&store->deferred), now_us);
}

/* Sends, defers, or finishes the pipeline at once (failed when it ran out of memory or the circuit
 * is not closed, complete when it has no commands). */
void store_submit(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->submitted_us = now_us;
    if (pipeline->limit_us == 0)
        pipeline->limit_us = store->limit_us;
    store->next_late_us = min_us(store->next_late_us, now_us + pipeline->limit_us);
    if (pipeline->failed) {
        store_finish_pipeline(store, pipeline, PIPELINE_FAILED);
    } else if (pipeline->is_parked) {
        pipeline->status = PIPELINE_SUBMITTED;
    } else if (pipeline->count == 0) {
        store_finish_pipeline(store, pipeline, PIPELINE_COMPLETE);
    } else if (store->breaker.state != BREAKER_CLOSED ||
               (!link_is_open(store->link) && !store_connect(store, now_us))) {
        store_fail_pipeline(store, pipeline, store->counts.unavailable);
    } else if (store_must_wait(store, pipeline)) {
        pipeline->status = PIPELINE_SUBMITTED;
        pipeline_queue_push(&store->deferred, pipeline);
    } else {
        store_send_pipeline(store, pipeline, now_us);
    }
}

/* Any event but LINK_IDLE means that the connection has failed. */
void store_flush(struct store *store, int64_t now_us)
{
    enum link_event event = link_write(store->link, now_us);

    if (event != LINK_IDLE)
        store_disconnect(store, now_us, event);
}

/* ---- losing the connection ---- */

/* Whether a pipeline without a reply may be sent again. True only for pipelines that just read,
 * were sent once, and were lost because the connection broke (not after a timeout). */
static bool store_may_retry(const struct store *store, const struct pipeline *pipeline,
                            enum link_event reason)
{
    return reason == LINK_BROKEN && !pipeline->has_writes && !pipeline->retried &&
           store->breaker.state == BREAKER_CLOSED;
}

/* Submits a pipeline for a second time. What it has waited counts: its limit covers both times. */
static void store_submit_again(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    int64_t left_us = pipeline_time_left_us(pipeline, now_us);

    pipeline->limit_us = left_us > 0 ? left_us : 1;
    store_submit(store, pipeline, now_us);
}

/* Removes the replies from the commands. Their memory stays in the arena of the pipeline. */
static void store_discard_replies(struct pipeline *pipeline)
{
    pipeline->reply_count = 0;
    for (struct command *command = pipeline->first; command; command = command->next) {
        command->reply = NULL;
        command->loaded = false;
    }
}

/* Submits a pipeline again after discarding the replies that it already has. */
static void store_retry(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->retried = true;
    store_discard_replies(pipeline);
    store_submit_again(store, pipeline, now_us);
}

/* Closes the connection, and fails or sends again every pipeline that has commands without a
 * reply, and every deferred one. Writes fail without a retry: their owners decide. But those that
 * were deferred because the server is the wrong one are sent to the next server. May open a new
 * connection, for the pipelines that are sent again. */
static void store_disconnect(struct store *store, int64_t now_us, enum link_event reason)
{
    uint64_t *counts =
        reason == LINK_TIMED_OUT ? store->counts.timeouts : store->counts.unavailable;
    struct pipeline_queue retries = {NULL, NULL};
    struct pipeline *pipeline;
    struct command *command;

    /* Handshake and PING count as reads: they change nothing. */
    counts[COMMAND_READ] += link_close(store->link);
    breaker_failure(&store->breaker, now_us,
                    /* at_once */ reason == LINK_TIMED_OUT || reason == LINK_UNUSABLE);
    while ((command = link_pop_sent(store->link))) {
        pipeline = command->pipeline;
        if (pipeline->status != PIPELINE_SUBMITTED)
            /* Already failed or queued for a retry, through an earlier command of the same
             * pipeline. */
            continue;
        if (store_may_retry(store, pipeline, reason)) {
            pipeline->status = PIPELINE_OPEN;
            pipeline_queue_push(&retries, pipeline);
        } else {
            store_fail_pipeline(store, pipeline, counts);
        }
    }
    while ((pipeline = pipeline_queue_pop(&store->deferred))) {
        if (reason == LINK_WRONG_SERVER || store_may_retry(store, pipeline, reason))
            pipeline_queue_push(&retries, pipeline);
        else
            store_fail_pipeline(store, pipeline, store->counts.unavailable);
    }
    while ((pipeline = pipeline_queue_pop(&retries)))
        store_retry(store, pipeline, now_us);
    store_flush(store, now_us);
}

/* ---- replies ---- */

/* Whether the reply is an error that the command's caller expects in normal operation. */
static bool store_error_is_usual(const struct command *command, const redisReply *reply)
{
    return command->usual_error && reply && reply->type == REDIS_REPLY_ERROR &&
           str_starts_with((struct str){reply->str, reply->len}, str_of(command->usual_error));
}

/* Counts a reply by its outcome. An error such as BUSY counts as a failure for the breaker,
 * although the connection works. Any other reply ends a series of failures, unless it shows that
 * the server is the wrong one, which counts when the connection is closed. */
static void store_count_reply(struct store *store, const struct command *command,
                              const redisReply *reply, int64_t now_us)
{
    enum reply_error error =
        store_error_is_usual(command, reply) ? REPLY_NO_ERROR : reply_error_of(reply);

    (error == REPLY_NO_ERROR ? store->counts.ok : store->counts.errors)[command->kind]++;
    if (error == REPLY_STORE_UNAVAILABLE) {
        link_record_error(store->link, reply->str);
        breaker_failure(&store->breaker, now_us, /* at_once */ false);
    } else if (store->breaker.state == BREAKER_CLOSED && error != REPLY_WRONG_SERVER) {
        store->breaker.failures = 0;
    }
}

/* Whether the server has refused every write of a pipeline whose replies have all arrived: it has
 * changed nothing then. A pipeline is refused in part if the server's role changed meanwhile. */
static bool store_refused_all_writes(const struct pipeline *pipeline)
{
    for (const struct command *command = pipeline->first; command; command = command->next) {
        if (command->kind == COMMAND_WRITE && reply_error_of(command->reply) != REPLY_WRONG_SERVER)
            return false;
    }
    return true;
}

/* A pipeline is complete, but by replies of a server that must not be used: what it read may be
 * old. It is sent once to the next server if nothing was written, else the outcome is unknown. */
static void store_leave_server(struct store *store, struct pipeline *pipeline)
{
    bool may_retry = !pipeline->retried && store_refused_all_writes(pipeline);

    store_discard_replies(pipeline);
    if (may_retry)
        pipeline_queue_push(&store->deferred, pipeline);
    else
        store_finish_pipeline(store, pipeline, PIPELINE_FAILED);
}

/* Stores a reply, which is in the arena of the pipeline, in its command. The last reply of a
 * pipeline finishes the pipeline. When out of memory, the reply is NULL, which readers of replies
 * treat as an error. */
static void store_accept_reply(struct store *store, struct command *command, redisReply *reply,
                               int64_t now_us)
{
    struct pipeline *pipeline = command->pipeline;

    store_count_reply(store, command, reply, now_us);
    command->reply = reply;
    if (++pipeline->reply_count < pipeline->count)
        return;
    if (link_is_wrong_server(store->link))
        store_leave_server(store, pipeline);
    else
        store_finish_pipeline(store, pipeline, PIPELINE_COMPLETE);
}

/* The handshake or a heartbeat was confirmed: closes the circuit and sends the deferred pipelines.
 */
static void store_on_handshake(struct store *store, int64_t now_us)
{
    breaker_success(&store->breaker);
    if (link_time_cmd(store->link))
        clock_skew_measure(&store->clock, link_time_cmd(store->link));
    store_send_deferred(store, now_us);
}

/* link_read returns one event at a time. Any event other than a reply, a confirmed handshake and
 * LINK_IDLE ends the connection. Accepting a reply may itself close the connection, hence the
 * condition of the loop. */
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
    store_send_deferred(store, now_us);
    /* Also writes a script that Redis did not know, which link_read has queued again. */
    store_flush(store, now_us);
}

/* ---- time ---- */

/* Sends a probe: the handshake of a new connection if there is none, else a heartbeat. */
static void store_probe(struct store *store, int64_t now_us)
{
    if (!link_is_open(store->link))
        (void)store_connect(store, now_us); /* a failure is counted by the breaker */
    else if (!link_heartbeat(store->link, now_us))
        store_disconnect(store, now_us, LINK_BROKEN);
    store_flush(store, now_us);
}

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

/* Fails the pipeline if it has waited too long. */
static void store_fail_if_late(struct store *store, struct pipeline *pipeline, int64_t now_us)
{
    int64_t left_us = pipeline_time_left_us(pipeline, now_us);

    if (left_us <= 0)
        store_fail_pipeline(store, pipeline, store->counts.timeouts);
    else
        store->next_late_us = min_us(store->next_late_us, now_us + left_us);
}

/* Fails the pipelines that have waited too long, sent or deferred. The commands of the sent ones
 * stay in the queue of the link without their owner, so that the connection need not be closed. */
static void store_fail_late(struct store *store, int64_t now_us)
{
    struct pipeline_queue deferred = store->deferred;
    struct pipeline *pipeline;
    struct command *command;

    store->next_late_us = INT64_MAX;
    for (size_t i = 0; i < link_sent_count(store->link); i++) {
        command = link_sent_at(store->link, i);
        if (command && command->pipeline->status == PIPELINE_SUBMITTED)
            store_fail_if_late(store, command->pipeline, now_us);
        if (command && command->pipeline->status != PIPELINE_SUBMITTED)
            link_abandon(store->link, i);
    }
    store->deferred = (struct pipeline_queue){NULL, NULL};
    while ((pipeline = pipeline_queue_pop(&deferred))) {
        store_fail_if_late(store, pipeline, now_us);
        if (pipeline->status == PIPELINE_SUBMITTED)
            pipeline_queue_push(&store->deferred, pipeline);
    }
}

/* Microseconds until the oldest command has waited for longer than a pipeline may, so that no other
 * pipeline would be served in time either. INT64_MAX: the circuit is not closed, or nothing waits.
 */
static int64_t store_time_to_stall_us(const struct store *store, int64_t now_us)
{
    if (store->breaker.state != BREAKER_CLOSED || link_sent_count(store->link) == 0)
        return INT64_MAX;
    return store->limit_us - link_wait_us(store->link, now_us);
}

/* Microseconds until any time limit is reached. */
static int64_t store_time_left_us(const struct store *store, int64_t now_us)
{
    return min_us(
        min_us(link_time_left_us(store->link, now_us), store_time_to_stall_us(store, now_us)),
        store->next_late_us - now_us);
}

/* Applies the time limits, each on its own: of the pipelines, of a stall, which opens the circuit
 * but leaves the connection alone, and of the connection. Replies that have arrived are read first:
 * this process may have been too busy to read them in time. The heartbeat that a stall causes is
 * queued behind all commands that wait, so its reply closes the circuit as soon as Redis is back.
 */
static void store_check_time_limits(struct store *store, int64_t now_us)
{
    if (store_time_left_us(store, now_us) > 0)
        return;
    store_on_ready(store, now_us);
    store_fail_late(store, now_us);
    if (link_check_time_limit(store->link, now_us) == LINK_TIMED_OUT) {
        store_disconnect(store, now_us, LINK_TIMED_OUT);
    } else if (store_time_to_stall_us(store, now_us) <= 0) {
        link_record_error(store->link, "Redis does not reply");
        breaker_failure(&store->breaker, now_us, /* at_once */ true);
        store_probe(store, now_us);
    }
}

/* The heartbeat is sent while other commands are outstanding, too: a server that has become a
 * replica still replies to reads. After a probe the next call is due when the probe times out.
 */
int64_t store_tick(struct store *store, int64_t now_us)
{
    int64_t next_us;
    bool due;

    store_check_time_limits(store, now_us);
    due =
        store->breaker.state == BREAKER_CLOSED && now_us - store->last_heartbeat_us >= HEARTBEAT_US;
    if (due)
        store->last_heartbeat_us = now_us;
    next_us = min_us(store_time_left_us(store, now_us), HEARTBEAT_US);
    if (store->breaker.state == BREAKER_CLOSED)
        next_us = min_us(next_us, store->last_heartbeat_us + HEARTBEAT_US - now_us);
    if (due || breaker_probe_due(&store->breaker, now_us)) {
        store_probe(store, now_us);
        next_us = min_us(next_us, store_time_left_us(store, now_us));
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

/* Maps the state of the breaker to the public enum. */
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

const char *store_public_error(const struct store *store)
{
    return link_public_error(store->link);
}

bool store_has_master(const struct store *store)
{
    return store->breaker.state == BREAKER_CLOSED && link_is_open(store->link) &&
           !link_in_handshake(store->link) && !link_is_wrong_server(store->link);
}

const char *store_server_id(const struct store *store)
{
    return link_server_id(store->link);
}

/* Only the oldest command is looked at, because it has waited longest. */
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

/* An event loop for one pipeline: poll() waits for the socket, at most until the next call of
 * store_tick is due. Pipelines of other owners that get done are discarded; programs that use this
 * submit one at a time. */
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
