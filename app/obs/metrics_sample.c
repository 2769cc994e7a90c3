/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the shared file of metrics without changing it. */
#include "app/obs/metrics_sample.h"

#include "app/base/clock.h"
#include "app/obs/metrics_layout.h"

static_assert((int)METRICS_PROCESSES_MAX == (int)SLOTS, "a process for each slot");
static_assert((int)METRICS_DURATIONS == (int)BUCKETS, "the ranges of a histogram");

/* Adds the requests of one endpoint to the two sums. statuses: the cells that count them by status.
 */
static void sample_add_requests(const uint64_t statuses[STATUSES], uint64_t *requests,
                                uint64_t *errors)
{
    for (size_t i = 0; i < STATUSES; i++) {
        *requests += statuses[i];
        *errors += metrics_statuses[i] >= 500 ? statuses[i] : 0;
    }
}

/* Fills the sums over all slots from metrics->totals. */
static void sample_fill_totals(const struct metrics *metrics, struct metrics_sample *ret)
{
    for (size_t e = 0; e < metrics->endpoint_count; e++) {
        uint64_t *cells = metrics->totals + metrics_endpoint_cell(e);

        sample_add_requests(cells, &ret->requests, &ret->errors);
        for (size_t i = 0; i < BUCKETS; i++)
            ret->durations[i] += cells[STATUSES + i];
        ret->duration_sum_us += cells[STATUSES + BUCKETS];
    }
    ret->cache_hits = metrics->totals[metrics_row_cell(METRIC_CACHE_HITS)];
    ret->cache_misses = metrics->totals[metrics_row_cell(METRIC_CACHE_MISSES)];
    ret->store_reconnects = metrics->totals[metrics_row_cell(METRIC_RECONNECTS)];
}

/* Fills *ret from the slot of a running process. */
static void sample_fill_process(const struct metrics *metrics, size_t index,
                                struct metrics_process *ret)
{
    struct slot *slot = metrics_slot(metrics, index);

    *ret = (struct metrics_process){.pid = atomic_load(&slot->pid),
                                    .slot = index,
                                    .active = atomic_load(&slot->gauges[GAUGE_ACTIVE_REQUESTS])};
    for (size_t s = 0; s < METRIC_SERVICES; s++)
        ret->breakers[s] = (enum breaker_gauge)atomic_load(&slot->breakers[s].state);
    for (size_t e = 0; e < metrics->endpoint_count; e++) {
        uint64_t statuses[STATUSES];

        for (size_t i = 0; i < STATUSES; i++)
            statuses[i] = atomic_load(&slot->cells[metrics_endpoint_cell(e) + i]);
        sample_add_requests(statuses, &ret->requests, &ret->errors);
    }
}

void metrics_take_sample(struct metrics *metrics, struct metrics_sample *ret)
{
    struct metrics_live live;

    *ret = (struct metrics_sample){.at_us = clock_monotonic_us()};
    metrics_sum(metrics, &live);
    sample_fill_totals(metrics, ret);
    memcpy(ret->gauges, live.gauges, sizeof(ret->gauges));
    memcpy(ret->breakers, live.breakers, sizeof(ret->breakers));
    for (size_t i = 0; i < metrics_slots_used(metrics); i++) {
        if (metrics_slot_live(metrics, i))
            sample_fill_process(metrics, i, &ret->processes[ret->n++]);
    }
}

/* Fills the numbers of requests in each range of durations between two samples, and returns their
 * sum. When the counts were reset in between, those since the reset are used. */
static uint64_t sample_durations(const struct metrics_sample *before,
                                 const struct metrics_sample *after,
                                 uint64_t ret_buckets[METRICS_DURATIONS])
{
    bool was_reset = after->requests < before->requests;
    uint64_t count = 0;

    for (size_t i = 0; i < METRICS_DURATIONS; i++) {
        ret_buckets[i] = after->durations[i] - (was_reset ? 0 : before->durations[i]);
        count += ret_buckets[i];
    }
    return count;
}

double metrics_sample_percentile_ms(const struct metrics_sample *before,
                                    const struct metrics_sample *after, double share)
{
    uint64_t buckets[METRICS_DURATIONS];
    uint64_t count = sample_durations(before, after, buckets);

    return metrics_percentile_ms(buckets, count, share);
}

double metrics_sample_mean_ms(const struct metrics_sample *before,
                              const struct metrics_sample *after)
{
    uint64_t buckets[METRICS_DURATIONS];
    uint64_t count = sample_durations(before, after, buckets);
    bool was_reset = after->requests < before->requests;
    uint64_t earlier_us = was_reset ? 0 : before->duration_sum_us;

    return count > 0 ? (double)(after->duration_sum_us - earlier_us) / (double)count / 1000 : 0;
}

const struct metrics_process *metrics_sample_find(const struct metrics_sample *sample, int64_t pid,
                                                  size_t slot)
{
    for (size_t i = 0; i < sample->n; i++) {
        if (sample->processes[i].pid == pid && sample->processes[i].slot == slot)
            return &sample->processes[i];
    }
    return NULL;
}
