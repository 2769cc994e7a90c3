/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints what mastery-ctl top shows: as a screen of text, or as a line of JSON. */
#include <inttypes.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"
#include "app/ctl/top.h"

enum {
    LINES_ABOVE = 7
}; /* lines of the screen before the list of processes, its heading included */

const char *const top_service_names[METRIC_SERVICES] = {
    [METRIC_SERVICE_REDIS] = "redis", [METRIC_SERVICE_DAPR] = "dapr"};
const char *const top_breaker_names[] = {[BREAKER_GAUGE_CLOSED] = "closed",
                                         [BREAKER_GAUGE_OPEN] = "open",
                                         [BREAKER_GAUGE_HALF_OPEN] = "half_open"};

/* ---- text ---- */

/* Prints the lines about requests. */
static void top_print_requests(const struct top_view *view)
{
    if (view->metrics_problem) {
        /* with two empty lines: three in all, as many as the metrics take */
        (void)printf("requests  %s\n\n\n", view->metrics_problem);
        return;
    }
    (void)printf("requests  %.1f/s, %.1f/s failed (5xx), %" PRId64 " in progress\n",
                 view->requests_per_s, view->errors_per_s, view->active);
    (void)printf("latency   p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, mean %.1f ms\n", view->p50_ms,
                 view->p95_ms, view->p99_ms, view->mean_ms);
    (void)fputs("breakers ", stdout);
    for (int i = 0; i < METRIC_SERVICES; i++) {
        enum breaker_gauge state = view->breakers[i].state;

        (void)printf(" %s ", top_service_names[i]);
        terminal_print(state == BREAKER_GAUGE_CLOSED ? COLOUR_GOOD : COLOUR_BAD, 0,
                       top_breaker_names[state]);
    }
    (void)printf("; clock off by %.0f ms\n", view->clock_skew_ms);
}

/* Prints the line about Redis. */
static void top_print_queues(const struct top_view *view)
{
    const struct depths *depths = &view->depths;

    if (view->redis_problem) {
        (void)printf("queues    Redis cannot be reached: %s\n", view->redis_problem);
        return;
    }
    (void)printf("queues    journal %" PRId64 ", outbox %" PRId64 ", jobs %" PRId64 "/%" PRId64
                 "/%" PRId64 " (high/normal/low), later %" PRId64 ", dead letters %" PRId64
                 "; workers %zu, lag %.1f s\n",
                 depths->journal, depths->outbox, depths->jobs[QUEUE_HIGH],
                 depths->jobs[QUEUE_NORMAL], depths->jobs[QUEUE_LOW], depths->later,
                 depths->dead_letters, view->workers, (double)view->lag_ms / 1000);
}

/* Prints the line of one process. A share of the processor below 0 is unknown, for example for a
 * process that has just begun, and is shown as 0, like its rates. */
static void top_print_process(const struct top_process *process)
{
    (void)printf("%8" PRId64 "  %-15s %8.1f %8.1f %9" PRId64, process->pid,
                 *process->program ? process->program : "-", process->requests_per_s,
                 process->errors_per_s, process->active);
    if (process->memory_bytes >= 0)
        (void)printf(" %7.1f %8.1f", process->cpu_percent < 0 ? 0 : process->cpu_percent,
                     (double)process->memory_bytes / (1 << 20));
    else
        (void)printf(" %7s %8s", "-", "-");
    for (int i = 0; i < METRIC_SERVICES; i++) {
        if (process->breakers[i] != BREAKER_GAUGE_CLOSED)
            (void)printf("  %s %s", top_service_names[i], top_breaker_names[process->breakers[i]]);
    }
    (void)putchar('\n');
}

void top_print(const struct top_view *view, int height)
{
    size_t shown = view->process_count;
    char time[TIME_TEXT_SIZE];

    time_print(view->at_ms, time);
    (void)printf("mastery-ctl top  %s, over %.1f s\n", time, view->interval_s);
    top_print_requests(view);
    top_print_queues(view);
    (void)printf("\n%8s  %-15s %8s %8s %9s %7s %8s\n", "PID", "PROGRAM", "REQ/S", "5XX/S",
                 "PROGRESS", "CPU %", "MIB");
    /* if not all processes fit, one line shows how many are left out */
    if (height > LINES_ABOVE + 1 && shown > (size_t)(height - LINES_ABOVE - 1))
        shown = (size_t)(height - LINES_ABOVE - 1);
    for (size_t i = 0; i < shown; i++)
        top_print_process(&view->processes[i]);
    if (shown < view->process_count)
        (void)printf("%zu more processes", view->process_count - shown);
}

