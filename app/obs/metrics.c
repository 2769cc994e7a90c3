/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens the metrics, counts events, and adds up the counts of all processes. A slot is one
 * process's section of the shared file, a cell is one number in it (metrics_layout.h). Counting
 * adds to a cell of the process's own slot with relaxed atomics. Adding up reads the slots of all
 * processes while they go on counting, so a sum may lack the latest counts, but never falls.
 * metrics_print.c has the text formats, metrics_file.c makes and maps the file, metrics_slot.c
 * decides which process owns which slot. */
#include "app/obs/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/obs/metrics_layout.h"

/* --- Opening --- */

/* Reads the labels and allocates the arrays whose sizes do not depend on the shared file. False
 * when out of memory. */
static bool metrics_prepare(struct metrics *metrics, const struct metrics_endpoint *endpoints,
                            size_t count)
{
    for (size_t i = 0; i < METRICS; i++)
        metrics_labels_parse(str_of(metrics_rows[i].labels), &metrics->labels[i]);
    metrics->cell_count = metrics_endpoint_cell(count);
    metrics->totals = calloc(metrics->cell_count, sizeof(*metrics->totals));
    metrics->endpoints = calloc(count, sizeof(*metrics->endpoints));
    if (!metrics->totals || !metrics->endpoints)
        return false;
    memcpy(metrics->endpoints, endpoints, count * sizeof(*endpoints));
    metrics->endpoint_count = count;
    return true;
}

/* Makes the struct; NULL with ret_error when out of memory. fd is -1 from the start, so that
 * metrics_close never closes descriptor 0. */
static struct metrics *metrics_new(const struct metrics_endpoint *endpoints, size_t endpoint_count,
                                   char ret_error[200])
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    assert(endpoint_count > 0);
    if (metrics)
        metrics->fd = -1;
    if (!metrics || !metrics_prepare(metrics, endpoints, endpoint_count)) {
        (void)snprintf(ret_error, 200, "no memory for metrics");
        metrics_close(metrics);
        return NULL;
    }
    return metrics;
}

struct metrics *metrics_open(const char *path, const struct metrics_endpoint *endpoints,
                             size_t endpoint_count, char ret_error[200])
{
    struct metrics *metrics = metrics_new(endpoints, endpoint_count, ret_error);

    if (metrics && metrics_map(metrics, path, ret_error) &&
        metrics_acquire_slot(metrics, ret_error))
        return metrics;
    metrics_close(metrics);
    return NULL;
}

struct metrics *metrics_open_reader(const char *path, const struct metrics_endpoint *endpoints,
                                    size_t endpoint_count, char ret_error[200])
{
    struct metrics *metrics = metrics_new(endpoints, endpoint_count, ret_error);

    if (metrics && metrics_map_reader(metrics, path, ret_error))
        return metrics;
    metrics_close(metrics);
    return NULL;
}

/* Releases what `metrics` owns. Also called for a struct that metrics_open has only partly filled:
 * its other members are NULL, and fd is -1. */
void metrics_close(struct metrics *metrics)
{
    if (!metrics)
        return;
    metrics_release_slot(metrics);
    metrics_unmap(metrics);
    free(metrics->endpoints);
    free(metrics->totals);
    free(metrics);
}

/* --- Counting --- */

/* Adds n to one count (cell) of this process. */
static void metrics_count(struct metrics *metrics, size_t cell, uint64_t n)
{
    atomic_fetch_add_explicit(&metrics->own_slot->cells[cell], n, memory_order_relaxed);
}

/* Adds a duration in microseconds to the histogram whose first cell is `first_cell`: adds 1 to the
 * first bucket whose bound is not below the duration (the last bucket has no bound), and the
 * duration to the sum after the buckets. */
static void metrics_observe(struct metrics *metrics, size_t first_cell, const uint64_t *bounds_us,
                            uint64_t us)
{
    size_t bucket = 0;

    while (bucket < BOUNDS && us > bounds_us[bucket])
        bucket++;
    metrics_count(metrics, first_cell + bucket, 1);
    metrics_count(metrics, first_cell + BUCKETS, us);
}

/* Returns the index of the HTTP status in metrics_statuses; the last index for a status that is not
 * listed. */
static size_t status_index(int status)
{
    size_t i = 0;

    while (i < STATUSES - 1 && metrics_statuses[i] != status)
        i++;
    return i;
}

/* Counts the request in the cell of its status, and its duration in the histogram that follows the
 * statuses. A negative duration counts as 0. */
void metrics_observe_request(struct metrics *metrics, size_t endpoint, int status,
                             int64_t duration_us)
{
    assert(endpoint < metrics->endpoint_count);
    const size_t first_cell = metrics_endpoint_cell(endpoint);

    metrics_count(metrics, first_cell + status_index(status), 1);
    metrics_observe(metrics, first_cell + STATUSES, metrics_request_bounds_us,
                    duration_us > 0 ? (uint64_t)duration_us : 0);
}

/* Adds n to the cell of these label values. The cells of a counter with two labels are ordered by
 * the first label, then by the second. */
