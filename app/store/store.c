/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/reply.h"
#include "app/store/resp.h"
#include "app/store/schema.h"
#include "app/store/store_inside.h"

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
    store->greeting_arena = arena_new(GREETING_ARENA, 1 << 20);
    if (!store->greeting_arena ||
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
    arena_free(store->greeting_arena);
    free(store);
}

void store_notes_schema(struct store *store)
{
    store->notes_schema = true;
}

void store_may_block(struct store *store, int ms)
{
    store->block_ms = ms;
}

/* ---- queues ---- */

static void push(struct asks_queue *queue, struct asks *a)
{
    a->next = NULL;
    if (queue->first)
        queue->last->next = a;
    else
        queue->first = a;
    queue->last = a;
}

static struct asks *pop(struct asks_queue *queue)
{
    struct asks *a = queue->first;

    if (a)
        queue->first = a->next;
    return a;
}

static void push_done(struct store *store, struct asks *a)
{
    push(&store->done, a);
    a->queued = true;
}

struct asks *store_next_done(struct store *store)
{
    struct asks *a = pop(&store->done);

    if (a)
        a->queued = false;
    return a;
}

void store_push_sent(struct store *store, struct ask *ask)
{
    ask->queue_next = NULL;
    *store->sent_end = ask;
    store->sent_end = &ask->queue_next;
    store->sent_count++;
    if (!store->unsent)
        store->unsent = ask;
    if (ask->of->patience_us > 0)
        store->patient_count++;
}

struct ask *store_pop_sent(struct store *store)
{
    struct ask *ask = store->sent;

    if (!ask)
        return NULL;
    store->sent = ask->queue_next;
    if (!store->sent)
        store->sent_end = &store->sent;
    if (store->unsent == ask)
        store->unsent = ask->queue_next;
    store->sent_count--;
    if (ask->of->patience_us > 0)
        store->patient_count--;
    return ask;
}

/* The round of a is over. The greeting is our own and has nobody waiting. */
void store_end_round(struct store *store, struct asks *a, enum asks_status status)
{
    a->status = status;
    a->pinned = false;
    if (a != &store->greeting && !a->queued)
        push_done(store, a);
}

/* ---- sending ---- */

bool store_append(struct store *store, const struct ask *ask, bool whole_script)
{
    char keys[12];
    int n = 0;

    if (ask->script) {
        store->argv[n++] = whole_script ? STR("EVAL") : STR("EVALSHA");
        store->argv[n++] = whole_script ? ask->script->body : str_of(ask->script->sha1);
        (void)snprintf(keys, sizeof(keys), "%d", ask->keys);
        store->argv[n++] = str_of(keys);
    }
    memcpy(store->argv + n, ask->argv, (size_t)ask->argc * sizeof(*ask->argv));
    return resp_append(&store->connection->obuf, store->argv, n + ask->argc);
}

static void count(const struct asks *a, uint64_t counts[2])
{
    for (const struct ask *ask = a->first; ask; ask = ask->next)
        counts[ask->kind]++;
}

static void refuse(struct store *store, struct asks *a)
{
    count(a, store->counts.unavailable);
    store_end_round(store, a, ASKS_FAILED);
}

/* Puts the commands of a behind those already under way. */
static void send_asks(struct store *store, struct asks *a, int64_t now_us)
{
    a->status = ASKS_WAITING;
    a->submitted_us = now_us;
    for (struct ask *ask = a->first; ask; ask = ask->next) {
        if (!store_append(store, ask, false)) {
            a->repeated = true; /* half of it is noted as sent: it must not go out again */
            store_lose(store, now_us, "a command could not be written", LOSS_BROKEN);
            if (a->status == ASKS_WAITING)
                refuse(store, a);
            return;
        }
        store_push_sent(store, ask);
    }
}

