/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/runtime/watchdog.h"
#include "app/worker/worker.h"

static const int64_t TURN_MAX_US = 1000000;

/* ---- the parts ---- */

static bool never_busy(const struct worker *w)
{
    (void)w;
    return false;
}

/* In this order: what one finds the next may begin in the same turn. */
/* clang-format off */
static const struct {
    void (*tick)(struct worker *w);
    bool (*busy)(const struct worker *w); /* has begun what must not be left half done */
} parts[] = {
    {heartbeat_tick,  never_busy},
    {leases_tick,    never_busy},
    {journal_wait_tick,  never_busy},
    {journal_tick,   journal_busy},
    {outbox_tick,    outbox_busy},
    {sidecar_tick,   never_busy},
    {jobs_tick,      jobs_busy},
    {retention_tick, retention_busy},
    {audit_maintenance_tick, audit_maintenance_busy},
    {seals_tick,     seals_busy},
    {erasures_tick,  erasures_busy},
};
/* clang-format on */

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

void worker_wake_at(struct worker *w, int64_t us)
{
    if (us < w->wake_us)
        w->wake_us = us;
}

bool worker_draining(const struct worker *w)
{
    return w->drain_deadline_us != 0;
}

bool worker_publishes(const struct worker *w)
{
    const struct config *config = &w->engine->config;

    return (config->dapr_http_endpoint && *config->dapr_http_endpoint) ||
           config->dapr_http_port != 0;
}

/* ---- leaving ---- */

static void on_signal(void *owner, int number)
{
    struct worker *w = owner;

    if (number == SIGHUP)
        secrets_reload(w->engine, clock_monotonic_us());
    if (number == SIGHUP || w->drain_deadline_us)
        return;
    w->engine->draining = true;
    w->drain_deadline_us =
        clock_monotonic_us() + w->engine->config.drain_timeout_s * INT64_C(1000000);
    (void)log_begin(w->engine->log, LOG_INFO, "process.draining");
    log_end(w->engine->log);
}

static bool idle(const struct worker *w)
{
    for (int i = 0; i < PARTS; i++) {
        if (parts[i].busy(w))
            return false;
    }
    return w->tasks.count == 0;
}

static void on_left(struct worker *w, struct task *task)
{
    task_end(w, task);
    w->drain_deadline_us = w->now_us; /* whatever the answer was: leases run out by themselves */
}

/* Everything that was begun has ended: others may go on at once. */
static void leave(struct worker *w)
{
    struct task *task;

    if (w->deregistered || !worker_draining(w) || !idle(w))
        return;
    w->deregistered = true;
    task = task_begin(w, 0, NULL);
    if (!task) {
        w->drain_deadline_us = w->now_us;
        return;
    }
    leases_queue_release(w, &task->pipeline);
    workers_cmd_remove(&task->pipeline, w->id);
    queue_cmd_remove_consumer(&task->pipeline, w->id);
    task_submit(w, task, on_left);
}

static bool drained(const struct worker *w)
{
    return worker_draining(w) && clock_monotonic_us() >= w->drain_deadline_us;
}

/* ---- the turn ---- */

static void take_answers(struct worker *w)
{
    struct pipeline *done;

    while ((done = store_next_done(w->engine->store))) {
        struct task *task = done->owner;

        task->on_replies(w, task);
    }
}

static void tick_parts(struct worker *w)
{
    for (int i = 0; i < PARTS && !w->deregistered; i++)
        parts[i].tick(w);
    leave(w);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events; /* the turn that follows does the work */
}

static void turn(struct worker *w)
{
    struct store *store = w->engine->store;
    int64_t sleep_us;

    w->now_us = clock_monotonic_us();
    w->now_ms = clock_wall_ms();
    w->wake_us = w->now_us + TURN_MAX_US;
    secrets_reload_tick(w->engine, w->now_us);
    take_answers(w);
    tick_parts(w);
    store_flush(store, w->now_us);
    worker_wake_at(w, w->now_us + store_tick(store, w->now_us));
    engine_report_store(w->engine);
    store_watch_update(&w->store_watch);
    log_flush(w->engine->log);
    sleep_us = w->wake_us - clock_monotonic_us();
    w->timer.repeat = (double)(sleep_us > 0 ? sleep_us : 0) / 1e6 + 1e-6;
    ev_timer_again(w->loop, &w->timer);
}

/* ---- beginning and end ---- */

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

static bool open_parts(struct worker *w)
{
    char error[200] = "out of memory";

    if (journal_wait_open(w, error) && sidecar_open(w) &&
        (w->http = http_new(w->loop, PUBLISHERS))) {
        journal_init(w);
        leases_init(w);
        return true;
    }
    (void)fprintf(stderr, "mastery-worker: %s\n", error);
    return false;
}

static void tell_start(const struct worker *w)
{
    struct jw *jw = log_begin(w->engine->log, LOG_INFO, "worker.started");

    jw_text(jw, "worker", w->id_text);
    jw_bool(jw, "publishes", worker_publishes(w));
    log_end(w->engine->log);
}

static void close_parts(struct worker *w)
{
    erase_release(&w->erasures.erase);
    store_watch_stop(&w->store_watch);
    signal_watch_stop(&w->signals);
    journal_wait_close(w);
    http_free(w->http);
    jobs_close(w);
    sidecar_close(w);
    tasks_release(&w->tasks);
}

static void run(struct worker *w)
{
    signal_watch_start(&w->signals, w->loop, on_signal, w);
    store_watch_init(&w->store_watch, w->loop, w->engine->store);
    ev_init(&w->timer, on_timer);
    watchdog_start(w->engine->config.request_deadline_s);
    ev_set_loop_release_cb(w->loop, before_sleep, after_sleep);
    tell_start(w);
    while (!drained(w)) {
        turn(w);
        (void)ev_run(w->loop, EVRUN_ONCE);
    }
}

int worker_run(struct engine *engine)
{
    struct worker *w = calloc(1, sizeof(*w));
    int status = EXIT_FAILURE;

    if (!w)
        return status;
    w->engine = engine;
    uuid_make(w->id_text);
    w->id = str_of(w->id_text);
    w->now_us = clock_monotonic_us();
    w->loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
    if (w->loop && open_parts(w)) {
        run(w);
        status = EXIT_SUCCESS;
    }
    if (w->loop) {
        close_parts(w);
        ev_loop_destroy(w->loop);
    }
    free(w);
    return status;
}
