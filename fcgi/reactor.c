/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fcgi/reactor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/pipeline/dispatch.h"
#include "app/runtime/signal_watch.h"
#include "app/runtime/watchdog.h"
#include "app/service/audit.h"
#include "app/store/store_watch.h"
#include "fcgi/connection.h"

enum {
    ARENA_FIRST = 32768,
    ARENA_CAP = 64 << 20,
    ARENAS_KEPT = 128,
    SOCKET_TIMEOUT_MS = 400, /* a peer that stops in the middle of a request (hazards F3) */
    LISTEN_PAUSE_US = 100000,
    OWN_DESCRIPTORS = 16, /* for the log, the loop, the store and whatever a library opens */
};

struct reactor {
    struct engine *engine;
    struct ev_loop *loop;
    ev_io listener;
    ev_timer tick;
    struct store_watch store;
    struct signal_watch signals;
    struct dispatch dispatch;
    struct connection *connections;
    struct connection *dead; /* freed at the end of the turn: libev may still hold their events */
    int count, count_max;
    uint64_t served;
    int64_t drain_until_us;  /* 0: not draining */
    int64_t listen_again_us; /* 0: listening */
    struct arena *arenas[ARENAS_KEPT];
    size_t arena_count;
};

/* ---- arenas: one for each request under way, kept for the next ---- */

static struct arena *take_arena(struct reactor *r)
{
    return r->arena_count > 0 ? r->arenas[--r->arena_count] : arena_new(ARENA_FIRST, ARENA_CAP);
}

static void give_arena(struct reactor *r, struct arena *arena)
{
    arena_reset(arena);
    if (r->arena_count < ARENAS_KEPT)
        r->arenas[r->arena_count++] = arena;
    else
        arena_free(arena);
}

/* ---- connections ---- */

static void remove_connection(struct reactor *r, struct connection *c)
{
    ev_io_stop(r->loop, &c->watcher);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->next = r->dead;
    r->dead = c;
    r->count--;
}

static void watch(struct reactor *r, struct connection *c)
{
    if (c->watched)
        return;
    c->watched = true;
    ev_io_start(r->loop, &c->watcher);
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct connection *c = (struct connection *)watcher->data;
    struct reactor *r = ev_userdata(loop);
    struct arena *arena;

    (void)events;
    if (c->state != CONNECTION_IDLE) { /* the client went away, or is ahead: looked at afterwards */
        ev_io_stop(loop, watcher);
        c->watched = false;
        return;
    }
    arena = take_arena(r);
    if (!arena || connection_read(c, arena) == CONNECTION_LOST) {
        if (arena)
            give_arena(r, arena);
        connection_close(c);
        c->exchange.arena = NULL;
        remove_connection(r, c);
        return;
    }
    r->served++;
    c->exchange.engine = r->engine;
    dispatch_begin(&r->dispatch, &c->exchange);
}

static bool on_piece(struct exchange *x)
{
    return connection_send_chunk(x->connection);
}

/* A web server that always has another request for a connection would keep it until time is up, and
 * be cut off in the middle of one. In the last quarter each answer is the last of its connection.
 */
static bool runs_out_of_time(const struct reactor *r)
{
    int64_t quarter_us = r->engine->config.drain_timeout_s * INT64_C(250000);

    return r->drain_until_us && clock_monotonic_us() >= r->drain_until_us - quarter_us;
}

static void on_finished(struct exchange *x)
{
    struct connection *c = x->connection;

    (void)connection_send_response(c, runs_out_of_time(c->reactor));
}

static void on_released(struct exchange *x)
{
    struct connection *c = x->connection;
    struct reactor *r = c->reactor;

    give_arena(r, x->arena);
    x->arena = NULL;
    if (c->state == CONNECTION_CLOSED) {
        remove_connection(r, c);
        return;
    }
    c->state = CONNECTION_IDLE;
    watch(r, c);
}

/* The queue keeps who comes meanwhile. */
static void pause_listening(struct reactor *r)
{
    ev_io_stop(r->loop, &r->listener);
    r->listen_again_us = clock_monotonic_us() + LISTEN_PAUSE_US;
}

static void resume_listening(struct reactor *r)
{
    if (r->listen_again_us && !r->drain_until_us && clock_monotonic_us() >= r->listen_again_us) {
        r->listen_again_us = 0;
        ev_io_start(r->loop, &r->listener);
    }
}

/* One a turn, so that the processes of the pool share a rush of new connections. */
static void on_listener(struct ev_loop *loop, ev_io *watcher, int events)
{
    static const struct timeval timeout = {.tv_usec = SOCKET_TIMEOUT_MS * 1000L};
    struct reactor *r = ev_userdata(loop);
    struct connection *c;
    int fd;

    (void)events;
    if (r->count >= r->count_max) {
        pause_listening(r);
        return;
    }
    fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            pause_listening(r); /* no descriptors, no memory: no use in asking again at once */
        return;
    }
    c = malloc(sizeof(*c));
    if (!c || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
        (void)close(fd);
        free(c);
        return;
    }
    connection_init(c, fd);
    c->reactor = r;
    c->next = r->connections;
    if (c->next)
        c->next->link = &c->next;
    c->link = &r->connections;
    r->connections = c;
    r->count++;
    ev_io_init(&c->watcher, on_connection, fd, EV_READ);
    c->watcher.data = c;
    watch(r, c);
}

