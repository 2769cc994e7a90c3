/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics of the whole pool, in one file of shared memory: each process owns a slot and only ever
 * adds to it with lock-free atomics; a scrape by any process sums all slots. Counters of a dead
 * process stay (they never fall); its gauges do not count, and the next owner of its slot starts
 * them at 0. Names, labels and help texts are the rows of metrics.def. */
#ifndef OBS_METRICS_H
#define OBS_METRICS_H

#include "app/base/buf.h"

struct metrics;

/* The routes by which requests are counted: label values `endpoint` (the pattern) and `method`. */
struct metrics_endpoint {
    const char *method;
    const char *pattern;
};

/* Labelled counters: one enum value a row of metrics.def; label values are the words listed there.
 */
enum metric {
#define COUNTER(id, name, labels, help) METRIC_##id,
#include "app/obs/metrics.def"
#undef COUNTER
    METRICS
};

enum metric_gauge {
    GAUGE_ACTIVE_REQUESTS,
    GAUGE_STORE_CONNECTIONS,
    GAUGE_STORE_IN_USE,
    GAUGE_KEYS_REFUSED,
    GAUGE_JOURNAL_LAG_MS, /* the worst of the live processes; all others are summed */
    GAUGES
};
enum breaker_gauge { BREAKER_GAUGE_CLOSED, BREAKER_GAUGE_OPEN, BREAKER_GAUGE_HALF_OPEN };

/* path: the shared file, made (0660) when it is not there or of another layout: other rows, other
 * endpoints. All that share it must see each other's pids. The last endpoint is the one for unknown
 * paths; the texts must outlive the metrics. NULL with a line in ret_error. */
struct metrics *metrics_open(const char *path, const struct metrics_endpoint *endpoints,
                             size_t endpoint_count, char ret_error[200]);
void metrics_close(struct metrics *m); /* gives the slot back; takes NULL */

void metrics_observe_request(struct metrics *m, size_t endpoint, int status, int64_t duration_us);
/* label_a, label_b: positions of the words in the metric's row (0 where it has no such label). */
void metrics_add(struct metrics *m, enum metric metric, unsigned label_a, unsigned label_b,
                 uint64_t n);
/* Batch processing time, by priority 0 high, 1 normal, 2 low. */
void metrics_observe_batch(struct metrics *m, unsigned priority, double seconds);
void metrics_gauge_add(struct metrics *m, enum metric_gauge gauge, int64_t delta);
void metrics_gauge_set(struct metrics *m, enum metric_gauge gauge, int64_t value);
/* State of this process's circuit breaker for `service` (0 redis, 1 dapr); the scrape shows the
 * worst of the live processes. */
void metrics_set_breaker(struct metrics *m, unsigned service, enum breaker_gauge state,
                         uint64_t failures, int64_t opened_at_ms);
/* A student has been erased: each process sees the count move, and drops what it remembers. m may
 * be NULL. */
void metrics_add_erasure(struct metrics *m);
uint64_t metrics_erasures(const struct metrics *m);
void metrics_reset(struct metrics *m); /* counters and histograms of all slots to 0, not gauges */

/* Prometheus text format 0.0.4, or OpenMetrics 1.0. version and commit are for build_info. Some 2
 * KiB for each endpoint that has been used: look at out->failed. */
void metrics_print(struct metrics *m, struct buf *out, bool openmetrics, const char *version,
                   const char *commit);

/* Sums for /metrics/detailed. */
struct metrics_summary {
    uint64_t requests_total, errors_total;             /* errors: status 500 and above */
    double average_latency_ms, p50_ms, p95_ms, p99_ms; /* 0 without requests */
    int64_t active_requests, store_connections, store_in_use;
    uint64_t cache_hits, cache_misses, spans, store_reconnects;
    int64_t counting_since_ms; /* when the file was made or last reset */
    int live_processes;
    struct {
        enum breaker_gauge state;
        uint64_t failures;
        int64_t opened_at_ms; /* 0: not open */
    } breakers[2];
};
void metrics_summarize(struct metrics *m, struct metrics_summary *ret);
uint64_t metrics_endpoint_total(struct metrics *m, size_t endpoint);

#endif
