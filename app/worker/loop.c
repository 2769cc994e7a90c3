/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/runtime/signal_watch.h"
#include "app/runtime/watchdog.h"
#include "app/store/queue.h"
#include "app/store/store_watch.h"
#include "app/store/workers.h"
#include "app/worker/audit_maintenance.h"
#include "app/worker/erasures.h"
#include "app/worker/heartbeat.h"
#include "app/worker/job_batch.h"
#include "app/worker/job_callback.h"
#include "app/worker/job_event.h"
#include "app/worker/journal.h"
#include "app/worker/journal_wait.h"
#include "app/worker/leases.h"
#include "app/worker/outbox.h"
#include "app/worker/retention.h"
#include "app/worker/seal.h"
#include "app/worker/task.h"

/* The words of METRIC_JOBS have the same order, and then one for unknown kinds. */
/* clang-format off */
static const struct job_kind job_kinds[] = {
    {STR_INIT("event"),    job_event,    5,  NULL},
    {STR_INIT("batch"),    job_batch,    25, job_batch_on_dead_letter},
    {STR_INIT("callback"), job_callback, 20, NULL},
};
/* clang-format on */
enum { JOB_KINDS = sizeof(job_kinds) / sizeof(job_kinds[0]) };
static_assert(JOB_KINDS == 3, "a word of METRIC_JOBS for each kind, and one for unknown kinds");

struct worker {
    struct worker_context context;
    struct tasks tasks;
    struct shards shards;
    struct store_watch store_watch;
    struct signal_watch signals;
    ev_timer timer;
    struct http *http;
    struct heartbeat heartbeat;
    struct leases leases;
    struct journal_wait journal_wait;
    struct journal journal;
    struct outbox outbox;
    struct sidecar sidecar;
    struct jobs jobs;
    struct retention retention;
    struct audit_maintenance audit;
    struct seals seals;
    struct erasures erasures;
    bool deregistered; /* its leases and its name are being given back: only that is left to do */
};

/* ---- subsystems ---- */

/* X(field, functions): functions_tick is called in each iteration, and starts what is due;
 * functions_busy says whether it has started something that must not be left half done. In the
 * order of the ticks: what one subsystem finds, the next can start in the same iteration. */
#define SUBSYSTEMS_NEVER_BUSY(X)                                                                   \
    X(heartbeat, heartbeat)                                                                        \
    X(leases, leases)                                                                              \
    X(journal_wait, journal_wait)                                                                  \
    X(sidecar, sidecar)
#define SUBSYSTEMS(X)                                                                              \
    X(journal, journal)                                                                            \
    X(outbox, outbox)                                                                              \
    X(jobs, jobs)                                                                                  \
    X(retention, retention)                                                                        \
    X(audit, audit_maintenance)                                                                    \
    X(seals, seals)                                                                                \
    X(erasures, erasures)

#define DEFINE_TICK(field, functions)                                                              \
    static void worker_tick_##field(struct worker *w)                                              \
    {                                                                                              \
        functions##_tick(&w->field);                                                               \
    }
#define DEFINE_BUSY(field, functions)                                                              \
    static bool worker_busy_##field(const struct worker *w)                                        \
    {                                                                                              \
        return functions##_busy(&w->field);                                                        \
    }
SUBSYSTEMS_NEVER_BUSY(DEFINE_TICK)
SUBSYSTEMS(DEFINE_TICK)
SUBSYSTEMS(DEFINE_BUSY)

static const struct {
    void (*tick)(struct worker *w);
    bool (*busy)(const struct worker *w); /* NULL: never */
} subsystems[] = {
    {worker_tick_heartbeat, NULL},
    {worker_tick_leases, NULL},
    {worker_tick_journal_wait, NULL},
    {worker_tick_journal, worker_busy_journal},
    {worker_tick_outbox, worker_busy_outbox},
    {worker_tick_sidecar, NULL},
    {worker_tick_jobs, worker_busy_jobs},
    {worker_tick_retention, worker_busy_retention},
    {worker_tick_audit, worker_busy_audit},
    {worker_tick_seals, worker_busy_seals},
    {worker_tick_erasures, worker_busy_erasures},
};

enum { SUBSYSTEM_COUNT = sizeof(subsystems) / sizeof(subsystems[0]) };

/* ---- leaving ---- */

static void on_signal(void *owner, int number)
{
    struct worker_context *w = owner;

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
    for (int i = 0; i < SUBSYSTEM_COUNT; i++) {
        if (subsystems[i].busy && subsystems[i].busy(w))
            return false;
    }
    return w->tasks.count == 0;
}

static void on_left(struct task *task)
{
    struct worker_context *w = task->worker;

    task_end(task);
    w->drain_deadline_us = w->now_us; /* whatever the answer was: leases run out by themselves */
}