void metrics_add(struct metrics *metrics, enum metric metric, const char *first, const char *second,
                 uint64_t n)
{
    const struct label_set *labels = &metrics->labels[metric];

    if (n == 0)
        return;
    const size_t i = metrics_label_index(labels, 0, first);
    const size_t j = metrics_label_index(labels, 1, second);

    metrics_count(metrics, metrics_row_cell(metric) + i * metrics_label_values(labels, 1) + j, n);
}

/* Limits the seconds to a range that can be converted to whole microseconds, then counts them in
 * the histogram of the priority. An unknown priority fails the assert. */
void metrics_observe_batch(struct metrics *metrics, const char *priority, double seconds)
{
    const double longest_s = 1e9;
    const double counted_s = seconds > 0 ? fmin(seconds, longest_s) : 0; /* 0 for NaN too */
    size_t i = 0;

    while (i < PRIORITIES - 1 && strcmp(metrics_priorities[i], priority) != 0)
        i++;
    assert(strcmp(metrics_priorities[i], priority) == 0);
    metrics_observe(metrics, metrics_batch_cell(i), metrics_batch_bounds_us,
                    (uint64_t)(counted_s * 1e6));
}

void metrics_gauge_add(struct metrics *metrics, enum metric_gauge gauge, int64_t delta)
{
    atomic_fetch_add_explicit(&metrics->own_slot->gauges[gauge], delta, memory_order_relaxed);
}

void metrics_gauge_set(struct metrics *metrics, enum metric_gauge gauge, int64_t value)
{
    atomic_store_explicit(&metrics->own_slot->gauges[gauge], value, memory_order_relaxed);
}

void metrics_set_breaker(struct metrics *metrics, enum metric_service service,
                         enum breaker_gauge state, uint64_t failures, int64_t opened_at_ms)
{
    atomic_store(&metrics->own_slot->breakers[service].state, state);
    atomic_store(&metrics->own_slot->breakers[service].failures, (long long)failures);
    atomic_store(&metrics->own_slot->breakers[service].opened_at_ms, opened_at_ms);
}

/* --- Reading --- */

void metrics_add_erasure(struct metrics *metrics)
{
    if (metrics)
        (void)atomic_fetch_add(&metrics->header->erasures, 1);
}

uint64_t metrics_erasures(const struct metrics *metrics)
{
    return metrics ? atomic_load(&metrics->header->erasures) : 0;
}

/* Sets all counts (cells) of all processes (slots) to 0. Other processes go on counting meanwhile;
 * what they add to a cell after it was set to 0 remains. */
void metrics_reset(struct metrics *metrics)
{
    for (size_t i = 0; i < metrics_slots_used(metrics); i++)
        for (size_t cell = 0; cell < metrics->cell_count; cell++)
            atomic_store_explicit(&metrics_slot(metrics, i)->cells[cell], 0, memory_order_relaxed);
    atomic_store(&metrics->header->counting_since_ms, clock_wall_ms());
}

/* Returns one count (cell) of the process that owns the slot. */
static uint64_t slot_read_cell(const struct slot *slot, size_t cell)
{
    return atomic_load_explicit(&slot->cells[cell], memory_order_relaxed);
}

/* Maps the state to its severity. The values of the enum itself have another order, which a scrape
 * shows as numbers. */
int metrics_breaker_severity(enum breaker_gauge state)
{
    switch (state) {
    case BREAKER_GAUGE_CLOSED: return 0;
    case BREAKER_GAUGE_HALF_OPEN: return 1;
    case BREAKER_GAUGE_OPEN: return 2;
    }
    return 0;
}

/* Adds one process's circuit breaker for a service to *ret, which then holds the worse of the two
 * states, the sum of the failures, and the later of the two times of opening. */
static void metrics_sum_breaker(const struct slot *slot, size_t service, struct metrics_live *ret)
{
    const enum breaker_gauge state =
        (enum breaker_gauge)atomic_load(&slot->breakers[service].state);
    const int64_t opened_at_ms = atomic_load(&slot->breakers[service].opened_at_ms);

    if (metrics_breaker_severity(state) > metrics_breaker_severity(ret->breakers[service].state))
        ret->breakers[service].state = state;
    ret->breakers[service].failures += (uint64_t)atomic_load(&slot->breakers[service].failures);
    if (opened_at_ms > ret->breakers[service].opened_at_ms)
        ret->breakers[service].opened_at_ms = opened_at_ms;
}

/* Adds the gauges and circuit breakers of one running process to *ret. The gauges from
 * GAUGE_JOURNAL_LAG_MS on are delays and ages, whose sum would mean nothing: for them the greatest
 * value of all processes counts. */
static void metrics_sum_live(const struct slot *slot, struct metrics_live *ret)
{
    ret->processes++;
    for (size_t i = 0; i < GAUGES; i++) {
        const int64_t value = atomic_load(&slot->gauges[i]);
        if (i < GAUGE_JOURNAL_LAG_MS)
            ret->gauges[i] += value;
        else if (value > ret->gauges[i])
            ret->gauges[i] = value;
    }
    for (size_t i = 0; i < METRIC_SERVICES; i++)
        metrics_sum_breaker(slot, i, ret);
}

