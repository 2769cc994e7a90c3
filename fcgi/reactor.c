/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accepts connections, reads a request when a connection becomes readable, and hands it to
 * dispatch. Responses come back by callbacks. A connection has one request at a time: while it is
 * busy, its descriptor is not watched once it has become readable, else the loop would not sleep.
 */
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
#include "app/service/readiness.h"
#include "app/store/store_watch.h"
#include "fcgi/connection.h"

enum {
    ARENA_FIRST = 32768,
    ARENA_CAP = 64 << 20,
    ARENAS_RETAINED = 128,
    SOCKET_TIMEOUT_MS = 400, /* for a peer that stops in the middle of a request (hazards F3) */
    LISTEN_PAUSE_US = 100000,
    OWN_DESCRIPTORS = 16, /* for log, loop, store and what libraries open */
};

struct reactor {
    struct engine *engine;
    struct ev_loop *loop;
    ev_io listener;
    ev_timer timer; /* ends the sleep of the loop */
    struct store_watch store;
    struct signal_watch signals;
    struct dispatch dispatch;
    struct connection *connections;
    struct connection *removed; /* freed after the iteration: libev may still have events of them */
    int count, count_max;
    uint64_t served;
    int64_t drain_until_us;                /* monotonic; 0: not draining */
    int64_t listen_again_us;               /* monotonic; 0: listening */
    struct arena *arenas[ARENAS_RETAINED]; /* unused ones; each running request has one */
    size_t arena_count;
};

/* Retains the arena for the next request. */
static void reactor_return_arena(struct reactor *r, struct arena *arena)
{
    arena_reset(arena);
    if (r->arena_count < ARENAS_RETAINED)
        r->arenas[r->arena_count++] = arena;
    else
        arena_free(arena);
}

/* ---- connections ---- */

/* The connection is closed already; it is freed at the end of the iteration. */
static void reactor_remove(struct reactor *r, struct connection *c)
{
    ev_io_stop(r->loop, &c->watcher);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->next = r->removed;
    r->removed = c;
    r->count--;
}

static void reactor_free_removed(struct reactor *r)
{
    while (r->removed) {
        struct connection *c = r->removed;

        r->removed = c->next;
        free(c);
    }
}

/* Waits for the next request on the connection. */
static void reactor_watch(struct reactor *r, struct connection *c)
{
    if (c->watched)
        return;
    c->watched = true;
    ev_io_start(r->loop, &c->watcher);
}

/* A request has started to arrive: reads all of it (with a timeout) and starts to process it. */
static void reactor_on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct connection *c = (struct connection *)watcher->data;
    struct reactor *r = ev_userdata(loop);
    struct arena *arena;

    (void)events;
    if (c->state != CONNECTION_IDLE) { /* closed, or the next request: read after this one */
        ev_io_stop(loop, watcher);
        c->watched = false;
        return;
    }
    arena = r->arena_count > 0 ? r->arenas[--r->arena_count] : arena_new(ARENA_FIRST, ARENA_CAP);
    if (!arena || connection_read(c, arena) == CONNECTION_LOST) {
        if (arena)
            reactor_return_arena(r, arena);
        connection_close(c);
        c->exchange.arena = NULL;
        reactor_remove(r, c);
        return;
    }
    r->served++;
    c->exchange.engine = r->engine;
    dispatch_begin(&r->dispatch, &c->exchange);
}

/* A long response is sent in parts. */
static bool reactor_on_chunk(struct exchange *x)
{
    return connection_send_chunk(x->connection);
}

/* A busy connection would never become idle, and be cut off in the middle of a request when the
 * time is over: so in the last quarter of draining each response is the last one of its connection.
 */
static void reactor_on_finished(struct exchange *x)
{
    struct connection *c = x->connection;
    const struct reactor *r = c->reactor;
    int64_t quarter_us = r->engine->config.drain_timeout_s * INT64_C(250000);
    bool last = r->drain_until_us && clock_monotonic_us() >= r->drain_until_us - quarter_us;

    (void)connection_send_response(c, last);
}

/* The exchange is no longer used: its connection is idle, unless it was closed meanwhile. */
static void reactor_on_released(struct exchange *x)
{
    struct connection *c = x->connection;
    struct reactor *r = c->reactor;

    reactor_return_arena(r, x->arena);
    x->arena = NULL;
    if (c->state == CONNECTION_CLOSED) {
        reactor_remove(r, c);
        return;
    }
    c->state = CONNECTION_IDLE;
    reactor_watch(r, c);
}

/* ---- listening ---- */

/* New connections stay in the queue of the socket; another process of the pool may accept them. */
static void reactor_pause_listening(struct reactor *r)
{
    ev_io_stop(r->loop, &r->listener);
    r->listen_again_us = clock_monotonic_us() + LISTEN_PAUSE_US;
}

/* Called in every iteration. */
static void reactor_resume_listening(struct reactor *r)
{
    if (r->listen_again_us && !r->drain_until_us && clock_monotonic_us() >= r->listen_again_us) {
        r->listen_again_us = 0;
        ev_io_start(r->loop, &r->listener);
    }
}

/* Accepts one connection in an iteration, so that the processes of the pool share a rush of them.
 */
