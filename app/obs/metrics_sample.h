/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What mastery-ctl top shows: the counts of all processes at one time. Rates and latencies are the
 * differences of two samples. */
#ifndef OBS_METRICS_SAMPLE_H
#define OBS_METRICS_SAMPLE_H

#include "app/obs/metrics.h"

enum {
    METRICS_PROCESSES_MAX = 128, /* processes that share the metrics file */
    METRICS_DURATIONS = 15,      /* ranges in which durations of requests are counted */
};

/* A running process. Its counts may include those of an earlier owner of its slot. */
struct metrics_process {
    int64_t pid;
    /* index of its section of the file; with the pid it identifies the process, since pids are
     * reused */
    size_t slot;
    uint64_t requests, errors;
    int64_t active; /* requests in progress */
    enum breaker_gauge breakers[METRIC_SERVICES];
};

struct metrics_sample {
    int64_t at_us;     /* monotonic; when the sample was taken */
    uint64_t requests; /* requests of all processes, including those that have ended */
    uint64_t errors;   /* responses with status 500 and above, of all processes */
    uint64_t durations[METRICS_DURATIONS]; /* number of requests in each range of durations */
    uint64_t duration_sum_us;              /* sum of the durations of all requests */
    uint64_t cache_hits, cache_misses, store_reconnects;
    int64_t gauges[GAUGES]; /* sum or maximum of the running processes, see enum metric_gauge */
    struct metrics_breaker breakers[METRIC_SERVICES];
    struct metrics_process processes[METRICS_PROCESSES_MAX];
    size_t n; /* number of processes */
};

/* Reads the counts into *ret. metrics: result of metrics_open or metrics_open_reader. */
void metrics_take_sample(struct metrics *metrics, struct metrics_sample *ret);
/* Returns the duration in milliseconds below which the share (0 to 1) of the requests between two
 * samples lies; 0 when there were none. */
double metrics_sample_percentile_ms(const struct metrics_sample *before,
                                    const struct metrics_sample *after, double share);
/* Returns the mean duration in milliseconds of the requests between two samples; 0 when there were
 * none. */
double metrics_sample_mean_ms(const struct metrics_sample *before,
                              const struct metrics_sample *after);
/* Returns the process of a sample with this pid and slot; NULL when the sample has none. */
const struct metrics_process *metrics_sample_find(const struct metrics_sample *sample, int64_t pid,
                                                  size_t slot);

#endif
