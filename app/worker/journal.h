/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes the journals of the shards that this worker holds. A journal is a stream in Redis with
 * the changes of students' data that no worker has processed yet, one stream for each shard (group
 * of keys). The entries of one shard are processed in order, several shards at the same time. */
#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

#include "app/worker/shards.h"

struct journal {
    struct worker_context *worker;
    struct shards *shards;
    int64_t next_run_us[SHARDS]; /* monotonic; no earlier start: pause after a failure */
    unsigned rr_cursor;          /* the shard with which the next tick starts: round robin */
    size_t busy_count;           /* number of shards that are being processed */
    int64_t lag_max_ms;          /* longest lag since the last call of journal_consume_lag_ms */
    int64_t next_sweep_us;       /* monotonic; when all shards are read again */
};

/* Called in every loop iteration: starts to process journals that may have entries. */
void journal_tick(struct journal *journal);
/* Returns the longest lag since the last call: the time in ms from writing an entry to processing
 * it. Resets the stored maximum to 0. */
int64_t journal_consume_lag_ms(struct journal *journal);

#endif
