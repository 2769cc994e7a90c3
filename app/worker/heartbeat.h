/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends this worker's heartbeat (a counter in Redis that grows every second) and reads the
 * heartbeats of the other workers. The number of living workers determines how many shards are a
 * fair share for each. */
#ifndef WORKER_HEARTBEAT_H
#define WORKER_HEARTBEAT_H

#include "app/store/workers.h"
#include "app/worker/journal.h"
#include "app/worker/periodic.h"
#include "app/worker/sidecar.h"

/* Another worker that is alive. */
struct peer {
    char id[UUID_TEXT_SIZE]; /* random id of the worker */
    int64_t beats;           /* value of its heartbeat counter when it was read last */
    int64_t last_beat_us;    /* monotonic; time when `beats` was seen to have changed last */
};

struct heartbeat {
    struct worker_context *worker;
    const struct shards *shards;
    struct journal *journal;
    const struct sidecar *sidecar;
    struct periodic schedule;
    struct peer peers[WORKERS_MAX]; /* living workers except this one */
    size_t count;                   /* number of peers */
    /* commands of the latest heartbeat: read the clock of Redis, and the schema number (of the
     * format of all records; NULL: not read, because it cannot rise any more) */
    struct command *time_cmd, *schema_cmd;
    int64_t beats; /* heartbeats that this worker has sent */
};

/* Called in every loop iteration: sends a heartbeat if one is due. */
void heartbeat_tick(struct heartbeat *heartbeat);
/* Returns the number of living workers, this one included: 1 or more. */
size_t heartbeat_live_workers(const struct heartbeat *heartbeat);

#endif
