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
static void reactor_return_arena(struct reactor *reactor, struct arena *arena)
{
    arena_reset(arena);
    if (reactor->arena_count < ARENAS_RETAINED)
        reactor->arenas[reactor->arena_count++] = arena;
    else
        arena_free(arena);
}

/* ---- connections ---- */

/* Moves a closed connection from the list of connections to the list of removed ones, which is
 * freed at the end of the iteration. */
static void reactor_remove(struct reactor *reactor, struct connection *connection)
{
    ev_io_stop(reactor->loop, &connection->watcher);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    connection->next = reactor->removed;
    reactor->removed = connection;
    reactor->count--;
}

/* Frees the connections that were closed in this loop iteration. */
static void reactor_free_removed(struct reactor *reactor)
{
    while (reactor->removed) {
        struct connection *connection = reactor->removed;

        reactor->removed = connection->next;
        free(connection);
    }
}

/* Watches the connection for its next request; has no effect if it is watched already. */
static void reactor_watch(struct reactor *reactor, struct connection *connection)
{
    if (connection->watched)
        return;
    connection->watched = true;
    ev_io_start(reactor->loop, &connection->watcher);
}

/* Called by libev when a request has started to arrive, or the web server has closed the
 * connection. Reads the whole request (with a timeout) and starts to process it. If that fails, the
 * connection is closed and removed. */
static void reactor_on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct connection *connection = (struct connection *)watcher->data;
    struct reactor *reactor = ev_userdata(loop);
    struct arena *arena;

    (void)events;
    /* closed, or busy: reactor_on_released watches it again */
    if (connection->state != CONNECTION_IDLE) {
        ev_io_stop(loop, watcher);
        connection->watched = false;
        return;
    }
    arena = reactor->arena_count > 0 ? reactor->arenas[--reactor->arena_count]
                                     : arena_new(ARENA_FIRST, ARENA_CAP);
    if (!arena || connection_read(connection, arena) == CONNECTION_LOST) {
        if (arena)
            reactor_return_arena(reactor, arena);
        connection_close(connection);
        connection->exchange.arena = NULL;
        reactor_remove(reactor, connection);
        return;
    }
    reactor->served++;
    connection->exchange.engine = reactor->engine;
    dispatch_begin(&reactor->dispatch, &connection->exchange);
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
    struct connection *connection = x->connection;
    const struct reactor *reactor = connection->reactor;
    int64_t quarter_us = reactor->engine->config.drain_timeout_s * INT64_C(250000);
    bool last =
        reactor->retire_until_us ||
        (reactor->drain_until_us && clock_monotonic_us() >= reactor->drain_until_us - quarter_us);

    (void)connection_send_response(connection, last);
}

/* Called by dispatch when it no longer uses an exchange. Its connection becomes idle, or is removed
 * if it was closed meanwhile. */
static void reactor_on_released(struct exchange *x)
{
    struct connection *connection = x->connection;
    struct reactor *reactor = connection->reactor;

    reactor_return_arena(reactor, x->arena);
    x->arena = NULL;
    if (connection->state == CONNECTION_CLOSED) {
        reactor_remove(reactor, connection);
        return;
    }
    connection->state = CONNECTION_IDLE;
    reactor_watch(reactor, connection);
}

/* ---- listening ---- */

/* Stops accepting for LISTEN_PAUSE_US. New connections stay in the queue of the socket, from which
 * another process of the pool may accept them. */
static void reactor_pause_listening(struct reactor *reactor)
{
    ev_io_stop(reactor->loop, &reactor->listener);
    reactor->listen_again_us = clock_monotonic_us() + LISTEN_PAUSE_US;
}

/* Called in every loop iteration: starts to accept connections, after a pause or at the start of
 * the process. A new process first waits until its first check of Redis has ended, with success or
 * not: before, it would respond to /ready with 503, although the other processes of the pool are
 * ready. */
static void reactor_start_listening(struct reactor *reactor)
{
    if (!reactor->listen_again_us || reactor->drain_until_us ||
        clock_monotonic_us() < reactor->listen_again_us || !readiness_is_known(reactor->engine))
        return;
    reactor->listen_again_us = 0;
    metrics_gauge_set(reactor->engine->metrics, GAUGE_SERVING, 1);
    ev_io_start(reactor->loop, &reactor->listener);
}

/* Called by libev when a connection can be accepted: accepts it. Only one is accepted in each loop
 * iteration, so that many connections at once are shared among the processes of the pool. */
