/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The layout of the shared file of metrics; only for app/obs/metrics*.c.
 *
 *     header | slot 0 | slot 1 | ... | slot 127
 *     slot:    gauges, circuit breakers, cells; a lock on its first byte shows that it is owned
 *     cell:    one 64-bit number
 *     cells:   COUNTER_CELLS for each row of metrics.def,
 *              a histogram for each batch priority,
 *              for each endpoint: a count for each HTTP status, and a histogram
 *
 * A histogram has BUCKETS + 1 cells. Each of the first BUCKETS cells is the number of durations in
 * one range (not cumulative); the last cell is the sum of all durations in microseconds. The total
 * number of durations is not stored but computed from the buckets, so that the two cannot
 * disagree. */
#ifndef OBS_METRICS_LAYOUT_H
#define OBS_METRICS_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>

#include "app/obs/metrics.h"

enum {
    SLOTS = 128,          /* greatest number of processes */
    PRIORITIES = 3,       /* priorities of batch jobs */
    LABELS_MAX = 2,       /* labels that a counter may have */
    LABEL_VALUES_MAX = 8, /* values that a label may have */
    COUNTER_CELLS = 40,   /* combinations of label values that a counter may have */
    STATUSES = 22, /* HTTP statuses with a count of their own, and one count for all others */
    BOUNDS = 14,   /* upper bounds of a histogram's buckets, without infinity */
    BUCKETS = BOUNDS + 1, /* ranges of a histogram; the last has no upper bound */
    HISTOGRAM_CELLS = BUCKETS + 1,
    BATCH_FIRST_CELL = METRICS * COUNTER_CELLS,
    ENDPOINTS_FIRST_CELL = BATCH_FIRST_CELL + PRIORITIES * HISTOGRAM_CELLS,
    ENDPOINT_CELLS = STATUSES + HISTOGRAM_CELLS,
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a process may die at any point: no locks");
static_assert(sizeof(atomic_ullong) == 8, "cells are 64 bits");

/* A row of metrics.def. */
struct counter_row {
    const char *name, *labels, *help;
};

/* A label of a counter, with all values that it can have. */
struct label {
    struct str name;
    struct str values[LABEL_VALUES_MAX];
    size_t value_count;
};

/* The labels of one counter. */
struct label_set {
    struct label v[LABELS_MAX];
    size_t n;
};

extern const struct counter_row metrics_rows[METRICS];
extern const int metrics_statuses[STATUSES]; /* HTTP statuses; 0, the last: all others */
extern const char *const metrics_priorities[PRIORITIES];
extern const uint64_t metrics_request_bounds_us[BOUNDS];
extern const uint64_t metrics_batch_bounds_us[BOUNDS];

/* The start of the shared file. */
struct metrics_header {
    uint64_t magic;  /* MAGIC */
    uint64_t layout; /* metrics_layout_hash of the build that made the file */
    uint64_t size;   /* bytes of the file */
    /* when all counters were last set to 0, in ms since the epoch */
    atomic_llong counting_since_ms;
    atomic_ullong slots_used; /* from this index on, no slot has ever belonged to a process */
    atomic_ullong erasures;   /* number of students erased by any of the processes */
    /* number of serving processes when the permit to retire (to end after MAX_REQUESTS requests,
     * one process at a time) was last given */
    atomic_llong permit_serving;
    /* since when (monotonic) fewer processes are serving although none has the permit
     * (metrics_take_permit), because the replacement of the last one is missing; 0: no process has
     * noticed that */
    atomic_llong permit_short_since_ms;
};
static_assert(sizeof(struct metrics_header) == 64, "slots start on a cache line");

/* The metrics of one process; cells has cell_count elements. */
struct slot {
    atomic_llong pid; /* id of the process that owns the slot */
    atomic_llong gauges[GAUGES];
    struct {
        atomic_llong state, failures, opened_at_ms;
    } breakers[METRIC_SERVICES];
    atomic_ullong cells[];
};

struct metrics {
    int fd;                        /* shared file; holds the lock on own_slot; -1 when not open */
    struct metrics_header *header; /* start of the mapped file; NULL when not mapped */
    size_t stride;                 /* bytes from the start of a slot to that of the next one */
    size_t cell_count;             /* counts (cells) of one process */
    struct metrics_endpoint *endpoints;
    size_t endpoint_count;
    struct label_set labels[METRICS]; /* labels of each row of metrics.def */
    struct slot *own_slot;            /* slot of this process in the file; NULL: not acquired yet */
    size_t own_index;                 /* index of own_slot */
    uint64_t *totals; /* each count (cell) added up over all processes (slots) by metrics_sum */
};

/* Returns the slot of that index; the first slot follows the header. */
static inline struct slot *metrics_slot(const struct metrics *m, size_t index)
{
    char *first = (char *)(m->header + 1);

    return (struct slot *)(void *)(first + index * m->stride);
}

/* Returns how many slots (sections of the file, one for each process) may have been owned. The
 * number in the file may be damaged, so it is limited to the number of slots. */
static inline size_t metrics_slots_used(const struct metrics *m)
{
    const unsigned long long used = atomic_load(&m->header->slots_used);

    return used < SLOTS ? (size_t)used : SLOTS;
}

/* metrics_layout.c: splits the labels of a row of metrics.def, which have the form
 * "name=value|value;name=value|value", into *ret. */
void metrics_labels_parse(struct str text, struct label_set *ret);
/* Returns the position of the value among the values of a counter's first (label 0) or second
 * (label 1) label. When the counter has no such label, value must be NULL and the position is 0. */
size_t metrics_label_index(const struct label_set *labels, size_t label, const char *value);
/* Returns a hash of all tables that give the cells their meaning: two builds with the same hash can
 * share a file. */
uint64_t metrics_layout_hash(const struct metrics *metrics);

/* Returns how many values a counter's first (label 0) or second (label 1) label has; 1 when it has
 * no such label. */
static inline size_t metrics_label_values(const struct label_set *labels, size_t label)
{
    return label < labels->n ? labels->v[label].value_count : 1;
}

/* Returns the index of the first cell (64-bit number of a slot) of a counter, which is a row of
 * metrics.def. */
static inline size_t metrics_row_cell(enum metric row)
{
    return (size_t)row * COUNTER_CELLS;
}

/* Returns the index of the first cell of the histogram of a batch priority. */
static inline size_t metrics_batch_cell(size_t priority)
{
    return (size_t)BATCH_FIRST_CELL + priority * HISTOGRAM_CELLS;
}

/* Returns the index of the first cell of an endpoint: its counts by status, then its histogram. */
static inline size_t metrics_endpoint_cell(size_t endpoint)
{
    return (size_t)ENDPOINTS_FIRST_CELL + endpoint * ENDPOINT_CELLS;
}

/* metrics_file.c: maps the file at path into memory, or makes a new one when there is none with
 * this layout. metrics must have its endpoints and cell_count already. False with a line in
 * ret_error. */
bool metrics_map(struct metrics *metrics, const char *path, char ret_error[200]);
/* Maps an existing file with this layout read-only. False with a line in ret_error. */
bool metrics_map_reader(struct metrics *metrics, const char *path, char ret_error[200]);
void metrics_unmap(struct metrics *metrics); /* unmaps and closes the file, if it is open */

/* metrics_slot.c: acquires the first free slot as this process's section of the file. False with a
 * line in ret_error. */
bool metrics_acquire_slot(struct metrics *metrics, char ret_error[200]);
/* Releases this process's slot, and the permit to retire if it has it. Does nothing without a slot.
 */
void metrics_release_slot(struct metrics *metrics);
/* Returns whether the process that owns the slot is running. */
bool metrics_slot_live(const struct metrics *metrics, size_t index);

/* metrics.c: returns the severity of a circuit breaker's state, from 0 (closed) to 2 (open). */
int metrics_breaker_severity(enum breaker_gauge state);
/* metrics.c: returns the duration in milliseconds below which the share (0 to 1) of `count`
 * requests lies. buckets: number of requests in each range of durations. */
double metrics_percentile_ms(const uint64_t buckets[BUCKETS], uint64_t count, double share);

/* The gauges and circuit breakers of the running processes, added up. */
struct metrics_live {
    int processes; /* number of running processes */
    int64_t gauges[GAUGES];
    struct metrics_breaker breakers[METRIC_SERVICES];
};
/* Fills *ret, and fills metrics->totals with the sum of each count (cell) over all processes
 * (slots). */
void metrics_sum(struct metrics *metrics, struct metrics_live *ret);

#endif
