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
 * processes (another container), the pid is that of a different program, which is not shown. */
static void proc_fill(struct top_process *p)
{
    long long pages = 0;
    char text[256];

    p->memory_bytes = -1;
    if (!proc_read(p->pid, "comm", p->program, sizeof(p->program)) ||
        strncmp(p->program, "mastery-", 8) != 0) {
        p->program[0] = '\0';
        return;
    }
    if (proc_read(p->pid, "statm", text, sizeof(text)) && strchr(text, ' '))
        pages = strtoll(strchr(text, ' '), NULL, 10);
    p->memory_bytes = pages * sysconf(_SC_PAGESIZE);
}

/* Returns the processor time of the process in ticks; 0 when unknown. The program's name, in
 * brackets, may contain spaces; utime and stime are the 12th and 13th field after it. */
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

/* Takes a sample of the metrics and of the processes' use of processors into r->samples[index] and
 * r->usages[index]. */
static void top_take_sample(struct top_run *r, int index)
{
    struct metrics_sample *sample = &r->samples[index];

    if (!r->engine.metrics)
        return;
    metrics_take_sample(r->engine.metrics, sample);
    for (size_t i = 0; i < sample->n; i++)
        r->usages[index][i] = (struct top_usage){.pid = sample->processes[i].pid,
                                                 .ticks = proc_ticks(sample->processes[i].pid)};
}

/* Returns how much a counter has risen in each second. A counter that was reset has risen from 0.
 */
static double rate_of(uint64_t before, uint64_t after, double seconds)
{
    return seconds > 0 ? (double)(after - (after < before ? 0 : before)) / seconds : 0;
}

/* Fills one process from its numbers in both samples. A process that has just begun is not in the
 * older sample, and so has no rates; its share of the processor stays -1 (unknown). */
static void top_fill_process(const struct top_run *r, int older, const struct metrics_process *now,
                             double seconds, struct top_process *ret)
{
    const struct metrics_process *before =
        metrics_sample_find(&r->samples[older], now->pid, now->slot);
    uint64_t ticks = proc_ticks(now->pid);

    *ret = (struct top_process){.pid = now->pid, .active = now->active, .cpu_percent = -1};
    memcpy(ret->breakers, now->breakers, sizeof(ret->breakers));
    proc_fill(ret);
    if (!before)
        return;
    ret->requests_per_s = rate_of(before->requests, now->requests, seconds);
    ret->errors_per_s = rate_of(before->errors, now->errors, seconds);
    for (size_t i = 0; i < r->samples[older].n; i++) {
        if (r->usages[older][i].pid == now->pid && ticks > 0)
            ret->cpu_percent = rate_of(r->usages[older][i].ticks, ticks, seconds) * 100 /
                               (double)sysconf(_SC_CLK_TCK);
    }
}

/* Fills the members that come from the metrics: the differences between r->samples[older], of the
 * start of the interval, and the other sample, of its end. */
static void top_fill_metrics(struct top_run *r, int older)
{
    const struct metrics_sample *before = &r->samples[older], *after = &r->samples[!older];
    double seconds = (double)(after->at_us - before->at_us) / 1e6;
    struct top_view *v = &r->view;

    if (!r->engine.metrics) {
        v->metrics_problem = r->metrics_error;
        return;
    }
    v->interval_s = seconds;
    v->requests_per_s = rate_of(before->requests, after->requests, seconds);
    v->errors_per_s = rate_of(before->errors, after->errors, seconds);
    v->mean_ms = metrics_sample_mean_ms(before, after);
    v->p50_ms = metrics_sample_percentile_ms(before, after, 0.50);
    v->p95_ms = metrics_sample_percentile_ms(before, after, 0.95);
    v->p99_ms = metrics_sample_percentile_ms(before, after, 0.99);
    v->active = after->gauges[GAUGE_ACTIVE_REQUESTS];
    v->store_connections = after->gauges[GAUGE_STORE_CONNECTIONS];
    v->clock_skew_ms = (double)after->gauges[GAUGE_CLOCK_SKEW_MS];
    memcpy(v->breakers, after->breakers, sizeof(v->breakers));
    v->process_count = after->n;
    for (size_t i = 0; i < after->n; i++)
        top_fill_process(r, older, &after->processes[i], seconds, &v->processes[i]);
}