/* ---- JSON ---- */

/* Writes the states of circuit breakers. */
static void top_write_breakers(struct jw *w, const enum breaker_gauge states[METRIC_SERVICES])
{
    jw_object(w, "breakers");
    for (int i = 0; i < METRIC_SERVICES; i++)
        jw_text(w, top_service_names[i], top_breaker_names[states[i]]);
    jw_object_end(w);
}

/* Writes the members "requests", "breakers" and "clock_skew_ms". When the metrics file cannot be
 * read, "requests" is null, and the only other member is "metrics_problem". */
static void top_write_requests(struct jw *w, const struct top_view *view)
{
    enum breaker_gauge states[METRIC_SERVICES];

    if (view->metrics_problem) {
        jw_null(w, "requests");
        jw_text(w, "metrics_problem", view->metrics_problem);
        return;
    }
    jw_object(w, "requests");
    jw_number(w, "per_second", view->requests_per_s);
    jw_number(w, "errors_per_second", view->errors_per_s);
    jw_int(w, "in_progress", view->active);
    jw_number(w, "p50_ms", view->p50_ms);
    jw_number(w, "p95_ms", view->p95_ms);
    jw_number(w, "p99_ms", view->p99_ms);
    jw_number(w, "mean_ms", view->mean_ms);
    jw_object_end(w);
    for (int i = 0; i < METRIC_SERVICES; i++)
        states[i] = view->breakers[i].state;
    top_write_breakers(w, states);
    jw_number(w, "clock_skew_ms", view->clock_skew_ms);
}

/* Writes the members about Redis: "queues", "workers" and "lag_ms". When Redis cannot be reached,
 * "queues" is null, and the only other member is "redis_problem". */
static void top_write_queues(struct jw *w, const struct top_view *view)
{
    const struct depths *depths = &view->depths;

    if (view->redis_problem) {
        jw_null(w, "queues");
        jw_text(w, "redis_problem", view->redis_problem);
        return;
    }
    jw_object(w, "queues");
    jw_int(w, "journal", depths->journal);
    jw_int(w, "outbox", depths->outbox);
    jw_int(w, "jobs_high", depths->jobs[QUEUE_HIGH]);
    jw_int(w, "jobs_normal", depths->jobs[QUEUE_NORMAL]);
    jw_int(w, "jobs_low", depths->jobs[QUEUE_LOW]);
    jw_int(w, "jobs_later", depths->later);
    jw_int(w, "dead_letters", depths->dead_letters);
    jw_object_end(w);
    jw_int(w, "workers", (int64_t)view->workers);
    jw_int(w, "lag_ms", view->lag_ms);
}

/* Writes one process as an object; what is not known is null or left out. */
static void top_write_process(struct jw *w, const struct top_process *process)
{
    jw_object(w, NULL);
    jw_int(w, "pid", process->pid);
    jw_text(w, "program", *process->program ? process->program : NULL);
    jw_number(w, "requests_per_second", process->requests_per_s);
    jw_number(w, "errors_per_second", process->errors_per_s);
    jw_int(w, "in_progress", process->active);
    if (process->cpu_percent >= 0)
        jw_number(w, "cpu_percent", process->cpu_percent);
    if (process->memory_bytes >= 0)
        jw_int(w, "memory_bytes", process->memory_bytes);
    top_write_breakers(w, process->breakers);
    jw_object_end(w);
}

enum ctl_exit top_print_json(const struct subcommand *command, const struct top_view *view,
                             struct arena *arena)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, arena);

    jw_time(w, "at", view->at_ms);
    jw_number(w, "interval_s", view->interval_s);
    top_write_requests(w, view);
    top_write_queues(w, view);
    jw_array(w, "processes");
    for (size_t i = 0; i < view->process_count; i++)
        top_write_process(w, &view->processes[i]);
    jw_array_end(w);
    return json_line_end(&line, command, CTL_DONE);
}
