/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics of all processes in one file of shared memory. The file has slots; each process owns one
 * and adds to it with lock-free atomics. A scrape (Prometheus reading the metrics) can be served by
 * any process, which adds up all slots. When a process has ended, its counters stay in its slot, so
 * that sums never fall, but its gauges no longer count; the next owner of the slot sets them to 0.
 * The counters are the rows of metrics.def. Breakers are circuit breakers: they stop requests to a
 * service that fails. */
#ifndef OBS_METRICS_H
#define OBS_METRICS_H

#include "app/base/buf.h"

struct metrics;

/* A route whose requests are counted. Its members are the values of the labels `method` and
 * `endpoint`. */
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
    GAUGE_STORE_CONNECTIONS, /* open connections to Redis */
    GAUGE_STORE_IN_USE,      /* connections to Redis that wait for replies */
    GAUGE_SERVING,           /* 1: the process accepts connections of the web server */
    /* predictions of the configured model whose predicted day is among the last 28 */
    GAUGE_PREDICTIONS_VERIFIED,
    /* of the predictions in GAUGE_PREDICTIONS_VERIFIED, those whose interval contains the true
     * score */
    GAUGE_PREDICTIONS_COVERED,
    GAUGE_KEYS_REFUSED, /* 1: the process keeps old secrets because the new ones are invalid */
    /* A scrape shows the following gauges as the maximum over the running processes, in seconds,
     * and all gauges above as the sum. */
    GAUGE_JOURNAL_LAG_MS,  /* delay of the worker in processing changes */
    GAUGE_CLOCK_SKEW_MS,   /* absolute difference between the clocks of this machine and of Redis */
    GAUGE_PROVIDER_AGE_MS, /* age of the identity provider's keys; 0: they come from elsewhere */
    GAUGES
};
/* Services that a circuit breaker guards. */
enum metric_service { METRIC_SERVICE_REDIS, METRIC_SERVICE_DAPR, METRIC_SERVICES };
enum breaker_gauge { BREAKER_GAUGE_CLOSED, BREAKER_GAUGE_OPEN, BREAKER_GAUGE_HALF_OPEN };

/* Opens the shared file at path. Makes a new file (mode 0660) when there is none, or when the
 * layout of the existing one differs, because it was made for other counters or endpoints. Refuses
 * a file that users other than this one, root and members of this process's groups could have
 * written. The last endpoint counts the requests of unknown paths. The texts of the endpoints are
 * not copied and must outlive the metrics. Returns NULL on failure, with one line of explanation in
 * ret_error. */
struct metrics *metrics_open(const char *path, const struct metrics_endpoint *endpoints,
                             size_t endpoint_count, char ret_error[200]);
/* Opens an existing file read-only, without owning a slot. Only metrics_take_sample and
 * metrics_close may be used with the result. Returns NULL on failure, with one line of explanation
 * in ret_error. */
struct metrics *metrics_open_reader(const char *path, const struct metrics_endpoint *endpoints,
                                    size_t endpoint_count, char ret_error[200]);
/* Checks whether metrics_open could open or make the file at path; changes nothing. */
bool metrics_check(const char *path, char ret_error[200]);
void metrics_close(struct metrics *metrics); /* releases the slot; NULL is allowed */

/* Counts a request with its HTTP status and duration; endpoint is an index into the endpoints. */
void metrics_observe_request(struct metrics *metrics, size_t endpoint, int status,
                             int64_t duration_us);
/* Adds n to a counter. first and second are values of its first and second label, which the row in
 * metrics.def must list; NULL when the counter has no such label. Any other value fails an assert.
 */
void metrics_add(struct metrics *metrics, enum metric metric, const char *first, const char *second,
                 uint64_t n);
/* Counts a finished batch job with its processing time. priority is "high", "normal" or "low". */
void metrics_observe_batch(struct metrics *metrics, const char *priority, double seconds);
/* Adds delta, which may be negative, to a gauge (a number that may rise and fall) of this process.
 */
void metrics_gauge_add(struct metrics *metrics, enum metric_gauge gauge, int64_t delta);
/* Sets a gauge of this process to a value. */
void metrics_gauge_set(struct metrics *metrics, enum metric_gauge gauge, int64_t value);
/* Sets the state of this process's circuit breaker for the service. opened_at_ms is when it last
 * opened, since the epoch; 0: never. A scrape shows the worst state of all running processes. */
void metrics_set_breaker(struct metrics *metrics, enum metric_service service,
                         enum breaker_gauge state, uint64_t failures, int64_t opened_at_ms);
/* Tries to acquire the permit to retire (to end after a number of requests, and be replaced by a
 * new process). Only one of the processes that share the file has the permit, and keeps it until it
 * has ended. The number of serving processes (GAUGE_SERVING) is then one too low until the
 * replacement serves; the permit is given again when the number is as before, or after ten seconds.
 * Returns false when the process must try again later. now_ms: monotonic. */
bool metrics_take_permit(struct metrics *metrics, int64_t now_ms);
/* Counts an erasure (all data of one student was deleted). Does nothing when metrics is NULL. */
void metrics_add_erasure(struct metrics *metrics);
/* Returns how many students were erased, by all processes together; 0 when metrics is NULL. A
 * process that sees this number change drops its cached results, which may be those of an erased
 * student. */
uint64_t metrics_erasures(const struct metrics *metrics);
/* Sets all counters and histograms, not gauges, to 0. */
void metrics_reset(struct metrics *metrics);

/* Prints all metrics to `out` in OpenMetrics 1.0 (openmetrics true) or in the Prometheus text
 * format 0.0.4. version and commit are shown by build_info. refusals: the folder of nginx's counts
 * (refusals.h); empty: none. The text has about 2 KiB for each endpoint that has been used;
 * out->failed is set when out of memory. */
void metrics_print(struct metrics *metrics, struct buf *out, bool openmetrics, const char *version,
                   const char *commit, const char *refusals);

/* The circuit breakers of all running processes for one service. */
struct metrics_breaker {
    enum breaker_gauge state; /* worst state: open, then half-open, then closed */
    uint64_t failures;        /* sum over the processes */
    int64_t opened_at_ms;     /* when a process's breaker last opened, since the epoch; 0: never */
};

/* The numbers of the response to /metrics/detailed, over all processes. Members without a comment
 * here are explained by enum metric_gauge and metrics.def. */
struct metrics_summary {
    uint64_t requests_total;
    uint64_t errors_total; /* responses with status 500 and above */
    /* mean and percentiles of the durations of requests; 0 when there was no request */
    double average_latency_ms, p50_ms, p95_ms, p99_ms;
    int64_t active_requests, store_connections, store_in_use;
    uint64_t cache_hits, cache_misses, spans, store_reconnects;
    int64_t counting_since_ms; /* when the counters were last set to 0, in ms since the epoch */
    int live_processes;
    struct metrics_breaker breakers[METRIC_SERVICES];
};
/* Fills *ret from the counts of all processes at the time of the call. */
void metrics_summarize(struct metrics *metrics, struct metrics_summary *ret);
/* Returns the number of requests of one endpoint, of any status. */
uint64_t metrics_endpoint_total(struct metrics *metrics, size_t endpoint);

#endif