/* Fills the members that come from Redis, in one round trip: the depths of the queues and, from the
 * heartbeats of the workers, their number and largest delay. */
static void top_fill_queues(struct top_run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct worker_heartbeat beats[WORKERS_MAX];
    struct top_view *v = &r->view;
    struct command *workers, *depths;
    struct pipeline pipeline;

    pipeline_init(&pipeline, r->arena, NULL /* owner */);
    workers = workers_cmd_get(&pipeline);
    depths = depths_cmd_get(&pipeline);
    if (!store_wait(r->engine.store, &pipeline)) {
        v->redis_problem = store_last_error(r->engine.store);
        return;
    }
    if (!depths_parse(depths, &v->depths, &p) || !workers_parse(workers, beats, &v->workers)) {
        v->redis_problem = "its replies cannot be used";
        return;
    }
    for (size_t i = 0; i < v->workers; i++)
        v->lag_ms = beats[i].lag_ms > v->lag_ms ? beats[i].lag_ms : v->lag_ms;
}

/* Opens the metrics file unless it is open. A pool that starts later makes the file only then, and
 * a new version of the engine replaces it. */
static void top_open_metrics(struct top_run *r)
{
    if (r->engine.metrics || engine_read_metrics(&r->engine, r->metrics_error))
        return;
    r->engine.metrics = NULL;
}

/* ---- the loop ---- */

/* Prints the interval that began at r->samples[older]. Returns CTL_DONE to continue. */
static enum ctl_exit top_show(struct top_run *r, int older)
{
    arena_reset(r->arena);
    r->view =
        (struct top_view){.at_ms = clock_wall_ms(), .interval_s = (double)r->settings->interval_s};
    top_fill_metrics(r, older);
    top_fill_queues(r);
    if (r->settings->json)
        return top_print_json(r->command, &r->view, r->arena);
    screen_begin_page(&r->screen);
    top_print(&r->view, r->screen.is_open ? terminal_height() : 0);
    if (!r->settings->once)
        screen_end_page(&r->screen);
    return CTL_DONE;
}

/* Shows one interval after the other until the user ends it; only the first with --once. `older` is
 * the index of the sample of the interval's start, which the next sample replaces. */
static enum ctl_exit top_loop(struct top_run *r)
{
    enum ctl_exit status = CTL_DONE;
    int older = 0;

    top_open_metrics(r);
    top_take_sample(r, older);
    while (status == CTL_DONE && screen_wait(&r->screen, r->settings->interval_s * 1000)) {
        bool was_open = r->engine.metrics;

        top_open_metrics(r);
        top_take_sample(r, !older);
        if (!was_open) /* its first sample: there is no older one, so all rates are 0 */
            r->samples[older] = r->samples[!older];
        status = top_show(r, older);
        older = !older;
        if (r->settings->once)
            break;
    }
    if (status == CTL_DONE && r->view.redis_problem && r->view.metrics_problem)
        return CTL_UNAVAILABLE;
    return status;
}

/* Opens the engine without joining the metrics file. The screen is opened last and closed first, so
 * that errors of the configuration stay readable. */
static enum ctl_exit top_run(const struct subcommand *command, const void *settings,
                             struct arena *arena)
{
    struct top_run *r = arena_zalloc(arena, sizeof(*r));
    size_t count;
    const struct route_table *tables = route_tables(&count);
    enum ctl_exit status = CTL_FAILED;
    struct router *router;

    if (!r)
        return CTL_FAILED;
    r->command = command;
    r->settings = settings;
    r->arena = arena_new(1 << 18, 16 << 20); /* bytes at first, and at most */
    router = router_new(tables, count);
    if (r->arena && router && engine_open(&r->engine, "mastery-ctl top", router, 0)) {
        if (r->settings->once || r->settings->json)
            r->screen.signal_fd = -1; /* no screen: signals end the process as usual */
        else
            screen_open(&r->screen);
        status = top_loop(r);
        screen_close(&r->screen);
    }
    engine_close(&r->engine);
    router_free(router);
    arena_free(r->arena);
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
