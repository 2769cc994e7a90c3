/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What mastery-ctl top has measured over one interval, and its two forms of output. */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include "app/ctl/subcommand.h"
#include "app/obs/metrics_sample.h"
#include "app/store/depths.h"
#include "app/store/workers.h"

enum { TOP_PROGRAM_SIZE = 32 };

/* A running process of this host. */
struct top_process {
    int64_t pid;
    char program[TOP_PROGRAM_SIZE]; /* "": /proc does not show it */
    double requests_per_s, errors_per_s;
    int64_t active;       /* requests in progress */
    double cpu_percent;   /* share of one processor; below 0: unknown */
    int64_t memory_bytes; /* resident memory; below 0: unknown */
    enum breaker_gauge breakers[METRIC_SERVICES];
};

/* What mastery-ctl top shows about one interval. */
struct top_view {
    int64_t at_ms; /* end of the interval by the wall clock */
    double interval_s;
    const char *metrics_problem; /* why the metrics file cannot be read; NULL: it was read */
    const char *redis_problem;   /* why there is no reply of Redis; NULL: there is one */
    double requests_per_s, errors_per_s, mean_ms, p50_ms, p95_ms, p99_ms;
    int64_t active, store_connections; /* requests in progress; connections to Redis */
    double clock_skew_ms;              /* largest difference to Redis' clock */
    struct metrics_breaker breakers[METRIC_SERVICES];
    struct top_process processes[METRICS_PROCESSES_MAX];
    size_t process_count; /* number of elements of `processes` */
    struct depths depths; /* lengths of the queues in Redis */
    size_t workers;       /* number of workers that send heartbeats */
    int64_t lag_ms;       /* largest delay of a worker in processing the journal of changes */
};

/* The names of services and states, by enum metric_service and enum breaker_gauge. */
extern const char *const top_service_names[METRIC_SERVICES];
extern const char *const top_breaker_names[];

/* Prints the view as text, without the lines beyond `height` if that is not 0. */
void top_print(const struct top_view *view, int height);
/* Prints the view as a line of JSON. */
enum ctl_exit top_print_json(const struct subcommand *command, const struct top_view *view,
                             struct arena *arena);

#endif
