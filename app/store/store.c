/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/reply.h"
#include "app/store/resp.h"
#include "app/store/schema.h"
#include "app/store/store_internal.h"

enum { GREETING_ARENA = 16384 };
static const int64_t HEARTBEAT_US = 1000000;

struct store *store_new(const struct config *config, char ret_error[200])
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    store->config = config;
    store->sent_end = &store->sent;
    breaker_init(&store->breaker, config->store_breaker_failures,
                 config->store_breaker_open_ms * INT64_C(1000));
    store->handshake_arena = arena_new(GREETING_ARENA, 1 << 20);
    if (!store->handshake_arena ||
        !store_address_parse(config->redis_url, &store->address, ret_error)) {
        store_free(store);
        return NULL;
    }
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    if (store->connection)
        redisFree(store->connection);
    arena_free(store->handshake_arena);
    free(store);
}

void store_enable_schema_write(struct store *store)
{
    store->writes_schema = true;
}

void store_allow_blocking(struct store *store, int ms)
{
    store->block_ms = ms;
}

/* ---- queues ---- */

static void push(struct pipeline_queue *queue, struct pipeline *a)
{
    a->next = NULL;
    if (queue->first)
        queue->last->next = a;
    else
        queue->first = a;
    queue->last = a;
}

static struct pipeline *pop(struct pipeline_queue *queue)
{
    struct pipeline *a = queue->first;

    if (a)
        queue->first = a->next;
    return a;
}

static void push_done(struct store *store, struct pipeline *a)
{
    push(&store->done, a);
    a->queued = true;
}

struct pipeline *store_next_done(struct store *store)
{
    struct pipeline *a = pop(&store->done);

    if (a)
        a->queued = false;
    return a;
}

void store_push_sent(struct store *store, struct command *command)
{
    command->next_sent = NULL;
    *store->sent_end = command;
    store->sent_end = &command->next_sent;
    store->sent_count++;
    if (!store->first_unwritten)
        store->first_unwritten = command;
    if (command->pipeline->timeout_us > 0)
        store->timeout_count++;
}

struct command *store_pop_sent(struct store *store)
{
    struct command *command = store->sent;

    if (!command)
        return NULL;
    store->sent = command->next_sent;
    if (!store->sent)
        store->sent_end = &store->sent;
    if (store->first_unwritten == command)
        store->first_unwritten = command->next_sent;
    store->sent_count--;
    if (command->pipeline->timeout_us > 0)
        store->timeout_count--;
    return command;
}

/* The round of a is over. The greeting is our own and has nobody waiting. */
void store_finish_pipeline(struct store *store, struct pipeline *a, enum pipeline_status status)
{
    a->status = status;
    a->abandoned = false;
    if (a != &store->handshake && !a->queued)
        push_done(store, a);
}

/* ---- sending ---- */

bool store_append_command(struct store *store, const struct command *command, bool whole_script)
{
    char keys[12];
    int n = 0;

    if (command->script) {
        store->argv[n++] = whole_script ? STR("EVAL") : STR("EVALSHA");
        store->argv[n++] = whole_script ? command->script->body : str_of(command->script->sha1);
        (void)snprintf(keys, sizeof(keys), "%d", command->key_count);
        store->argv[n++] = str_of(keys);
    }
    memcpy(store->argv + n, command->argv, (size_t)command->argc * sizeof(*command->argv));
    return resp_append(&store->connection->obuf, store->argv, n + command->argc);
}

static void count(const struct pipeline *a, uint64_t counts[2])
{
    for (const struct command *command = a->first; command; command = command->next)
        counts[command->kind]++;
}

static void refuse(struct store *store, struct pipeline *a)
{
    count(a, store->counts.unavailable);
    store_finish_pipeline(store, a, PIPELINE_FAILED);
}

/* Puts the commands of a behind those already under way. */
static void send_asks(struct store *store, struct pipeline *a, int64_t now_us)
{
    a->status = PIPELINE_SUBMITTED;
    a->submitted_us = now_us;
    for (struct command *command = a->first; command; command = command->next) {
        if (!store_append_command(store, command, false)) {
            a->retried = true; /* half of it is noted as sent: it must not go out again */
            store_disconnect(store, now_us, "a command could not be written", DISCONNECT_BROKEN);
            if (a->status == PIPELINE_SUBMITTED)
                refuse(store, a);
            return;
        }
        store_push_sent(store, command);
    }
}

