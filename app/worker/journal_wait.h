/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hears of new journal entries: one XREAD BLOCK over the journals of our shards. Redis makes a
 * connection wait that asks so; this one is a store of its own, whose rounds may take as long as
 * the wait and a normal round. What it hears is a hint: the entries are read by journal.c. */
#ifndef WORKER_JOURNAL_WAIT_H
#define WORKER_JOURNAL_WAIT_H

#include "app/store/store_watch.h"

struct worker;

struct journal_wait {
    struct store *store;
    struct store_watch watch;
    struct arena *arena;
    struct pipeline pipeline;
    struct command *read_cmd;
    int64_t next_run_us;
    bool waiting;
};

/* False with a line in ret_error. */
bool journal_wait_open(struct worker *w, char ret_error[200]);
void journal_wait_close(struct worker *w);
void journal_wait_tick(struct worker *w);

#endif