/* ---- leaving ---- */

static void drain(struct reactor *r, const char *why)
{
    struct jw *w;

    if (r->drain_until_us)
        return;
    r->engine->draining = true;
    r->drain_until_us = clock_monotonic_us() + r->engine->config.drain_timeout_s * INT64_C(1000000);
    ev_io_stop(r->loop, &r->listener);
    w = log_begin(r->engine->log, LOG_INFO, "process.draining");
    jw_text(w, "reason", why);
    jw_int(w, "connections", r->count);
    jw_int(w, "served", (int64_t)r->served);
    log_end(r->engine->log);
}

static void on_signal(void *owner, int number)
{
    struct reactor *r = owner;

    if (number == SIGHUP)
        secrets_reload(r->engine, clock_monotonic_us());
    else
        drain(r, "signal");
}

/* What requests have left for the audit log goes there before the process does. */
static bool drained(const struct reactor *r)
{
    bool idle = r->count == 0 && audit_pending(r->engine->audit) == 0;

    return r->drain_until_us && (idle || clock_monotonic_us() >= r->drain_until_us);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events; /* the turn that follows does the work */
}

/* ---- the turn ---- */

static void free_dead(struct reactor *r)
{
    while (r->dead) {
        struct connection *c = r->dead;

        r->dead = c->next;
        free(c);
    }
}

/* True when there is work left for another turn at once. */
static bool turn(struct reactor *r)
{
    const struct config *config = &r->engine->config;
    bool more = dispatch_process(&r->dispatch);
    int64_t next_us = store_tick(r->engine->store, clock_monotonic_us());
    int64_t audit_us = audit_wait_us(r->engine, clock_monotonic_us());

    secrets_reload_tick(r->engine, clock_monotonic_us());
    engine_report_store(r->engine);
    store_watch_update(&r->store);
    free_dead(r);
    resume_listening(r);
    if (config->max_requests > 0 && r->served >= (uint64_t)config->max_requests)
        drain(r, "MAX_REQUESTS");
    log_flush(r->engine->log);
    if (audit_us < next_us)
        next_us = audit_us;
    if (r->listen_again_us && next_us > LISTEN_PAUSE_US)
        next_us = LISTEN_PAUSE_US;
    r->tick.repeat = (double)next_us / 1e6 + 1e-6;
    ev_timer_again(r->loop, &r->tick);
    return more || next_us == 0;
}

static void release(struct reactor *r)
{
    while (r->connections) {
        struct connection *c = r->connections;

        connection_close(c);
        arena_free(c->exchange.arena);
        remove_connection(r, c);
    }
    free_dead(r);
    while (r->arena_count > 0)
        arena_free(r->arenas[--r->arena_count]);
    ev_loop_destroy(r->loop);
}

/* Asleep is not late. */
static void before_sleep(struct ev_loop *loop) EV_THROW
{
    (void)loop;
    watchdog_disarm();
}

static void after_sleep(struct ev_loop *loop) EV_THROW
{
    (void)loop;
    watchdog_arm();
}

/* As configured, but never so many that no descriptor is left for the store. */
static int connections_max(const struct config *config)
{
    int64_t max = config->max_connections;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < (rlim_t)max + OWN_DESCRIPTORS)
        max = (int64_t)files.rlim_cur - OWN_DESCRIPTORS;
    return max > 0 ? (int)max : 1;
}

int reactor_run(struct engine *engine, int listener)
{
    struct reactor r = {.engine = engine,
                        .loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV),
                        .count_max = connections_max(&engine->config)};

    if (!r.loop)
        return EXIT_FAILURE;
    ev_set_userdata(r.loop, &r);
    dispatch_init(&r.dispatch, engine, on_piece, on_finished, on_released);
    signal_watch_start(&r.signals, r.loop, on_signal, &r);
    store_watch_init(&r.store, r.loop, engine->store);
    ev_init(&r.tick, on_tick);
    (void)fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    ev_io_init(&r.listener, on_listener, listener, EV_READ);
    ev_io_start(r.loop, &r.listener);
    watchdog_start(engine->config.request_deadline_s);
    ev_set_loop_release_cb(r.loop, before_sleep, after_sleep);
    while (!drained(&r))
        ev_run(r.loop, turn(&r) ? EVRUN_NOWAIT : EVRUN_ONCE);
    signal_watch_stop(&r.signals);
    release(&r);
    return EXIT_SUCCESS;
}