/* What a new connection says first; an existing one is only pinged. */
static void greet(struct store *store, int64_t now_us, bool fresh)
{
    struct pipeline *g = &store->handshake;
    const struct store_address *at = &store->address;
    const struct script *const *scripts;
    size_t n = scripts_all(&scripts);

    arena_reset(store->handshake_arena);
    pipeline_init(g, store->handshake_arena, NULL);
    if (fresh && store->config->redis_password && *store->config->redis_password) {
        struct str auth[] = {STR("AUTH"), at->user, str_of(store->config->redis_password)};

        if (at->user.n == 0)
            auth[1] = auth[2];
        (void)pipeline_add(g, COMMAND_READ, at->user.n ? 3 : 2, auth);
    }
    if (fresh && at->database.n > 0)
        (void)pipeline_add(g, COMMAND_READ, 2, (struct str[]){STR("SELECT"), at->database});
    for (size_t i = 0; fresh && i < n; i++)
        (void)pipeline_add(g, COMMAND_READ, 3,
                           (struct str[]){STR("SCRIPT"), STR("LOAD"), scripts[i]->body});
    store->schema_cmd = !fresh                 ? NULL
                        : store->writes_schema ? schema_cmd_write(g)
                                               : schema_cmd_get(g);
    (void)pipeline_add(g, COMMAND_READ, 1, (struct str[]){STR("PING")});
    send_asks(store, g, now_us);
}

static bool connect_now(struct store *store, int64_t now_us)
{
    store->connection = redis_connect(&store->address, &store->bounds, store->last_error,
                                      sizeof(store->last_error));
    if (!store->connection) {
        breaker_failure(&store->breaker, now_us, false);
        return false;
    }
    store->generation++;
    if (store->connected_before)
        store->counts.reconnects++;
    store->connected_before = true;
    greet(store, now_us, true);
    return store->connection != NULL;
}

/* What a new connection leads to is not known before its greeting is answered: another database, or
 * a store of a later version, must not get a single write. Reads go behind it at once: what they
 * bring comes after the answers to it, and is not looked at when those are wrong. */
static bool must_be_held(const struct store *store, const struct pipeline *a)
{
    return a->has_writes && store->schema_cmd && store->handshake.status == PIPELINE_SUBMITTED;
}

/* A write counts only when enough replicas hold it: WAIT goes behind it in the same round. */
static void ask_for_replicas(struct store *store, struct pipeline *a)
{
    int replicas = store->config->store_wait_replicas;
    struct str n, ms;

    if (replicas == 0 || !a->has_writes || a->replica_wait)
        return;
    n = arena_printf(a->arena, "%d", replicas);
    ms = arena_printf(a->arena, "%d", store->config->store_round_timeout_ms / 2 + 1);
    a->replica_wait = pipeline_add(a, COMMAND_READ, 3, (struct str[]){STR("WAIT"), n, ms});
}

void store_submit(struct store *store, struct pipeline *a, int64_t now_us)
{
    ask_for_replicas(store, a);
    if (a->failed) {
        store_finish_pipeline(store, a, PIPELINE_FAILED);
    } else if (a->count == 0) {
        store_finish_pipeline(store, a, PIPELINE_COMPLETE);
    } else if (store->breaker.state != BREAKER_CLOSED ||
               (!store->connection && !connect_now(store, now_us))) {
        refuse(store, a);
    } else if (must_be_held(store, a)) {
        a->status = PIPELINE_SUBMITTED;
        push(&store->deferred, a);
    } else {
        send_asks(store, a, now_us);
    }
}

void store_send_deferred(struct store *store, int64_t now_us)
{
    struct pipeline *a;

    while ((a = pop(&store->deferred)))
        store_submit(store, a, now_us);
}

/* The time of a round begins when it is sent, not when it was asked for: what the turn did in
 * between is not Redis's fault. */
static void note_sent(struct store *store, int64_t now_us)
{
    for (struct command *command = store->first_unwritten; command; command = command->next_sent)
        command->pipeline->submitted_us = now_us;
    store->first_unwritten = NULL;
}

void store_flush(struct store *store, int64_t now_us)
{
    int done;

    if (!store_wants_write(store))
        return;
    note_sent(store, now_us);
    if (redisBufferWrite(store->connection, &done) != REDIS_OK)
        store_disconnect(store, now_us, store->connection->errstr, DISCONNECT_BROKEN);
    else if (!store->connection->obuf) /* hiredis 0.14 does not look: it would crash next time */
        store_disconnect(store, now_us, "out of memory", DISCONNECT_UNUSABLE);
}

/* ---- losing ---- */

static bool may_repeat(const struct store *store, const struct pipeline *a,
                       enum disconnect_reason loss)
{
    return loss == DISCONNECT_BROKEN && !a->has_writes && !a->retried &&
           a->status == PIPELINE_SUBMITTED && a != &store->handshake &&
           store->breaker.state == BREAKER_CLOSED;
}

/* Everything that might still arrive on the old connection goes with it: a late reply must never
 * be taken for the answer to another question (hazards H3). */
void store_disconnect(struct store *store, int64_t now_us, const char *why,
                      enum disconnect_reason loss)
{
    struct pipeline_queue again = {NULL, NULL};
    struct pipeline *a;
    struct command *command;

