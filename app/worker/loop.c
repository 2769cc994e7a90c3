/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process of mastery-worker: it owns the context, the event loop and all subsystems, and gives
 * each subsystem pointers to the few others that it needs. One loop iteration processes the replies
 * of Redis, lets every subsystem start the work that is due, sends the queued commands, and sleeps
 * until a descriptor is ready or until the earliest wake-up. Draining ends when no task is running,
 * because all started work has a task. */
#include "app/worker/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/runtime/signal_watch.h"
#include "app/runtime/watchdog.h"
#include "app/store/queue.h"
#include "app/store/store_watch.h"
#include "app/worker/alive.h"
#include "app/worker/audit_archiving.h"
#include "app/worker/audit_maintenance.h"
#include "app/worker/audit_segments.h"
#include "app/worker/calibration.h"
#include "app/worker/erasures.h"
#include "app/worker/job_kinds.h"
#include "app/worker/journal_wait.h"
#include "app/worker/leases.h"
#include "app/worker/outbox.h"
#include "app/worker/retention.h"
#include "app/worker/seal.h"
#include "app/worker/unfinished.h"

/* The kinds of jobs. Their names, in this order, are label values of METRIC_JOBS
 * (app/obs/metrics.def). */
static const struct job_kind job_kinds[] = {
    {STR_INIT("event"), job_event, .attempts_max = 5, .names_letter = true},
    {STR_INIT("batch"), job_batch, .attempts_max = 25, .on_dead_letter = job_batch_on_dead_letter,
     .names_batch = true},
    {STR_INIT("callback"), job_callback, .attempts_max = 20, .names_batch = true},
};
enum { JOB_KINDS = sizeof(job_kinds) / sizeof(job_kinds[0]) };
static_assert(JOB_KINDS == 3, "METRIC_JOBS needs a label for each kind");

struct worker {
    struct worker_context context;
    struct tasks tasks;
    struct shards shards;
    struct store_watch store_watch;
    struct signal_watch signals;
    ev_timer timer; /* wakes the loop at the earliest time that a subsystem wants */
    struct http *http;
    struct heartbeat heartbeat;
    struct leases leases;
    struct journal_wait journal_wait;
    struct journal journal;
    struct outbox outbox;
    struct sidecar sidecar;
    struct jobs jobs;
    struct retention retention;
    struct calibration_pass calibration;
    struct audit_maintenance audit;
    struct seals seals;
    struct audit_segments segments;
    struct audit_archiving archiving;
    struct erasures erasures;
    struct unfinished unfinished;
    struct alive alive;
    bool deregistered; /* true: leases were given back, and the worker was removed from the lists in
                          Redis */
};

/* ---- the subsystems ---- */

/* Initializes every subsystem, and opens those that need memory or a connection; where opening sets
 * no error text, the reason is memory. Returns false with a message on stderr;
 * worker_close_subsystems must be called in any case. */
static bool worker_open_subsystems(struct worker *w)
{
    struct worker_context *context = &w->context;
    struct shards *shards = &w->shards;
    char error[200] = "out of memory";

    context->tasks = &w->tasks;
    shards_init(shards, context);
    w->http = http_new(context->loop, PUBLISHERS);
    w->sidecar.worker = context;
    w->sidecar.http = w->http;
    w->journal.worker = context;
    w->journal.shards = shards;
    w->journal_wait.worker = context;
    w->journal_wait.shards = shards;
    w->outbox.worker = context;
    w->outbox.shards = shards;
    w->outbox.sidecar = &w->sidecar;
    w->heartbeat.worker = context;
    w->heartbeat.shards = shards;
    w->heartbeat.journal = &w->journal;
    w->heartbeat.sidecar = &w->sidecar;
    periodic_init(&w->heartbeat.schedule, context, /* delay_us */ 0);
    leases_init(&w->leases, context, shards, &w->heartbeat);
    w->jobs.worker = context;
    w->jobs.http = w->http;
    w->jobs.kinds = job_kinds;
    w->jobs.kind_count = JOB_KINDS;
    retention_init(&w->retention, context, shards);
    calibration_init(&w->calibration, context, shards);
    audit_maintenance_init(&w->audit, context, shards);
    seals_init(&w->seals, context, shards);
    audit_segments_init(&w->segments, context, shards);
    audit_archiving_init(&w->archiving, context, shards);
    erasures_init(&w->erasures, context, shards);
    unfinished_init(&w->unfinished, context, shards);
    w->alive.worker = context;
    if (w->http && journal_wait_open(&w->journal_wait, error) && sidecar_open(&w->sidecar))
        return true;
    (void)fprintf(stderr, "mastery-worker: cannot start: %s\n", error);
    return false;
}

/* Lets every subsystem start the work that is due. The order matters: an event that one subsystem
 * produces can be processed by a later one in the same loop iteration. */
static void worker_tick_subsystems(struct worker *w)
{
    heartbeat_tick(&w->heartbeat);
    leases_tick(&w->leases);
    journal_wait_tick(&w->journal_wait);
    journal_tick(&w->journal);
    outbox_tick(&w->outbox);
    sidecar_tick(&w->sidecar);
    jobs_tick(&w->jobs);
    retention_tick(&w->retention);
    calibration_tick(&w->calibration);
    audit_maintenance_tick(&w->audit);
    seals_tick(&w->seals);
    audit_segments_tick(&w->segments);
    audit_archiving_tick(&w->archiving);
    erasures_tick(&w->erasures);
    unfinished_tick(&w->unfinished);
}

