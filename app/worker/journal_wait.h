/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waits for new entries in the journals (changes of students' data, one stream in Redis for each
 * shard) by one XREAD BLOCK over all shards that this worker holds. While Redis blocks a connection
 * in this way, it executes no other command of that connection. The wait therefore has its own
 * connection (struct store), whose round trips may take the time of BLOCK longer than usual. A
 * reply only marks journals as pending; journal.c reads the entries. */
#ifndef WORKER_JOURNAL_WAIT_H
#define WORKER_JOURNAL_WAIT_H

#include "app/store/store_watch.h"
#include "app/worker/shards.h"

struct journal_wait {
    struct worker_context *worker;
    struct shards *shards;
    struct store *store; /* owned; the connection that blocks */
    struct store_watch watch;
    struct arena *arena;      /* owned; memory of one XREAD */
    struct pipeline pipeline; /* contains the one XREAD; in a cluster one for each journal */
    int64_t next_run_us;      /* monotonic; earliest time of the next XREAD */
    bool waiting;             /* true: an XREAD was sent and has no reply yet */
};

/* Opens the connection on which XREAD waits for new journal entries. Returns false on failure, with
 * a message in ret_error unless there was no memory; journal_wait_close must be called in any
 * case. */
bool journal_wait_open(struct journal_wait *wait, char ret_error[200]);
/* Closes the connection on which XREAD waits, also after a journal_wait_open that has failed. */
void journal_wait_close(struct journal_wait *wait);
/* Called in every loop iteration: processes a reply, and sends the next XREAD when it is due. */
void journal_wait_tick(struct journal_wait *wait);

#endif