    (void)snprintf(store->last_error, sizeof(store->last_error), "%s", why);
    redisFree(store->connection);
    store->connection = NULL;
    store->generation++;
    breaker_failure(&store->breaker, now_us, loss != DISCONNECT_BROKEN);
    while ((a = pop(&store->deferred)))
        refuse(store, a);
    while ((command = store_pop_sent(store))) {
        a = command->pipeline;
        if (a->status != PIPELINE_SUBMITTED && !a->abandoned)
            continue; /* seen already, by another ask of the same round */
        if (may_repeat(store, a, loss)) {
            a->status = PIPELINE_OPEN;
            push(&again, a);
        } else {
            count(a, loss == DISCONNECT_TIMED_OUT ? store->counts.timeouts
                                                  : store->counts.unavailable);
            store_finish_pipeline(store, a, PIPELINE_FAILED);
        }
    }
    while ((a = pop(&again))) {
        a->retried = true;
        a->reply_count = 0;
        for (command = a->first; command; command = command->next)
            command->reply = NULL;
        store_submit(store, a, now_us);
    }
    store_flush(store, now_us);
}

/* ---- time ---- */

static int64_t round_timeout_us(const struct store *store, const struct pipeline *a)
{
    int ms = a == &store->handshake ? store->config->store_connect_timeout_ms
                                    : store->config->store_round_timeout_ms + store->block_ms;

    return ms * INT64_C(1000);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Gives those back whose owners will not wait as long as the store does. */
static int64_t look_for_impatient(struct store *store, int64_t now_us)
{
    int64_t next = -1;

    for (struct command *command = store->sent; command && store->timeout_count > 0;
         command = command->next_sent) {
        struct pipeline *a = command->pipeline;
        int64_t at = a->submitted_us + a->timeout_us;

        if (a->timeout_us == 0 || a->status != PIPELINE_SUBMITTED)
            continue;
        if (at > now_us) {
            next = earlier(next, at - now_us);
            continue;
        }
        a->status = PIPELINE_TIMED_OUT;
        a->abandoned = true;
        push_done(store, a);
    }
    return next;
}

static void probe(struct store *store, int64_t now_us)
{
    if (!store->connection)
        (void)connect_now(store, now_us);
    else if (store->handshake.status != PIPELINE_SUBMITTED)
        greet(store, now_us, false);
    store_flush(store, now_us);
}

static int64_t time_left(const struct store *store, int64_t now_us)
{
    const struct pipeline *a = store->sent->pipeline;

    return a->submitted_us + round_timeout_us(store, a) - now_us;
}

/* The oldest round under way decides: replies come in order. What has arrived is read first: it may
 * be this process that was late. */
static int64_t look_for_late(struct store *store, int64_t now_us)
{
    if (store->sent && time_left(store, now_us) <= 0)
        store_on_ready(store, now_us);
    if (!store->sent)
        return -1;
    if (time_left(store, now_us) > 0)
        return time_left(store, now_us);
    store_disconnect(store, now_us, "Redis did not answer in time", DISCONNECT_TIMED_OUT);
    return -1;
}

int64_t store_tick(struct store *store, int64_t now_us)
{
    int64_t next = earlier(look_for_late(store, now_us), look_for_impatient(store, now_us));
    bool idle = store->breaker.state == BREAKER_CLOSED && !store->sent &&
                now_us - store->last_reply_us >= HEARTBEAT_US;

    if (idle)
        store->last_reply_us = now_us;
    if (idle || breaker_probe_due(&store->breaker, now_us)) {
        probe(store, now_us);
        next = earlier(next, store->config->store_connect_timeout_ms * INT64_C(1000));
    }
    if (store->breaker.state == BREAKER_OPEN)
        next = earlier(next, store->breaker.probe_at_us - now_us);
    return store->done.first ? 0 : earlier(next, HEARTBEAT_US);
}

/* ---- looking ---- */

int store_fd(const struct store *store)
{
    return store->connection ? store->connection->fd : -1;
}

unsigned store_generation(const struct store *store)
{
    return store->generation;
}

bool store_wants_write(const struct store *store)
{
    return store->connection && sdslen(store->connection->obuf) > 0;
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
    return store->connection != NULL;
}

size_t store_sent_count(const struct store *store)
{
    return store->sent_count;
}

const char *store_last_error(const struct store *store)
{
    return store->last_error;
}

void store_consume_counts(struct store *store, struct store_counts *ret)
{
    *ret = store->counts;
    store->counts = (struct store_counts){0};
}

bool store_wait(struct store *store, struct pipeline *a)
{
    struct pipeline *done;

    store_submit(store, a, clock_monotonic_us());
    for (;;) {
        struct pollfd ready = {.events = POLLIN};
        int64_t now_us = clock_monotonic_us(), next_us;

        store_flush(store, now_us);
        while ((done = store_next_done(store))) {
            if (done == a && !a->abandoned)
                return a->status == PIPELINE_COMPLETE;
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
