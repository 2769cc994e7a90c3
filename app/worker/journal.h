/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turns the journals of our shards: each shard's entries in order, some shards at a time. */
#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

#include "app/store/journal.h"
#include "app/store/keys.h"
#include "app/worker/shards.h"

struct journal {
    struct worker_context *worker;
    struct shards *shards;
    int64_t next_run_us[SHARDS];
    unsigned rr_cursor; /* where the next tick begins: none is always last */
    size_t busy_shards;
    int64_t lag_max_ms; /* the longest since it was asked for last */
    int64_t next_sweep_us;
};

void journal_tick(struct journal *journal);
bool journal_busy(const struct journal *journal);
int64_t journal_consume_lag_ms(struct journal *journal);

#endif
