/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accepts connections, reads a request when a connection becomes readable, and passes it to
 * dispatch (the list of steps of every request), which returns the response by callbacks. A
 * connection has one request at a time. If its descriptor becomes readable while it is busy, the
 * descriptor is no longer watched until the request ends; otherwise the loop would never sleep. */
#include "fcgi/reactor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/auth/provider.h"
#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/pipeline/dispatch.h"
#include "app/runtime/signal_watch.h"
#include "app/runtime/watchdog.h"
#include "app/service/audit.h"
#include "app/service/readiness.h"
#include "app/store/store_watch.h"
#include "fcgi/connection.h"

enum {
    ARENA_FIRST = 32768,      /* first size of an arena (memory of one request), in bytes */
    ARENA_CAP = 64 << 20,     /* largest size of an arena, in bytes */
    ARENAS_RETAINED = 128,    /* most unused arenas that are retained */
    SOCKET_TIMEOUT_MS = 400,  /* longest time of one read or write on a connection (hazards F3) */
    LISTEN_PAUSE_US = 100000, /* pause after a failure to accept a connection */
    OWN_DESCRIPTORS = 16,     /* descriptors reserved for log, loop, store and libraries */
};

struct reactor {
    struct engine *engine;
    struct ev_loop *loop;
    ev_io listener; /* reports that a connection can be accepted */
    /* reports that keys of the identity provider have arrived; not used when files have the keys */
    ev_io provider;
    ev_timer timer;           /* wakes the loop for work that is due */
    struct store_watch store; /* watches the connections to Redis */
    /* watches the connections to the replicas; not used if engine->replicas is NULL */
    struct store_watch replicas;
    struct signal_watch signals;
    struct dispatch dispatch;
    struct connection *connections; /* list of all connections */
    /* list of closed connections, freed at the end of the iteration: libev may still have events of
     * them */
    struct connection *removed;
    int count, count_max; /* number of connections; most that are accepted */
    uint64_t served;      /* number of requests since the start of the process */
    /* value of `served` at which the process begins to retire (MAX_REQUESTS), or tries again to get
     * the permit for it */
    uint64_t retire_at;
    /* a process that retires starts draining when no connection is idle, or at this monotonic time
     * at the latest; 0: it does not retire */
    int64_t retire_until_us;
    int64_t drain_until_us;  /* monotonic; end of draining; 0: not draining */
    int64_t listen_again_us; /* monotonic; time to start listening (again); 0: listening */
    /* unused arenas; each running request has one of its own */
    struct arena *arenas[ARENAS_RETAINED];
    size_t arena_count; /* number of unused arenas */
};

/* Retains the arena of an ended request for a later one, up to ARENAS_RETAINED arenas. */
static void reactor_return_arena(struct reactor *r, struct arena *arena)
{
    arena_reset(arena);
    if (r->arena_count < ARENAS_RETAINED)
        r->arenas[r->arena_count++] = arena;
    else
        arena_free(arena);
}

/* ---- connections ---- */

/* Moves a closed connection from the list of connections to the list of removed ones, which is
 * freed at the end of the iteration. */
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

/* Frees the connections that were closed in this loop iteration. */
static void reactor_free_removed(struct reactor *r)
{
    while (r->removed) {
        struct connection *c = r->removed;

        r->removed = c->next;
        free(c);
    }
}

/* Watches the connection for its next request; has no effect if it is watched already. */
static void reactor_watch(struct reactor *r, struct connection *c)
{
    if (c->watched)
        return;
    c->watched = true;
    ev_io_start(r->loop, &c->watcher);
}

/* Called by libev when a request has started to arrive, or the web server has closed the
 * connection. Reads the whole request (with a timeout) and starts to process it. If that fails, the
 * connection is closed and removed. */