/* What a new connection says first; an existing one is only pinged. */
static void greet(struct store *store, int64_t now_us, bool fresh)
{
    struct asks *g = &store->greeting;
    const struct store_address *at = &store->address;
    const struct script *const *scripts;
    size_t n = scripts_all(&scripts);

    arena_reset(store->greeting_arena);
    asks_init(g, store->greeting_arena, NULL);
    if (fresh && store->config->redis_password && *store->config->redis_password) {
        struct str auth[] = {STR("AUTH"), at->user, str_of(store->config->redis_password)};

        if (at->user.n == 0)
            auth[1] = auth[2];
        (void)ask_command(g, ASK_READ, at->user.n ? 3 : 2, auth);
    }
    if (fresh && at->database.n > 0)
        (void)ask_command(g, ASK_READ, 2, (struct str[]){STR("SELECT"), at->database});
    for (size_t i = 0; fresh && i < n; i++)
        (void)ask_command(g, ASK_READ, 3,
                          (struct str[]){STR("SCRIPT"), STR("LOAD"), scripts[i]->body});
    store->schema = !fresh ? NULL : store->notes_schema ? schema_ask_note(g) : schema_ask(g);
    (void)ask_command(g, ASK_READ, 1, (struct str[]){STR("PING")});
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
static bool must_be_held(const struct store *store, const struct asks *a)
{
    return a->has_writes && store->schema && store->greeting.status == ASKS_WAITING;
}

/* A write counts only when enough replicas hold it: WAIT goes behind it in the same round. */
static void ask_for_replicas(struct store *store, struct asks *a)
{
    int replicas = store->config->store_wait_replicas;
    struct str n, ms;

    if (replicas == 0 || !a->has_writes || a->wait)
        return;
    n = arena_printf(a->arena, "%d", replicas);
    ms = arena_printf(a->arena, "%d", store->config->store_round_timeout_ms / 2 + 1);
    a->wait = ask_command(a, ASK_READ, 3, (struct str[]){STR("WAIT"), n, ms});
}

void store_submit(struct store *store, struct asks *a, int64_t now_us)
{
    ask_for_replicas(store, a);
    if (a->failed) {
        store_end_round(store, a, ASKS_FAILED);
    } else if (a->count == 0) {
        store_end_round(store, a, ASKS_ANSWERED);
    } else if (store->breaker.state != BREAKER_CLOSED ||
               (!store->connection && !connect_now(store, now_us))) {
        refuse(store, a);
    } else if (must_be_held(store, a)) {
        a->status = ASKS_WAITING;
        push(&store->held, a);
    } else {
        send_asks(store, a, now_us);
    }
}

void store_send_held(struct store *store, int64_t now_us)
{
    struct asks *a;

    while ((a = pop(&store->held)))
        store_submit(store, a, now_us);
}

/* The time of a round begins when it is sent, not when it was asked for: what the turn did in
 * between is not Redis's fault. */
static void note_sent(struct store *store, int64_t now_us)
{
    for (struct ask *ask = store->unsent; ask; ask = ask->queue_next)
        ask->of->submitted_us = now_us;
    store->unsent = NULL;
}

void store_flush(struct store *store, int64_t now_us)
{
    int done;

    if (!store_wants_write(store))
        return;
    note_sent(store, now_us);
    if (redisBufferWrite(store->connection, &done) != REDIS_OK)
        store_lose(store, now_us, store->connection->errstr, LOSS_BROKEN);
    else if (!store->connection->obuf) /* hiredis 0.14 does not look: it would crash next time */
        store_lose(store, now_us, "out of memory", LOSS_USELESS);
}

/* ---- losing ---- */

static bool may_repeat(const struct store *store, const struct asks *a, enum loss loss)
{
    return loss == LOSS_BROKEN && !a->has_writes && !a->repeated && a->status == ASKS_WAITING &&
           a != &store->greeting && store->breaker.state == BREAKER_CLOSED;
}

/* Everything that might still arrive on the old connection goes with it: a late reply must never
 * be taken for the answer to another question (hazards H3). */
void store_lose(struct store *store, int64_t now_us, const char *why, enum loss loss)
{
    struct asks_queue again = {NULL, NULL};
    struct asks *a;
    struct ask *ask;

    (void)snprintf(store->last_error, sizeof(store->last_error), "%s", why);
    redisFree(store->connection);
    store->connection = NULL;
    store->generation++;
    breaker_failure(&store->breaker, now_us, loss != LOSS_BROKEN);
    while ((a = pop(&store->held)))
        refuse(store, a);
    while ((ask = store_pop_sent(store))) {
        a = ask->of;
        if (a->status != ASKS_WAITING && !a->pinned)
            continue; /* seen already, by another ask of the same round */
        if (may_repeat(store, a, loss)) {
            a->status = ASKS_OPEN;
            push(&again, a);
        } else {
            count(a, loss == LOSS_LATE ? store->counts.timeouts : store->counts.unavailable);
            store_end_round(store, a, ASKS_FAILED);
        }
    }
    while ((a = pop(&again))) {
        a->repeated = true;
        a->answered = 0;
        for (ask = a->first; ask; ask = ask->next)
            ask->reply = NULL;
        store_submit(store, a, now_us);
    }
    store_flush(store, now_us);
}

/* ---- time ---- */

static int64_t round_timeout_us(const struct store *store, const struct asks *a)
{
    int ms = a == &store->greeting ? store->config->store_connect_timeout_ms
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

    for (struct ask *ask = store->sent; ask && store->patient_count > 0; ask = ask->queue_next) {
        struct asks *a = ask->of;
        int64_t at = a->submitted_us + a->patience_us;

        if (a->patience_us == 0 || a->status != ASKS_WAITING)
            continue;
        if (at > now_us) {
            next = earlier(next, at - now_us);
            continue;
        }
        a->status = ASKS_LATE;
        a->pinned = true;
        push_done(store, a);
    }
    return next;
}

static void probe(struct store *store, int64_t now_us)
{
    if (!store->connection)
        (void)connect_now(store, now_us);
    else if (store->greeting.status != ASKS_WAITING)
        greet(store, now_us, false);
    store_flush(store, now_us);
}

static int64_t time_left(const struct store *store, int64_t now_us)
{
    const struct asks *a = store->sent->of;

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
    store_lose(store, now_us, "Redis did not answer in time", LOSS_LATE);
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

size_t store_in_flight(const struct store *store)
{
    return store->sent_count;
}

const char *store_last_error(const struct store *store)
{
    return store->last_error;
}

void store_take_counts(struct store *store, struct store_counts *ret)
{
    *ret = store->counts;
    store->counts = (struct store_counts){0};
}

bool store_wait(struct store *store, struct asks *a)
{
    struct asks *done;

    store_submit(store, a, clock_monotonic_us());
    for (;;) {
        struct pollfd ready = {.events = POLLIN};
        int64_t now_us = clock_monotonic_us(), next_us;

        store_flush(store, now_us);
        while ((done = store_next_done(store))) {
            if (done == a && !a->pinned)
                return a->status == ASKS_ANSWERED;
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