/* Adds up the cells of all slots, including those of processes that have ended; gauges only of
 * running processes. */
void metrics_sum(struct metrics *metrics, struct metrics_live *ret)
{
    *ret = (struct metrics_live){.processes = 0};
    memset(metrics->totals, 0, metrics->cell_count * sizeof(*metrics->totals));
    for (size_t i = 0; i < metrics_slots_used(metrics); i++) {
        const struct slot *slot = metrics_slot(metrics, i);
        for (size_t cell = 0; cell < metrics->cell_count; cell++)
            metrics->totals[cell] += slot_read_cell(slot, cell);
        if (metrics_slot_live(metrics, i))
            metrics_sum_live(slot, ret);
    }
}

/* Adds up the counts of all statuses of the endpoint over all slots. Unlike metrics_sum, reads only
 * the cells of one endpoint and does not change metrics->totals. */
uint64_t metrics_endpoint_total(struct metrics *metrics, size_t endpoint)
{
    uint64_t total = 0;

    assert(endpoint < metrics->endpoint_count);
    for (size_t i = 0; i < metrics_slots_used(metrics); i++)
        for (size_t status = 0; status < STATUSES; status++)
            total +=
                slot_read_cell(metrics_slot(metrics, i), metrics_endpoint_cell(endpoint) + status);
    return total;
}

/* --- Summary --- */

/* Returns the duration in milliseconds below which the given share (0 to 1) of `count` requests
 * lies, computed like Prometheus' function histogram_quantile: within a bucket the durations count
 * as evenly spread, and a result beyond the last bound is that bound. Returns 0 without requests.
 */
double metrics_percentile_ms(const uint64_t buckets[BUCKETS], uint64_t count, double share)
{
    const double rank = share * (double)count;
    double below = 0;

    for (size_t i = 0; i < BOUNDS && count > 0; i++) {
        const double inside = (double)buckets[i];
        if (inside > 0 && below + inside >= rank) {
            const double low = i > 0 ? (double)metrics_request_bounds_us[i - 1] : 0;
            const double high = (double)metrics_request_bounds_us[i];
            return (low + (high - low) * (rank - below) / inside) / 1000;
        }
        below += inside;
    }
    return count > 0 ? (double)metrics_request_bounds_us[BOUNDS - 1] / 1000 : 0;
}

/* Fills the numbers of requests, and the mean and the percentiles of their durations over all
 * endpoints. */
static void summarize_requests(const struct metrics *metrics, struct metrics_summary *ret)
{
    uint64_t histogram[HISTOGRAM_CELLS] = {0}, count = 0;

    for (size_t e = 0; e < metrics->endpoint_count; e++) {
        const uint64_t *cells = metrics->totals + metrics_endpoint_cell(e);
        for (size_t i = 0; i < STATUSES; i++) {
            ret->requests_total += cells[i];
            ret->errors_total += metrics_statuses[i] >= 500 ? cells[i] : 0;
        }
        for (size_t i = 0; i < HISTOGRAM_CELLS; i++)
            histogram[i] += cells[STATUSES + i];
    }
    for (size_t i = 0; i < BUCKETS; i++)
        count += histogram[i];
    if (count > 0) /* histogram[BUCKETS] is the sum of the durations in microseconds */
        ret->average_latency_ms = (double)histogram[BUCKETS] / (double)count / 1000;
    ret->p50_ms = metrics_percentile_ms(histogram, count, 0.50);
    ret->p95_ms = metrics_percentile_ms(histogram, count, 0.95);
    ret->p99_ms = metrics_percentile_ms(histogram, count, 0.99);
}

/* Adds up the counts of all processes (metrics->totals, `live`), and fills *ret from the sums.
 * summarize_requests then fills those members that need more than one cell. */
void metrics_summarize(struct metrics *metrics, struct metrics_summary *ret)
{
    struct metrics_live live;

    metrics_sum(metrics, &live);
    *ret = (struct metrics_summary){
        .active_requests = live.gauges[GAUGE_ACTIVE_REQUESTS],
        .store_connections = live.gauges[GAUGE_STORE_CONNECTIONS],
        .store_in_use = live.gauges[GAUGE_STORE_IN_USE],
        .cache_hits = metrics->totals[metrics_row_cell(METRIC_CACHE_HITS)],
        .cache_misses = metrics->totals[metrics_row_cell(METRIC_CACHE_MISSES)],
        .spans = metrics->totals[metrics_row_cell(METRIC_SPANS)],
        .store_reconnects = metrics->totals[metrics_row_cell(METRIC_RECONNECTS)],
        .counting_since_ms = atomic_load(&metrics->header->counting_since_ms),
        .live_processes = live.processes,
    };
    memcpy(ret->breakers, live.breakers, sizeof(ret->breakers));
    summarize_requests(metrics, ret);
}
