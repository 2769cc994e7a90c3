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
static bool worker_open_subsystems(struct worker *worker)
{
    struct worker_context *context = &worker->context;
    struct shards *shards = &worker->shards;
    char error[200] = "out of memory";

    context->tasks = &worker->tasks;
    shards_init(shards, context);
    worker->http = http_new(context->loop, PUBLISHERS);
    worker->sidecar.worker = context;
    worker->sidecar.http = worker->http;
    worker->journal.worker = context;
    worker->journal.shards = shards;
    worker->journal_wait.worker = context;
    worker->journal_wait.shards = shards;
    worker->outbox.worker = context;
    worker->outbox.shards = shards;
    worker->outbox.sidecar = &worker->sidecar;
    worker->heartbeat.worker = context;
    worker->heartbeat.shards = shards;
    worker->heartbeat.journal = &worker->journal;
    worker->heartbeat.sidecar = &worker->sidecar;
    periodic_init(&worker->heartbeat.schedule, context, /* delay_us */ 0);
    leases_init(&worker->leases, context, shards, &worker->heartbeat);
    worker->jobs.worker = context;
    worker->jobs.http = worker->http;
    worker->jobs.kinds = job_kinds;
    worker->jobs.kind_count = JOB_KINDS;
    retention_init(&worker->retention, context, shards);
    calibration_init(&worker->calibration, context, shards);
    audit_maintenance_init(&worker->audit, context, shards);
    seals_init(&worker->seals, context, shards);
    audit_segments_init(&worker->segments, context, shards);
    audit_archiving_init(&worker->archiving, context, shards);
    erasures_init(&worker->erasures, context, shards);
    unfinished_init(&worker->unfinished, context, shards);
    worker->alive.worker = context;
    if (worker->http && journal_wait_open(&worker->journal_wait, error) &&
        sidecar_open(&worker->sidecar))
        return true;
    (void)fprintf(stderr, "mastery-worker: cannot start: %s\n", error);
    return false;
}

/* Lets every subsystem start the work that is due. The order matters: an event that one subsystem
 * produces can be processed by a later one in the same loop iteration. */
static void worker_tick_subsystems(struct worker *worker)
{
    heartbeat_tick(&worker->heartbeat);
    leases_tick(&worker->leases);
    journal_wait_tick(&worker->journal_wait);
    journal_tick(&worker->journal);
    outbox_tick(&worker->outbox);
    sidecar_tick(&worker->sidecar);
    jobs_tick(&worker->jobs);
    retention_tick(&worker->retention);
    calibration_tick(&worker->calibration);
    audit_maintenance_tick(&worker->audit);
    seals_tick(&worker->seals);
    audit_segments_tick(&worker->segments);
    audit_archiving_tick(&worker->archiving);
    erasures_tick(&worker->erasures);
    unfinished_tick(&worker->unfinished);
}

/* Releases every subsystem. http_free ends the running HTTP calls before the jobs and publishers
 * that own them are released. */
static void worker_close_subsystems(struct worker *worker)
{
    audit_archiving_close(&worker->archiving);
    alive_close(&worker->alive);
    erasures_close(&worker->erasures);
    store_watch_stop(&worker->store_watch);
    signal_watch_stop(&worker->signals);
    journal_wait_close(&worker->journal_wait);
    http_free(worker->http);
    jobs_close(&worker->jobs);
    sidecar_close(&worker->sidecar);
    tasks_release(&worker->tasks);
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
static void worker_deregister_if_idle(struct worker *worker)
{
    struct task *task;

    if (worker->deregistered || !worker_draining(&worker->context) || worker->tasks.count > 0)
        return;
    worker->deregistered = true;
    task = task_begin(&worker->context, NO_SHARD, worker);

    if (!task) { /* no memory: the worker ends at once, and its leases expire by themselves */
        worker->context.drain_deadline_us = worker->context.now_us;
        return;
    }
    leases_queue_release(&worker->leases, &task->pipeline);
    workers_cmd_remove(&task->pipeline, worker->context.id);
    queue_cmd_remove_consumer(&task->pipeline, worker->context.id);
    task_submit(task, worker_on_deregistered);
}

/* Returns true if the loop must end: the worker is draining and its deadline is reached. Completed
 * work moves the deadline to the present. */
static bool worker_drained(const struct worker *worker)
{
    return worker_draining(&worker->context) &&
           clock_monotonic_us() >= worker->context.drain_deadline_us;
}

/* ---- the loop ---- */

/* One loop iteration, called after libev has received events: replies first, then new work, then
 * sending, log and the length of the next sleep. */
static void worker_iterate(struct worker *worker)
{
    struct worker_context *context = &worker->context;
    struct engine *engine = context->engine;
    struct pipeline *done;
    int64_t sleep_us;

    worker_start_iteration(context);
    secrets_reload_tick(engine, context->now_us);
    while ((done = store_next_done(engine->store))) {
        struct task *task = done->owner;

        task->on_replies(task);
    }
    alive_tick(&worker->alive);
    if (!worker->deregistered)
        worker_tick_subsystems(worker);
    worker_deregister_if_idle(worker);
    store_flush(engine->store, context->now_us);
    worker_wake_at(context, context->now_us + store_tick(engine->store, context->now_us));
    engine_report(engine);
    store_watch_update(&worker->store_watch);
    log_flush(engine->log);
    sleep_us = context->wake_us - clock_monotonic_us();
    /* a microsecond more, since libev takes 0 for "no timer" */
    worker->timer.repeat = (double)(sleep_us > 0 ? sleep_us : 0) / 1e6 + 1e-6;
    ev_timer_again(context->loop, &worker->timer);
}

/* Called by libev when the timer expires. Does nothing: the timer only wakes the loop, whose next
 * iteration does the work. */
static void worker_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

/* Runs iterations until the worker is drained. */
static void worker_loop(struct worker *worker)
{
    struct worker_context *context = &worker->context;
    struct engine *engine = context->engine;
    struct jw *jw;

    signal_watch_start(&worker->signals, context->loop, worker_on_signal, context);
    store_watch_init(&worker->store_watch, context->loop, engine->store);
    ev_init(&worker->timer, worker_on_timer);
    watchdog_start(context->loop, engine->config.request_deadline_s, engine_count_deadline, engine);
    jw = log_begin(engine->log, LOG_INFO, "worker.started");
    jw_text(jw, "worker", context->id_text);
    jw_bool(jw, "publishes", worker_publishes(context));
    log_end(engine->log);
    while (!worker_drained(worker)) {
        worker_iterate(worker);
        (void)ev_run(context->loop, EVRUN_ONCE);
    }
}

/* Allocates the worker, runs it until it is drained, and releases it. */
int worker_run(struct engine *engine)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
    int status = EXIT_FAILURE;

    if (worker && loop) {
        worker_context_init(&worker->context, engine, loop);
        if (worker_open_subsystems(worker)) {
            worker_loop(worker);
            status = EXIT_SUCCESS;
        }
        worker_close_subsystems(worker);
    }
    if (loop)
        ev_loop_destroy(loop);
    free(worker);
    return status;
}