static void reactor_on_listener(struct ev_loop *loop, ev_io *watcher, int events)
{
    static const struct timeval timeout = {.tv_usec = SOCKET_TIMEOUT_MS * 1000L};
    struct reactor *r = ev_userdata(loop);
    struct connection *c;
    int fd;

    (void)events;
    if (r->count >= r->count_max) {
        reactor_pause_listening(r);
        return;
    }
    fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        /* without descriptors or memory, accept would fail again at once, and the loop would spin
         */
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            reactor_pause_listening(r);
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
    ev_io_init(&c->watcher, reactor_on_readable, fd, EV_READ);
    c->watcher.data = c;
    reactor_watch(r, c);
}

/* As configured, but so few that descriptors are left for the store and the log. */
static int reactor_connections_max(const struct config *config)
{
    int64_t max = config->max_connections;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < (rlim_t)max + OWN_DESCRIPTORS)
        max = (int64_t)files.rlim_cur - OWN_DESCRIPTORS;
    return max > 0 ? (int)max : 1;
}

/* ---- draining ---- */

/* Stops accepting; connections go on until the web server closes them. */
static void reactor_drain(struct reactor *r, const char *reason)
{
    struct engine *engine = r->engine;
    struct jw *jw;

    if (r->drain_until_us)
        return;
    engine->draining = true;
    r->drain_until_us = clock_monotonic_us() + engine->config.drain_timeout_s * INT64_C(1000000);
    ev_io_stop(r->loop, &r->listener);
    jw = log_begin(engine->log, LOG_INFO, "process.draining");
    jw_text(jw, "reason", reason);
    jw_int(jw, "connections", r->count);
    jw_int(jw, "served", (int64_t)r->served);
    log_end(engine->log);
}

static void reactor_on_signal(void *owner, int number)
{
    struct reactor *r = owner;

    if (number == SIGHUP)
        secrets_reload(r->engine, clock_monotonic_us());
    else
        reactor_drain(r, "signal");
}

/* The process ends only after the audit records of its requests were sent to the store. */
static bool reactor_drained(const struct reactor *r)
{
    bool idle = r->count == 0 && audit_pending(r->engine->audit) == 0;

    return r->drain_until_us && (idle || clock_monotonic_us() >= r->drain_until_us);
}

/* ---- the loop ---- */

static void reactor_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events; /* the iteration that follows does the work */
}

/* Does what follows from the events of the loop. Returns true if the next iteration has work at
 * once; else the timer is set to the earliest time at which store, audit or readiness need one. */
static bool reactor_iterate(struct reactor *r)
{
    struct engine *engine = r->engine;
    const struct config *config = &engine->config;
    bool has_more = dispatch_process(&r->dispatch);
    int64_t next_us = store_tick(engine->store, clock_monotonic_us());
    int64_t audit_us = audit_wait_us(engine, clock_monotonic_us());
    int64_t readiness_us = readiness_wait_us(engine, clock_monotonic_us());

    secrets_reload_tick(engine, clock_monotonic_us());
    engine_report_store(engine);
    store_watch_update(&r->store);
    reactor_free_removed(r);
    reactor_resume_listening(r);
    if (config->max_requests > 0 && r->served >= (uint64_t)config->max_requests)
        reactor_drain(r, "MAX_REQUESTS");
    log_flush(engine->log);
    if (audit_us < next_us)
        next_us = audit_us;
    if (readiness_us < next_us)
        next_us = readiness_us;
    if (r->listen_again_us && next_us > LISTEN_PAUSE_US)
        next_us = LISTEN_PAUSE_US;
    r->timer.repeat = (double)next_us / 1e6 + 1e-6; /* 0 would mean "no timer" to libev */
    ev_timer_again(r->loop, &r->timer);
    return has_more || next_us == 0;
}

/* Connections that are left after DRAIN_TIMEOUT_S are cut off. */
static void reactor_release(struct reactor *r)
{
    while (r->connections) {
        struct connection *c = r->connections;

        connection_close(c);
        arena_free(c->exchange.arena);
        reactor_remove(r, c);
    }
    reactor_free_removed(r);
    while (r->arena_count > 0)
        arena_free(r->arenas[--r->arena_count]);
    ev_loop_destroy(r->loop);
}

int reactor_run(struct engine *engine, int listener)
{
    struct reactor r = {.engine = engine,
                        .loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV),
                        .count_max = reactor_connections_max(&engine->config)};

    if (!r.loop)
        return EXIT_FAILURE;
    ev_set_userdata(r.loop, &r);
    dispatch_init(&r.dispatch, engine, reactor_on_chunk, reactor_on_finished, reactor_on_released);
    signal_watch_start(&r.signals, r.loop, reactor_on_signal, &r);
    store_watch_init(&r.store, r.loop, engine->store);
    ev_init(&r.timer, reactor_on_timer);
    (void)fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    ev_io_init(&r.listener, reactor_on_listener, listener, EV_READ);
    ev_io_start(r.loop, &r.listener);
    watchdog_start(r.loop, engine->config.request_deadline_s);
    while (!reactor_drained(&r))
        ev_run(r.loop, reactor_iterate(&r) ? EVRUN_NOWAIT : EVRUN_ONCE);
    signal_watch_stop(&r.signals);
    reactor_release(&r);
    return EXIT_SUCCESS;
}
