/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes the journals of the shards that this worker holds: the entries of one shard in order,
 * several shards at the same time. */
#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

#include "app/worker/shards.h"

struct journal {
    struct worker_context *worker;
    struct shards *shards;
    int64_t next_run_us[SHARDS]; /* monotonic; the pause of a shard after a failure */
    unsigned rr_cursor;          /* the shard with which the next tick starts: round robin */
    size_t busy_count;           /* shards that are being processed */
    int64_t lag_max_ms;          /* the longest since journal_consume_lag_ms was called last */
    int64_t next_sweep_us;
};

void journal_tick(struct journal *journal);
/* The longest time in ms from a change to the processing of its entry, since the last call. */
int64_t journal_consume_lag_ms(struct journal *journal);

#endif