static void reactor_on_listener(struct ev_loop *loop, ev_io *watcher, int events)
{
    static const struct timeval timeout = {.tv_usec = SOCKET_TIMEOUT_MS * 1000L};
    struct reactor *reactor = ev_userdata(loop);
    struct connection *connection;
    int fd;

    (void)events;
    if (reactor->count >= reactor->count_max) {
        reactor_pause_listening(reactor);
        return;
    }
    fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        /* without descriptors or memory, accept would fail again at once, without any sleep */
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            reactor_pause_listening(reactor);
        return;
    }
    connection = malloc(sizeof(*connection));
    if (!connection || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
        (void)close(fd);
        free(connection);
        return;
    }
    connection_init(connection, fd);
    connection->reactor = reactor;
    connection->next = reactor->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    connection->link = &reactor->connections;
    reactor->connections = connection;
    reactor->count++;
    ev_io_init(&connection->watcher, reactor_on_readable, fd, EV_READ);
    connection->watcher.data = connection;
    reactor_watch(reactor, connection);
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
static void reactor_log(const struct reactor *reactor, const char *event, const char *reason)
{
    struct jw *jw = log_begin(reactor->engine->log, LOG_INFO, event);

    jw_text(jw, "reason", reason);
    jw_int(jw, "connections", reactor->count);
    jw_int(jw, "served", (int64_t)reactor->served);
    log_end(reactor->engine->log);
}

/* Starts draining: accepts no connections any more; existing ones remain until the web server
 * closes them. A second call has no effect. */
static void reactor_drain(struct reactor *reactor, const char *reason)
{
    if (reactor->drain_until_us)
        return;
    reactor->drain_until_us =
        clock_monotonic_us() + reactor->engine->config.drain_timeout_s * INT64_C(1000000);
    ev_io_stop(reactor->loop, &reactor->listener);
    metrics_gauge_set(reactor->engine->metrics, GAUGE_SERVING, 0);
    reactor_log(reactor, "process.draining", reason);
}

/* ---- retiring ---- */

/* Sets the number of requests after which the process retires, or next tries to: n more, plus up to
 * an eighth of n at random, because all processes of a pool start together. */
static void reactor_retire_after(struct reactor *reactor, uint64_t n)
{
    uint32_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    reactor->retire_at = reactor->served + n + jitter % (n / 8 + 1);
}

/* Returns whether a connection is idle after at least one request (first_record_ok): the web server
 * may send another request on it. */
static bool reactor_has_idle_connection(const struct reactor *reactor)
{
    for (const struct connection *connection = reactor->connections; connection;
         connection = connection->next) {
        if (connection->state == CONNECTION_IDLE && connection->first_record_ok)
            return true;
    }
    return false;
}

/* Called in every loop iteration: ends the process in two steps when MAX_REQUESTS requests are
 * served and no other process of the pool is doing the same (hazards X4). Retiring: it still
 * accepts connections, because the pool starts a replacement only after this process has ended, but
 * closes each one after its next response. Draining: it accepts none. This begins when no
 * connection is idle, which takes at most as long as the web server keeps an idle one (5 s). */
static void reactor_retire(struct reactor *reactor)
{
    const struct config *config = &reactor->engine->config;
    int64_t now_us = clock_monotonic_us();

    if (config->max_requests == 0 || reactor->served < reactor->retire_at ||
        reactor->drain_until_us)
        return;
    if (reactor->engine->reported_circuit != STORE_CLOSED_CIRCUIT)
        return; /* draining would wait for Redis, because audit records must be sent */
    if (!reactor->retire_until_us) {
        if (!metrics_take_permit(reactor->engine->metrics, now_us / 1000)) {
            /* another process is retiring: this one tries again later */
            reactor_retire_after(reactor, (uint64_t)config->max_requests / 64 + 1);
            return;
        }
        reactor->retire_until_us = now_us + config->drain_timeout_s * INT64_C(1000000);
        reactor_log(reactor, "process.retiring", "MAX_REQUESTS");
    }
    if (!reactor_has_idle_connection(reactor) || now_us >= reactor->retire_until_us)
        reactor_drain(reactor, "MAX_REQUESTS");
}

/* Called with a signal that the process has received: HUP reads the secrets again; every other
 * signal starts draining. */
static void reactor_on_signal(void *owner, int number)
{
    struct reactor *reactor = owner;

    if (number == SIGHUP) {
        secrets_reload(reactor->engine, clock_monotonic_us());
    } else {
        /* /ready responds 503, because the pool ends or an operator wants it */
        reactor->engine->draining = true;
        reactor_drain(reactor, "signal");
    }
}

