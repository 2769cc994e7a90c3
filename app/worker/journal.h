/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turns the journals of our shards: each shard's entries in order, some shards at a time. */
#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

#include "app/store/journal.h"
#include "app/store/keys.h"

struct worker;

struct journal_shard {
    char last_id[STREAM_ID_SIZE]; /* the last entry that we have read; what comes later is news */
    int64_t next_run_us;
    bool pending; /* there may be entries */
    bool busy;
};

struct journal {
    struct journal_shard shards[SHARDS];
    unsigned rr_cursor; /* where the next tick begins: none is always last */
    size_t busy_shards;
    int64_t lag_max_ms; /* the longest since it was asked for last */
    int64_t next_sweep_us;
};

void journal_init(struct worker *w);
void journal_tick(struct worker *w);
bool journal_busy(const struct worker *w);
bool journal_shard_busy(const struct worker *w, unsigned shard);
/* Something may have come into the shard's journal. */
void journal_mark_pending(struct worker *w, unsigned shard);
struct str journal_last_id(const struct worker *w, unsigned shard);
int64_t journal_consume_lag_ms(struct worker *w);

#endif
