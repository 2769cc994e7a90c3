/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The layout of the shared file of metrics; only for app/obs/metrics*.c.
 *
 *     header | slot 0 | slot 1 | ... | slot 127
 *     slot:    gauges, breakers, cells; the lock on its first byte says who owns it
 *     cells:   COUNTER_CELLS for each row of metrics.def,
 *              a histogram for each batch priority,
 *              for each endpoint: a count for each status, and a histogram
 *
 * A histogram is BUCKETS counts (not cumulative) and the sum in microseconds. Its count is not
 * stored but computed from the buckets, so that the two cannot disagree. */
#ifndef OBS_METRICS_LAYOUT_H
#define OBS_METRICS_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>

#include "app/obs/metrics.h"

enum {
    SLOTS = 128,
    PRIORITIES = 3,
    LABELS_MAX = 2,
    LABEL_VALUES_MAX = 8,
    COUNTER_CELLS = 32, /* combinations of label values that a row may have */
    STATUSES = 22,      /* the last is for all other statuses */
    BOUNDS = 14,
    BUCKETS = BOUNDS + 1, /* the last is +Inf */
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

struct label {
    struct str name;
    struct str values[LABEL_VALUES_MAX];
    size_t value_count;
};

struct label_set {
    struct label v[LABELS_MAX];
    size_t n;
};

extern const struct counter_row metrics_rows[METRICS];
extern const int metrics_statuses[STATUSES]; /* 0: all others */
extern const char *const metrics_priorities[PRIORITIES];
extern const uint64_t metrics_request_bounds_us[BOUNDS];
extern const uint64_t metrics_batch_bounds_us[BOUNDS];

struct metrics_header {
    uint64_t magic, layout, size;
    atomic_llong counting_since_ms;
    atomic_ullong slots_used; /* slots from this one on were never owned */
    atomic_ullong erasures;   /* students erased by any of the processes */
    uint64_t unused[2];
};
static_assert(sizeof(struct metrics_header) == 64, "slots start on a cache line");

struct slot {
    atomic_llong gauges[GAUGES];
    struct {
        atomic_llong state, failures, opened_at_ms;
    } breakers[METRIC_SERVICES];
    atomic_ullong cells[];
};

struct metrics {
    int fd; /* of the shared file: holds the lock on own_slot; -1 when not open */
    struct metrics_header *header; /* the mapped file */
    size_t stride;                 /* bytes from slot to slot */
    size_t cell_count;
    struct metrics_endpoint *endpoints;
    size_t endpoint_count;
    struct label_set labels[METRICS];
    struct slot *own_slot; /* slot number own_index; NULL before it is acquired */
    size_t own_index;
    uint64_t *totals; /* cell_count sums over all slots, of the last metrics_sum */
};

static inline struct slot *metrics_slot(const struct metrics *m, size_t index)
{
    char *first = (char *)(m->header + 1);

    return (struct slot *)(void *)(first + index * m->stride);
}

/* metrics_layout.c */
void metrics_labels_parse(struct str text, struct label_set *ret);
/* Position of the value among those of the row's first (0) or second (1) label; 0 with value NULL,
 * which is required when the row has no such label. */
size_t metrics_label_index(const struct label_set *labels, size_t label, const char *value);
/* Over everything that gives a cell its meaning. */
uint64_t metrics_layout_hash(const struct metrics *m);

/* How many values a row's first or second label has; 1 when it has no such label. */
static inline size_t metrics_label_values(const struct label_set *labels, size_t label)
{
    return label < labels->n ? labels->v[label].value_count : 1;
}

/* Index of the first cell of a row, a histogram, an endpoint. */
static inline size_t metrics_row_cell(enum metric row)
{
    return (size_t)row * COUNTER_CELLS;
}

static inline size_t metrics_batch_cell(size_t priority)
{
    return (size_t)BATCH_FIRST_CELL + priority * HISTOGRAM_CELLS;
}

static inline size_t metrics_endpoint_cell(size_t endpoint)
{
    return (size_t)ENDPOINTS_FIRST_CELL + endpoint * ENDPOINT_CELLS;
}

/* metrics_file.c: maps the file at path, making it when there is none of this layout. m has its
 * endpoints and cell_count. False with a line in ret_error. */
bool metrics_map(struct metrics *m, const char *path, char ret_error[200]);
void metrics_unmap(struct metrics *m);

/* metrics_slot.c */
bool metrics_acquire_slot(struct metrics *m, char ret_error[200]);
void metrics_release_slot(struct metrics *m);
bool metrics_slot_live(const struct metrics *m, size_t index); /* its owner runs */

/* The gauges of the running processes. metrics_sum fills m->totals too. */
struct metrics_live {
    int processes;
    int64_t gauges[GAUGES];
    struct {
        enum breaker_gauge state;
        uint64_t failures;
        int64_t opened_at_ms;
    } breakers[METRIC_SERVICES];
};
void metrics_sum(struct metrics *m, struct metrics_live *ret);

#endif