static void reactor_on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct connection *c = (struct connection *)watcher->data;
    struct reactor *r = ev_userdata(loop);
    struct arena *arena;

    (void)events;
    if (c->state != CONNECTION_IDLE) { /* closed, or busy: reactor_on_released watches it again */
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

/* Called by dispatch to send a part of a long response. Returns false if the web server accepts no
 * more. */
static bool reactor_on_chunk(struct exchange *x)
{
    return connection_send_chunk(x->connection);
}

/* Called by dispatch to send a response. While retiring, and in the last quarter of draining, the
 * connection is closed after the response. Otherwise a connection that always has a next request
 * would never be idle, and would be cut off during a request at the end of draining. */
static void reactor_on_finished(struct exchange *x)
{
    struct connection *c = x->connection;
    const struct reactor *r = c->reactor;
    int64_t quarter_us = r->engine->config.drain_timeout_s * INT64_C(250000);
    bool last = r->retire_until_us ||
                (r->drain_until_us && clock_monotonic_us() >= r->drain_until_us - quarter_us);

    (void)connection_send_response(c, last);
}

/* Called by dispatch when it no longer uses an exchange. Its connection becomes idle, or is removed
 * if it was closed meanwhile. */
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

/* Stops accepting for LISTEN_PAUSE_US. New connections stay in the queue of the socket, from which
 * another process of the pool may accept them. */
static void reactor_pause_listening(struct reactor *r)
{
    ev_io_stop(r->loop, &r->listener);
    r->listen_again_us = clock_monotonic_us() + LISTEN_PAUSE_US;
}

/* Called in every loop iteration: starts to accept connections, after a pause or at the start of
 * the process. A new process first waits until its first check of Redis has ended, with success or
 * not: before, it would respond to /ready with 503, although the other processes of the pool are
 * ready. */
static void reactor_start_listening(struct reactor *r)
{
    if (!r->listen_again_us || r->drain_until_us || clock_monotonic_us() < r->listen_again_us ||
        !readiness_is_known(r->engine))
        return;
    r->listen_again_us = 0;
    metrics_gauge_set(r->engine->metrics, GAUGE_SERVING, 1);
    ev_io_start(r->loop, &r->listener);
}

/* Called by libev when a connection can be accepted: accepts it. Only one is accepted in each loop
 * iteration, so that many connections at once are shared among the processes of the pool. */
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
        /* without descriptors or memory, accept would fail again at once, without any sleep */
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

/* Returns how many connections are accepted at most: the configured number, or fewer, so that the
 * limit of open descriptors leaves some for the store and the log. */
static int reactor_connections_max(const struct config *config)
{
    int64_t max = config->max_connections;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < (rlim_t)max + OWN_DESCRIPTORS)
        max = (int64_t)files.rlim_cur - OWN_DESCRIPTORS;
    return max > 0 ? (int)max : 1;
}

/* ---- draining ---- */

/* Writes a log line about the end of the process. */
static void reactor_log(const struct reactor *r, const char *event, const char *reason)
{
    struct jw *jw = log_begin(r->engine->log, LOG_INFO, event);

    jw_text(jw, "reason", reason);
    jw_int(jw, "connections", r->count);
    jw_int(jw, "served", (int64_t)r->served);
    log_end(r->engine->log);
}

/* Starts draining: accepts no connections any more; existing ones remain until the web server
 * closes them. A second call has no effect. */
static void reactor_drain(struct reactor *r, const char *reason)
{
    if (r->drain_until_us)
        return;
    r->drain_until_us = clock_monotonic_us() + r->engine->config.drain_timeout_s * INT64_C(1000000);
    ev_io_stop(r->loop, &r->listener);
    metrics_gauge_set(r->engine->metrics, GAUGE_SERVING, 0);
    reactor_log(r, "process.draining", reason);
}

/* ---- retiring ---- */

/* Sets the number of requests after which the process retires, or next tries to: n more, plus up to
 * an eighth of n at random, because all processes of a pool start together. */
static void reactor_retire_after(struct reactor *r, uint64_t n)
{
    uint32_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    r->retire_at = r->served + n + jitter % (n / 8 + 1);
}

/* Returns whether a connection is idle after at least one request (first_record_ok): the web server
 * may send another request on it. */
static bool reactor_has_idle_connection(const struct reactor *r)
{
    for (const struct connection *c = r->connections; c; c = c->next) {
        if (c->state == CONNECTION_IDLE && c->first_record_ok)
            return true;
    }
    return false;
}

/* Called in every loop iteration: retires when MAX_REQUESTS requests are served and no other
 * process of the pool is retiring (hazards X4). The pool starts a replacement only after this
 * process has ended. Therefore this process still accepts connections, closes each one after its
 * next response, and starts draining when none is idle. That takes as long as the web server keeps
 * an idle connection (5 s). */
static void reactor_retire(struct reactor *r)
{
    const struct config *config = &r->engine->config;
    int64_t now_us = clock_monotonic_us();

    if (config->max_requests == 0 || r->served < r->retire_at || r->drain_until_us)
        return;
    if (r->engine->reported_circuit != STORE_CLOSED_CIRCUIT)
        return; /* draining would wait for Redis, because audit records must be sent */
    if (!r->retire_until_us) {
        if (!metrics_take_permit(r->engine->metrics, now_us / 1000)) {
            /* another process is retiring: this one tries again later */
            reactor_retire_after(r, (uint64_t)config->max_requests / 64 + 1);
            return;
        }
        r->retire_until_us = now_us + config->drain_timeout_s * INT64_C(1000000);
        reactor_log(r, "process.retiring", "MAX_REQUESTS");
    }
    if (!reactor_has_idle_connection(r) || now_us >= r->retire_until_us)
        reactor_drain(r, "MAX_REQUESTS");
}

