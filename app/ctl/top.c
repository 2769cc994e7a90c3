/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl top: shows rates, latencies, circuit breakers and processes of this host, from the
 * file of metrics, which it only reads, and the depths of the queues, from Redis with one round
 * trip for each interval. It works without either of the two. */
#include "app/ctl/top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/ctl/screen.h"
#include "app/ctl/terminal.h"
#include "app/http/router.h"
#include "app/routes/routes.h"

struct top_settings {
    int64_t interval_s;
    bool once, json;
};

/* Processor time of a process when a sample was taken. */
struct top_usage {
    int64_t pid;
    uint64_t ticks; /* used until then; sysconf(_SC_CLK_TCK) ticks are a second */
};

/* One run of mastery-ctl top. */
struct top_run {
    const struct subcommand *command;
    const struct top_settings *settings;
    struct engine engine;
    struct arena *arena; /* replies and output; reset for each view */
    struct screen screen;
    /* samples of the start and the end of an interval, which are stored alternately */
    struct metrics_sample samples[2];
    struct top_usage usages[2][METRICS_PROCESSES_MAX];
    struct top_view view;
    char metrics_error[200];
};

/* ---- /proc ---- */

/* Reads the first line of the file /proc/PID/NAME, at most size - 1 bytes. False when there is
 * none. */