/* Releases every subsystem. http_free ends the running HTTP calls before the jobs and publishers
 * that own them are released. */
static void worker_close_subsystems(struct worker *w)
{
    audit_archiving_close(&w->archiving);
    alive_close(&w->alive);
    erasures_close(&w->erasures);
    store_watch_stop(&w->store_watch);
    signal_watch_stop(&w->signals);
    journal_wait_close(&w->journal_wait);
    http_free(w->http);
    jobs_close(&w->jobs);
    sidecar_close(&w->sidecar);
    tasks_release(&w->tasks);
}

/* ---- draining ---- */

/* Called for each signal of the process: HUP reads the secrets again; every other signal starts
 * draining. A second signal during draining has no effect. */
static void worker_on_signal(void *owner, int number)
{
    struct worker_context *context = owner;
    struct engine *engine = context->engine;

    if (number == SIGHUP)
        secrets_reload(engine, clock_monotonic_us());
    if (number == SIGHUP || context->drain_deadline_us)
        return;
    engine->draining = true;
    context->drain_deadline_us =
        clock_monotonic_us() + engine->config.drain_timeout_s * INT64_C(1000000);
    (void)log_begin(engine->log, LOG_INFO, "process.draining");
    log_end(engine->log);
}

/* Called after the last commands of the process: setting the end of draining to now ends the loop.
 * Failed commands do no harm, since leases expire by themselves. */
static void worker_on_deregistered(struct task *task)
{
    struct worker_context *context = task->worker;

    task_end(task);
    context->drain_deadline_us = context->now_us;
}

/* When all work of a draining worker is complete: gives back its leases, so that other workers
 * continue at once, and removes its id from the list of workers and from the consumers of the job
 * queue. */
static void worker_deregister_if_idle(struct worker *w)
{
    struct task *task;

    if (w->deregistered || !worker_draining(&w->context) || w->tasks.count > 0)
        return;
    w->deregistered = true;
    task = task_begin(&w->context, NO_SHARD, w);

    if (!task) { /* no memory: the worker ends at once, and its leases expire by themselves */
        w->context.drain_deadline_us = w->context.now_us;
        return;
    }
    leases_queue_release(&w->leases, &task->pipeline);
    workers_cmd_remove(&task->pipeline, w->context.id);
    queue_cmd_remove_consumer(&task->pipeline, w->context.id);
    task_submit(task, worker_on_deregistered);
}

/* Returns true if the loop must end: the worker is draining and its deadline is reached. Completed
 * work moves the deadline to the present. */
static bool worker_drained(const struct worker *w)
{
    return worker_draining(&w->context) && clock_monotonic_us() >= w->context.drain_deadline_us;
}

/* ---- the loop ---- */

/* One loop iteration, called after libev has received events: replies first, then new work, then
 * sending, log and the length of the next sleep. */
static void worker_iterate(struct worker *w)
{
    struct worker_context *context = &w->context;
    struct engine *engine = context->engine;
    struct pipeline *done;
    int64_t sleep_us;

    worker_start_iteration(context);
    secrets_reload_tick(engine, context->now_us);
    while ((done = store_next_done(engine->store))) {
        struct task *task = done->owner;

        task->on_replies(task);
    }
    alive_tick(&w->alive);
    if (!w->deregistered)
        worker_tick_subsystems(w);
    worker_deregister_if_idle(w);
    store_flush(engine->store, context->now_us);
    worker_wake_at(context, context->now_us + store_tick(engine->store, context->now_us));
    engine_report(engine);
    store_watch_update(&w->store_watch);
    log_flush(engine->log);
    sleep_us = context->wake_us - clock_monotonic_us();
    /* a microsecond more, since libev takes 0 for "no timer" */
    w->timer.repeat = (double)(sleep_us > 0 ? sleep_us : 0) / 1e6 + 1e-6;
    ev_timer_again(context->loop, &w->timer);
}

/* Only wakes the loop: the loop iteration that follows does the work. */
static void worker_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

/* Runs iterations until the worker is drained. */
static void worker_loop(struct worker *w)
{
    struct worker_context *context = &w->context;
    struct engine *engine = context->engine;
    struct jw *jw;

    signal_watch_start(&w->signals, context->loop, worker_on_signal, context);
    store_watch_init(&w->store_watch, context->loop, engine->store);
    ev_init(&w->timer, worker_on_timer);
    watchdog_start(context->loop, engine->config.request_deadline_s, engine_count_deadline, engine);
    jw = log_begin(engine->log, LOG_INFO, "worker.started");
    jw_text(jw, "worker", context->id_text);
    jw_bool(jw, "publishes", worker_publishes(context));
    log_end(engine->log);
    while (!worker_drained(w)) {
        worker_iterate(w);
        (void)ev_run(context->loop, EVRUN_ONCE);
    }
}

/* Allocates the worker, runs it until it is drained, and releases it. */
int worker_run(struct engine *engine)
{
    struct worker *w = calloc(1, sizeof(*w));
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
    int status = EXIT_FAILURE;

    if (w && loop) {
        worker_context_init(&w->context, engine, loop);
        if (worker_open_subsystems(w)) {
            worker_loop(w);
            status = EXIT_SUCCESS;
        }
        worker_close_subsystems(w);
    }
    if (loop)
        ev_loop_destroy(loop);
    free(w);
    return status;
}
