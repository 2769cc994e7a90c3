/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables that give each cell (64-bit number) of the shared file of metrics its meaning, and a
 * hash of all these tables. A file whose header has another hash was made by a different build, and
 * metrics_file.c replaces it. This file accesses neither the shared file nor processes. */
#include "app/obs/metrics_layout.h"

const struct counter_row metrics_rows[METRICS] = {
#define COUNTER(id, name, labels, help) [METRIC_##id] = {name, labels, help},
#include "app/obs/metrics.def"
#undef COUNTER
};

/* clang-format off */
const int metrics_statuses[STATUSES] = {
    200, 201, 202, 204,
    400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 429, 431,
    500, 502, 503, 504,
    0,
};
const char *const metrics_priorities[PRIORITIES] = {"high", "normal", "low"};
const uint64_t metrics_request_bounds_us[BOUNDS] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
    1000000, 2500000, 5000000, 10000000,
};
const uint64_t metrics_batch_bounds_us[BOUNDS] = {
    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
    120000000, 300000000, 900000000, 3600000000,
};
/* clang-format on */

/* Splits the labels of a row of metrics.def, which have the form
 * "name=value|value;name=value|value". The values point into the text. */
void metrics_labels_parse(struct str text, struct label_set *ret)
{
    *ret = (struct label_set){.n = 0};
    while (text.n > 0) {
        struct str values = str_cut(&text, ';');
        assert(ret->n < LABELS_MAX);
        struct label *label = &ret->v[ret->n++];
        label->name = str_cut(&values, '=');
        while (values.n > 0) {
            assert(label->value_count < LABEL_VALUES_MAX);
            label->values[label->value_count++] = str_cut(&values, '|');
        }
    }
    assert(metrics_label_values(ret, 0) * metrics_label_values(ret, 1) <= COUNTER_CELLS);
}

/* Finds the value among those that metrics.def lists for the label. A value that is not listed
 * fails the assert, because it is a mistake in the calling code. */
size_t metrics_label_index(const struct label_set *labels, size_t label, const char *value)
{
    /* value must be NULL exactly when the counter has no such label */
    assert((label < labels->n) == (value != NULL));
    if (!value)
        return 0;
    size_t i = 0;
    while (i < labels->v[label].value_count &&
           !str_equal(labels->v[label].values[i], str_of(value)))
        i++;
    assert(i < labels->v[label].value_count); /* metrics.def must list the value */
    return i;
}

/* Continues an FNV-1a hash (64 bits) with n bytes, and returns the new hash. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Continues a hash with two texts. The NUL after each text is hashed too, so that the hashes of
 * "ab", "c" and of "a", "bc" differ. */
static uint64_t hash_texts(uint64_t hash, const char *a, const char *b)
{
    return hash_bytes(hash_bytes(hash, a, strlen(a) + 1), b, strlen(b) + 1);
}

/* Hashes everything that determines the position and meaning of a cell: names and labels of the
 * counters, endpoints, statuses, bounds, and the size of struct slot, which precedes the cells. */
uint64_t metrics_layout_hash(const struct metrics *metrics)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < METRICS; i++)
        hash = hash_texts(hash, metrics_rows[i].name, metrics_rows[i].labels);
    for (size_t i = 0; i < metrics->endpoint_count; i++)
        hash = hash_texts(hash, metrics->endpoints[i].method, metrics->endpoints[i].pattern);
    hash = hash_bytes(hash, metrics_statuses, sizeof(metrics_statuses));
    hash = hash_bytes(hash, metrics_request_bounds_us, sizeof(metrics_request_bounds_us));
    hash = hash_bytes(hash, metrics_batch_bounds_us, sizeof(metrics_batch_bounds_us));
    return hash_bytes(hash, &(size_t){sizeof(struct slot)}, sizeof(size_t));
}