/* Returns whether the loop must end: the process is draining, and either the time is over, or there
 * is no connection and all audit records were sent to Redis. */
static bool reactor_drained(const struct reactor *reactor)
{
    bool idle = reactor->count == 0 && audit_pending(reactor->engine->audit) == 0;

    return reactor->drain_until_us && (idle || clock_monotonic_us() >= reactor->drain_until_us);
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
static int64_t reactor_tick_stores(struct reactor *reactor)
{
    struct engine *engine = reactor->engine;
    int64_t next_us = store_tick(engine->store, clock_monotonic_us());

    store_watch_update(&reactor->store);
    if (!engine->replicas)
        return next_us;
    next_us = min_us(next_us, replicas_tick(engine->replicas, clock_monotonic_us()));
    store_watch_update(&reactor->replicas);
    return next_us;
}

/* One loop iteration, called before libev waits for events: passes on replies, sends commands,
 * writes the log, and sets the timer to the next time at which the store, the audit log or the
 * readiness check have work, or accepting starts again. Returns true if there is more work at once,
 * so that the loop must not sleep. */
static bool reactor_iterate(struct reactor *reactor)
{
    struct engine *engine = reactor->engine;
    bool has_more_work = dispatch_process(&reactor->dispatch);
    int64_t next_us = reactor_tick_stores(reactor);

    next_us = min_us(next_us, audit_wait_us(engine, clock_monotonic_us()));
    next_us = min_us(next_us, readiness_wait_us(engine, clock_monotonic_us()));
    secrets_reload_tick(engine, clock_monotonic_us());
    engine_report(engine);
    reactor_free_removed(reactor);
    reactor_start_listening(reactor);
    reactor_retire(reactor);
    log_flush(engine->log);
    if (reactor->listen_again_us)
        next_us = min_us(next_us, LISTEN_PAUSE_US);
    reactor->timer.repeat = (double)next_us / 1e6 + 1e-6; /* 0 would mean "no timer" to libev */
    ev_timer_again(reactor->loop, &reactor->timer);
    return has_more_work || next_us == 0;
}

/* Closes the connections that are left after DRAIN_TIMEOUT_S, and frees everything. */
static void reactor_release(struct reactor *reactor)
{
    while (reactor->connections) {
        struct connection *connection = reactor->connections;

        connection_close(connection);
        arena_free(connection->exchange.arena);
        reactor_remove(reactor, connection);
    }
    reactor_free_removed(reactor);
    while (reactor->arena_count > 0)
        arena_free(reactor->arenas[--reactor->arena_count]);
    ev_loop_destroy(reactor->loop);
}

/* Prepares and runs the loop, without sleep (EVRUN_NOWAIT) after an iteration that has left work.
 * The listener is non-blocking, because another process of the pool may accept the connection
 * first. */
int reactor_run(struct engine *engine, int listener)
{
    struct reactor reactor = {.engine = engine,
                              .loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV),
                              .count_max = reactor_connections_max(&engine->config),
                              .listen_again_us = clock_monotonic_us()};

    if (!reactor.loop)
        return EXIT_FAILURE;
    ev_set_userdata(reactor.loop, &reactor);
    dispatch_init(&reactor.dispatch, engine, reactor_on_chunk, reactor_on_finished,
                  reactor_on_released);
    signal_watch_start(&reactor.signals, reactor.loop, reactor_on_signal, &reactor);
    store_watch_init(&reactor.store, reactor.loop, engine->store);
    if (engine->replicas)
        store_watch_init(&reactor.replicas, reactor.loop, replicas_store(engine->replicas));
    if (tokens_provider(engine->tokens)) {
        ev_io_init(&reactor.provider, reactor_on_provider,
                   provider_fd(tokens_provider(engine->tokens)), EV_READ);
        ev_io_start(reactor.loop, &reactor.provider);
    }
    ev_init(&reactor.timer, reactor_on_timer);
    (void)fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    ev_io_init(&reactor.listener, reactor_on_listener, listener, EV_READ);
    reactor_retire_after(&reactor, (uint64_t)engine->config.max_requests);
    watchdog_start(reactor.loop, engine->config.request_deadline_s, engine_count_deadline, engine);
    while (!reactor_drained(&reactor))
        ev_run(reactor.loop, reactor_iterate(&reactor) ? EVRUN_NOWAIT : EVRUN_ONCE);
    signal_watch_stop(&reactor.signals);
    audit_log_pending(engine);
    reactor_release(&reactor);
    return EXIT_SUCCESS;
}