static bool proc_read(int64_t pid, const char *name, char *ret_text, size_t size)
{
    char path[64];
    FILE *file;
    size_t n;

    (void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/%s", pid, name);
    file = fopen(path, "re");
    if (!file)
        return false;
    n = fread(ret_text, 1, size - 1, file);
    (void)fclose(file);
    ret_text[n] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
    return n > 0;
}

/* Fills program and memory if /proc has the process. When top runs in another namespace of
 * processes (another container), the pid is that of a different program, which is not shown. The
 * second number of the file statm is the number of resident pages. */
static void proc_fill(struct top_process *process)
{
    long long pages = 0;
    char text[256];

    process->memory_bytes = -1;
    if (!proc_read(process->pid, "comm", process->program, sizeof(process->program)) ||
        strncmp(process->program, "mastery-", 8) != 0) {
        process->program[0] = '\0';
        return;
    }
    if (proc_read(process->pid, "statm", text, sizeof(text)) && strchr(text, ' '))
        pages = strtoll(strchr(text, ' '), NULL, 10);
    process->memory_bytes = pages * sysconf(_SC_PAGESIZE);
}

/* Returns the processor time of the process in ticks; 0 when unknown. The program's name, in
 * brackets, may contain spaces; utime and stime, whose sum it is, are the 12th and 13th field after
 * the brackets. */
static uint64_t proc_ticks(int64_t pid)
{
    char text[512];
    char *rest = proc_read(pid, "stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;
    uint64_t ticks = 0;

    for (int field = 1; rest && field <= 13; field++) {
        rest = strchr(rest + 1, ' ');
        if (rest && field >= 12)
            ticks += strtoull(rest, NULL, 10);
    }
    return ticks;
}

/* ---- measuring ---- */

/* Takes a sample of the metrics and of the processes' use of processors into run->samples[index]
 * and run->usages[index]. Does nothing while the metrics file is not open. */
static void top_take_sample(struct top_run *run, int index)
{
    struct metrics_sample *sample = &run->samples[index];

    if (!run->engine.metrics)
        return;
    metrics_take_sample(run->engine.metrics, sample);
    for (size_t i = 0; i < sample->n; i++)
        run->usages[index][i] = (struct top_usage){.pid = sample->processes[i].pid,
                                                   .ticks = proc_ticks(sample->processes[i].pid)};
}

/* Returns how much a counter rises in each second, from its values before and after an interval of
 * `seconds`. A counter that is lower afterwards was reset, and has risen from 0. */
static double top_rate(uint64_t before, uint64_t after, double seconds)
{
    return seconds > 0 ? (double)(after - (after < before ? 0 : before)) / seconds : 0;
}

/* Fills one process from its numbers in both samples: `current`, of the later one, and those in
 * run->samples[older]. A process that has just begun is not in the older sample, and so has no
 * rates; its share of the processor stays -1 (unknown). */
static void top_fill_process(const struct top_run *run, int older,
                             const struct metrics_process *current, double seconds,
                             struct top_process *ret)
{
    const struct metrics_process *before =
        metrics_sample_find(&run->samples[older], current->pid, current->slot);
    uint64_t ticks = proc_ticks(current->pid);

    *ret = (struct top_process){.pid = current->pid, .active = current->active, .cpu_percent = -1};
    memcpy(ret->breakers, current->breakers, sizeof(ret->breakers));
    proc_fill(ret);
    if (!before)
        return;
    ret->requests_per_s = top_rate(before->requests, current->requests, seconds);
    ret->errors_per_s = top_rate(before->errors, current->errors, seconds);
    for (size_t i = 0; i < run->samples[older].n; i++) {
        if (run->usages[older][i].pid == current->pid && ticks > 0)
            ret->cpu_percent = top_rate(run->usages[older][i].ticks, ticks, seconds) * 100 /
                               (double)sysconf(_SC_CLK_TCK);
    }
}

/* Fills the members that come from the metrics: the differences between run->samples[older], of the
 * start of the interval, and the other sample, of its end. */
static void top_fill_metrics(struct top_run *run, int older)
{
    const struct metrics_sample *before = &run->samples[older], *after = &run->samples[!older];
    double seconds = (double)(after->at_us - before->at_us) / 1e6;
    struct top_view *view = &run->view;

    if (!run->engine.metrics) {
        view->metrics_problem = run->metrics_error;
        return;
    }
    view->interval_s = seconds;
    view->requests_per_s = top_rate(before->requests, after->requests, seconds);
    view->errors_per_s = top_rate(before->errors, after->errors, seconds);
    view->mean_ms = metrics_sample_mean_ms(before, after);
    view->p50_ms = metrics_sample_percentile_ms(before, after, 0.50);
    view->p95_ms = metrics_sample_percentile_ms(before, after, 0.95);
    view->p99_ms = metrics_sample_percentile_ms(before, after, 0.99);
    view->active = after->gauges[GAUGE_ACTIVE_REQUESTS];
    view->store_connections = after->gauges[GAUGE_STORE_CONNECTIONS];
    view->clock_skew_ms = (double)after->gauges[GAUGE_CLOCK_SKEW_MS];
    memcpy(view->breakers, after->breakers, sizeof(view->breakers));
    view->process_count = after->n;
    for (size_t i = 0; i < after->n; i++)
        top_fill_process(run, older, &after->processes[i], seconds, &view->processes[i]);
}

/* Fills the members that come from Redis, in one round trip: the depths of the queues and, from the
 * heartbeats of the workers, their number and largest delay. */
static void top_fill_queues(struct top_run *run)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct worker_heartbeat beats[WORKERS_MAX];
    struct top_view *view = &run->view;
    struct command *workers, *depths;
    struct pipeline pipeline;

    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    workers = workers_cmd_get(&pipeline);
    depths = depths_cmd_get(&pipeline);
    if (!store_wait(run->engine.store, &pipeline)) {
        view->redis_problem = store_last_error(run->engine.store);
        return;
    }
    if (!depths_parse(depths, &view->depths, &p) ||
        !workers_parse(workers, beats, &view->workers)) {
        view->redis_problem = "its replies cannot be used";
        return;
    }
    for (size_t i = 0; i < view->workers; i++)
        view->lag_ms = beats[i].lag_ms > view->lag_ms ? beats[i].lag_ms : view->lag_ms;
}

/* Opens the metrics file unless it is open; a failure has its reason in run->metrics_error. It is
 * tried again for each interval, because a pool that starts later makes the file only then, and one
 * that was made by another version of the engine can be read only when a new pool has replaced it.
 */
static void top_open_metrics(struct top_run *run)
{
    if (run->engine.metrics || engine_read_metrics(&run->engine, run->metrics_error))
        return;
    run->engine.metrics = NULL;
}

/* ---- the loop ---- */

/* Computes and prints what has happened since run->samples[older]. Returns CTL_DONE to continue. */
static enum ctl_exit top_show(struct top_run *run, int older)
{
    arena_reset(run->arena);
    run->view = (struct top_view){.at_ms = clock_wall_ms(),
                                  .interval_s = (double)run->settings->interval_s};
    top_fill_metrics(run, older);
    top_fill_queues(run);
    if (run->settings->json)
        return top_print_json(run->command, &run->view, run->arena);
    screen_begin_page(&run->screen);
    top_print(&run->view, run->screen.is_open ? terminal_height() : 0);
    if (!run->settings->once)
        screen_end_page(&run->screen);
    return CTL_DONE;
}

/* Shows one interval after the other until the user ends it; only the first with --once. `older` is
 * the index of the sample of the interval's start, which the next sample replaces. */
static enum ctl_exit top_loop(struct top_run *run)
{
    enum ctl_exit status = CTL_DONE;
    int older = 0;

    top_open_metrics(run);
    top_take_sample(run, older);
    while (status == CTL_DONE && screen_wait(&run->screen, run->settings->interval_s * 1000)) {
        bool was_open = run->engine.metrics;

        top_open_metrics(run);
        top_take_sample(run, !older);
        /* the metrics file was opened only now: both samples are the same, so all rates are 0 */
        if (!was_open)
            run->samples[older] = run->samples[!older];
        status = top_show(run, older);
        older = !older;
        if (run->settings->once)
            break;
    }
    if (status == CTL_DONE && run->view.redis_problem && run->view.metrics_problem)
        return CTL_UNAVAILABLE;
    return status;
}

/* Opens the engine without counting in the metrics file, and runs the loop. The screen is opened
 * last and closed first, so that errors of the configuration stay readable. */
static enum ctl_exit top_run(const struct subcommand *command, const void *settings,
                             struct arena *arena)
{
    struct top_run *run = arena_zalloc(arena, sizeof(*run));
    size_t count;
    const struct route_table *tables = route_tables(&count);
    enum ctl_exit status = CTL_FAILED;
    struct router *router;

    if (!run)
        return CTL_FAILED;
    run->command = command;
    run->settings = settings;
    run->arena = arena_new(1 << 18, 16 << 20); /* bytes at first, and at most */
    router = router_new(tables, count);
    if (run->arena && router && engine_open(&run->engine, "mastery-ctl top", router, 0)) {
        if (run->settings->once || run->settings->json)
            run->screen.signal_fd = -1; /* no screen: signals end the process as usual */
        else
            screen_open(&run->screen);
        status = top_loop(run);
        screen_close(&run->screen);
    }
    engine_close(&run->engine);
    router_free(router);
    arena_free(run->arena);
    return status;
}

/* clang-format off */
static const struct option_rule top_options[] = {
    {.name = "interval", .value_name = "SECONDS", .type = OPTION_INT, .min = 1, .max = 3600,
     .offset = offsetof(struct top_settings, interval_s),
     .description = "time between two samples, over which rates are computed (2)"},
    {.name = "once", .type = OPTION_FLAG, .offset = offsetof(struct top_settings, once),
     .description = "show one interval and end"},
    OPTION_JSON(top_settings),
    {0},
};
/* clang-format on */

static const struct top_settings top_defaults = {.interval_s = 2};

const struct subcommand top_subcommand = {
    .name = "top",
    .summary = "Shows rates, latencies, circuit breakers, queues and processes, again and again",
    .description =
        "\nRequests and processes are those of this host, from METRICS_FILE, which only users of\n"
        "the engine's group may read; queues are in Redis. p50 is the time within which half of\n"
        "the requests of the interval had their response. On a terminal q or Ctrl-C ends it.\n",
    .json =
        "a line for each interval: at, interval_s, requests (per_second, errors_per_second, "
        "in_progress, p50_ms, p95_ms, p99_ms, mean_ms), breakers, clock_skew_ms, queues, workers, "
        "lag_ms, processes (pid, program, requests_per_second, errors_per_second, in_progress, "
        "cpu_percent, memory_bytes, breakers); what cannot be read is null, and metrics_problem "
        "or redis_problem says why",
    .options = top_options,
    .default_settings = &top_defaults,
    .settings_size = sizeof(struct top_settings),
    .run = top_run,
};
