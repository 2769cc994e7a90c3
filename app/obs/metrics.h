/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics of all processes, in one file of shared memory. Each process owns a slot and adds to it
 * with lock-free atomics; any process can answer a scrape by summing all slots. The counters of a
 * process that has ended stay in its slot, so sums never fall; its gauges do not count, and the
 * next owner of the slot starts them at 0. The counters are the rows of metrics.def. */
#ifndef OBS_METRICS_H
#define OBS_METRICS_H

#include "app/base/buf.h"

struct metrics;

/* A route by which requests are counted: values of the labels `method` and `endpoint`. */
struct metrics_endpoint {
    const char *method;
    const char *pattern;
};

/* The counters: a constant for each row of metrics.def. */
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
    GAUGE_JOURNAL_LAG_MS, /* shown as the maximum of the running processes; all others as the sum */
    GAUGES
};
/* Services that a circuit breaker guards. */
enum metric_service { METRIC_SERVICE_REDIS, METRIC_SERVICE_DAPR, METRIC_SERVICES };
enum breaker_gauge { BREAKER_GAUGE_CLOSED, BREAKER_GAUGE_OPEN, BREAKER_GAUGE_HALF_OPEN };

/* path: the shared file, made (mode 0660) when it is missing or has another layout: other rows,
 * other endpoints. The last endpoint is that of unknown paths; the texts must outlive the metrics.
 * NULL with a line in ret_error. */
struct metrics *metrics_open(const char *path, const struct metrics_endpoint *endpoints,
                             size_t endpoint_count, char ret_error[200]);
void metrics_close(struct metrics *m); /* releases the slot; NULL is allowed */

void metrics_observe_request(struct metrics *m, size_t endpoint, int status, int64_t duration_us);
/* first, second: values of the row's labels, as metrics.def lists them; NULL where the row has no
 * such label. Any other value is a bug of the caller (assert). */
void metrics_add(struct metrics *m, enum metric metric, const char *first, const char *second,
                 uint64_t n);
/* Processing time of a batch; priority: "high", "normal" or "low". */
void metrics_observe_batch(struct metrics *m, const char *priority, double seconds);
void metrics_gauge_add(struct metrics *m, enum metric_gauge gauge, int64_t delta);
void metrics_gauge_set(struct metrics *m, enum metric_gauge gauge, int64_t value);
/* State of this process's circuit breaker for the service; the scrape shows the worst of the live
 * processes. */
void metrics_set_breaker(struct metrics *m, enum metric_service service, enum breaker_gauge state,
                         uint64_t failures, int64_t opened_at_ms);
/* Counts erasures of students over all processes: a process whose last reading differs drops its
 * cached results. m may be NULL: no count, and always 0. */
void metrics_add_erasure(struct metrics *m);
uint64_t metrics_erasures(const struct metrics *m);
void metrics_reset(struct metrics *m); /* counters and histograms of all slots to 0, not gauges */

/* Prints Prometheus text format 0.0.4, or OpenMetrics 1.0. version and commit are for build_info.
 * About 2 KiB for each endpoint that has been used: the caller checks out->failed. */
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
    } breakers[METRIC_SERVICES];
};
void metrics_summarize(struct metrics *m, struct metrics_summary *ret);
uint64_t metrics_endpoint_total(struct metrics *m, size_t endpoint);

#endif
