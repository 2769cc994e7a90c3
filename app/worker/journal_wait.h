/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waits for new journal entries: one XREAD BLOCK over the journals of all shards that this worker
 * holds. Redis serves no other command of a connection that waits so; hence a connection (struct
 * store) of its own, whose round trips may take BLOCK longer than the usual timeout. A result only
 * marks journals as pending: journal.c reads the entries. */
#ifndef WORKER_JOURNAL_WAIT_H
#define WORKER_JOURNAL_WAIT_H

#include "app/store/store_watch.h"
#include "app/worker/shards.h"

struct journal_wait {
    struct worker_context *worker;
    struct shards *shards;
    struct store *store; /* owned */
    struct store_watch watch;
    struct arena *arena; /* owned; memory of one XREAD */
    struct pipeline pipeline;
    struct command *read_cmd;
    int64_t next_run_us; /* monotonic; the next XREAD is sent no earlier */
    bool waiting;        /* an XREAD is in flight */
};

/* Returns false with a message in ret_error; journal_wait_close is due in any case. */
bool journal_wait_open(struct journal_wait *wait, char ret_error[200]);
void journal_wait_close(struct journal_wait *wait);
void journal_wait_tick(struct journal_wait *wait);

#endif