/* Everything that was begun has ended: others may go on at once. */
static void leave(struct worker *w)
{
    struct task *task;

    if (w->deregistered || !worker_draining(&w->context) || !idle(w))
        return;
    w->deregistered = true;
    task = task_begin(&w->context, 0, w);
    if (!task) {
        w->context.drain_deadline_us = w->context.now_us;
        return;
    }
    leases_queue_release(&w->leases, &task->pipeline);
    workers_cmd_remove(&task->pipeline, w->context.id);
    queue_cmd_remove_consumer(&task->pipeline, w->context.id);
    task_submit(task, on_left);
}

static bool drained(const struct worker *w)
{
    return worker_draining(&w->context) && clock_monotonic_us() >= w->context.drain_deadline_us;
}

/* ---- the iteration ---- */

static void process_replies(struct store *store)
{
    struct pipeline *done;

    while ((done = store_next_done(store))) {
        struct task *task = done->owner;

        task->on_replies(task);
    }
}

static void tick_subsystems(struct worker *w)
{
    for (int i = 0; i < SUBSYSTEM_COUNT && !w->deregistered; i++)
        subsystems[i].tick(w);
    leave(w);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events; /* the iteration that follows does the work */
}

static void iterate(struct worker *w)
{
    struct worker_context *context = &w->context;
    struct store *store = context->engine->store;
    int64_t sleep_us;

    worker_start_iteration(context);
    secrets_reload_tick(context->engine, context->now_us);
    process_replies(store);
    tick_subsystems(w);
    store_flush(store, context->now_us);
    worker_wake_at(context, context->now_us + store_tick(store, context->now_us));
    engine_report_store(context->engine);
    store_watch_update(&w->store_watch);
    log_flush(context->engine->log);
    sleep_us = context->wake_us - clock_monotonic_us();
    w->timer.repeat = (double)(sleep_us > 0 ? sleep_us : 0) / 1e6 + 1e-6;
    ev_timer_again(context->loop, &w->timer);
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

static void connect_subsystems(struct worker *w)
{
    struct worker_context *context = &w->context;
    struct shards *shards = &w->shards;

    context->tasks = &w->tasks;
    shards_init(shards, context);
    w->sidecar = (struct sidecar){.worker = context, .http = w->http};
    w->journal = (struct journal){.worker = context, .shards = shards};
    w->journal_wait = (struct journal_wait){.worker = context, .shards = shards};
    w->outbox = (struct outbox){.worker = context, .shards = shards, .sidecar = &w->sidecar};
    w->heartbeat = (struct heartbeat){
        .worker = context, .shards = shards, .journal = &w->journal, .sidecar = &w->sidecar};
    w->leases = (struct leases){.worker = context, .shards = shards, .heartbeat = &w->heartbeat};
    w->jobs = (struct jobs){
        .worker = context, .http = w->http, .kinds = job_kinds, .kind_count = JOB_KINDS};
    w->retention = (struct retention){.worker = context, .shards = shards};
    w->audit = (struct audit_maintenance){.worker = context, .shards = shards};
    w->seals = (struct seals){.worker = context, .shards = shards};
    w->erasures = (struct erasures){.worker = context, .shards = shards};
    leases_init(&w->leases);
}

static bool open_subsystems(struct worker *w)
{
    char error[200] = "out of memory";

    w->http = http_new(w->context.loop, PUBLISHERS);
    connect_subsystems(w);
    if (w->http && journal_wait_open(&w->journal_wait, error) && sidecar_open(&w->sidecar))
        return true;
    (void)fprintf(stderr, "mastery-worker: %s\n", error);
    return false;
}

static void log_start(const struct worker_context *w)
{
    struct jw *jw = log_begin(w->engine->log, LOG_INFO, "worker.started");

    jw_text(jw, "worker", w->id_text);
    jw_bool(jw, "publishes", worker_publishes(w));
    log_end(w->engine->log);
}

static void close_subsystems(struct worker *w)
{
    erase_release(&w->erasures.erase);
    store_watch_stop(&w->store_watch);
    signal_watch_stop(&w->signals);
    journal_wait_close(&w->journal_wait);
    http_free(w->http);
    jobs_close(&w->jobs);
    sidecar_close(&w->sidecar);
    tasks_release(&w->tasks);
}

static void run(struct worker *w)
{
    struct worker_context *context = &w->context;

    signal_watch_start(&w->signals, context->loop, on_signal, context);
    store_watch_init(&w->store_watch, context->loop, context->engine->store);
    ev_init(&w->timer, on_timer);
    watchdog_start(context->engine->config.request_deadline_s);
    ev_set_loop_release_cb(context->loop, before_sleep, after_sleep);
    log_start(context);
    while (!drained(w)) {
        iterate(w);
        (void)ev_run(context->loop, EVRUN_ONCE);
    }
}

int worker_run(struct engine *engine)
{
    struct worker *w = calloc(1, sizeof(*w));
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
    int status = EXIT_FAILURE;

    if (w && loop) {
        worker_context_init(&w->context, engine, loop);
        if (open_subsystems(w)) {
            run(w);
            status = EXIT_SUCCESS;
        }
        close_subsystems(w);
    }
    if (loop)
        ev_loop_destroy(loop);
    free(w);
    return status;
}