/* Called with a signal that the process has received: HUP reads the secrets again; every other
 * signal starts draining. */
static void reactor_on_signal(void *owner, int number)
{
    struct reactor *r = owner;

    if (number == SIGHUP) {
        secrets_reload(r->engine, clock_monotonic_us());
    } else {
        /* /ready responds 503, because the pool ends or an operator wants it */
        r->engine->draining = true;
        reactor_drain(r, "signal");
    }
}

/* Returns whether the loop must end: the process is draining, and either the time is over, or there
 * is no connection and all audit records were sent to Redis. */
static bool reactor_drained(const struct reactor *r)
{
    bool idle = r->count == 0 && audit_pending(r->engine->audit) == 0;

    return r->drain_until_us && (idle || clock_monotonic_us() >= r->drain_until_us);
}

/* ---- the loop ---- */

/* Called by libev when keys of the identity provider have arrived. Does nothing: the event only
 * wakes the loop, whose next iteration reads the keys. */
static void reactor_on_provider(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

/* Called by libev when the timer expires. Does nothing: the timer only wakes the loop, whose next
 * iteration does the work. */
static void reactor_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

/* Checks the time limits of the connections to Redis, and watches the sockets that they have now.
 * Returns the microseconds until the next time limit. */
static int64_t reactor_tick_stores(struct reactor *r)
{
    struct engine *engine = r->engine;
    int64_t next_us = store_tick(engine->store, clock_monotonic_us());

    store_watch_update(&r->store);
    if (!engine->replicas)
        return next_us;
    next_us = min_us(next_us, replicas_tick(engine->replicas, clock_monotonic_us()));
    store_watch_update(&r->replicas);
    return next_us;
}

/* One loop iteration, called before libev waits for events: passes on replies, sends commands,
 * writes the log, and sets the timer to the next time at which the store, the audit log or the
 * readiness check have work, or accepting starts again. Returns true if there is more work at once,
 * so that the loop must not sleep. */
static bool reactor_iterate(struct reactor *r)
{
    struct engine *engine = r->engine;
    bool has_more_work = dispatch_process(&r->dispatch);
    int64_t next_us = reactor_tick_stores(r);

    next_us = min_us(next_us, audit_wait_us(engine, clock_monotonic_us()));
    next_us = min_us(next_us, readiness_wait_us(engine, clock_monotonic_us()));
    secrets_reload_tick(engine, clock_monotonic_us());
    engine_report(engine);
    reactor_free_removed(r);
    reactor_start_listening(r);
    reactor_retire(r);
    log_flush(engine->log);
    if (r->listen_again_us)
        next_us = min_us(next_us, LISTEN_PAUSE_US);
    r->timer.repeat = (double)next_us / 1e6 + 1e-6; /* 0 would mean "no timer" to libev */
    ev_timer_again(r->loop, &r->timer);
    return has_more_work || next_us == 0;
}

/* Closes the connections that are left after DRAIN_TIMEOUT_S, and frees everything. */
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

/* Prepares and runs the loop, without sleep (EVRUN_NOWAIT) after an iteration that has left work.
 * The listener is non-blocking, because another process of the pool may accept the connection
 * first. */
int reactor_run(struct engine *engine, int listener)
{
    struct reactor r = {.engine = engine,
                        .loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV),
                        .count_max = reactor_connections_max(&engine->config),
                        .listen_again_us = clock_monotonic_us()};

    if (!r.loop)
        return EXIT_FAILURE;
    ev_set_userdata(r.loop, &r);
    dispatch_init(&r.dispatch, engine, reactor_on_chunk, reactor_on_finished, reactor_on_released);
    signal_watch_start(&r.signals, r.loop, reactor_on_signal, &r);
    store_watch_init(&r.store, r.loop, engine->store);
    if (engine->replicas)
        store_watch_init(&r.replicas, r.loop, replicas_store(engine->replicas));
    if (tokens_provider(engine->tokens)) {
        ev_io_init(&r.provider, reactor_on_provider, provider_fd(tokens_provider(engine->tokens)),
                   EV_READ);
        ev_io_start(r.loop, &r.provider);
    }
    ev_init(&r.timer, reactor_on_timer);
    (void)fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    ev_io_init(&r.listener, reactor_on_listener, listener, EV_READ);
    reactor_retire_after(&r, (uint64_t)engine->config.max_requests);
    watchdog_start(r.loop, engine->config.request_deadline_s, engine_count_deadline, engine);
    while (!reactor_drained(&r))
        ev_run(r.loop, reactor_iterate(&r) ? EVRUN_NOWAIT : EVRUN_ONCE);
    signal_watch_stop(&r.signals);
    audit_log_pending(engine);
    reactor_release(&r);
    return EXIT_SUCCESS;
}
