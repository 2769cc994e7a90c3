/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heartbeats of the workers: a hash, `workers`, with a field per worker, that expires after the
 * last heartbeat. A worker counts its heartbeats: if the count does not change, the worker is gone,
 * which shows without comparing clocks. */
#ifndef STORE_WORKERS_H
#define STORE_WORKERS_H

#include "app/store/pipeline.h"

enum { WORKERS_MAX = 64, WORKERS_EXPIRE_MS = 5000 };

/* dependencies.dapr of /ready, as a worker sees it. */
enum dapr_state { DAPR_NOT_CONFIGURED, DAPR_HEALTHY, DAPR_UNAVAILABLE, DAPR_STATES };

struct worker_heartbeat {
    struct str id;
    int64_t beats;  /* heartbeats so far */
    int64_t shards; /* for which the worker has the lease */
    int64_t lag_ms; /* age of the oldest journal entry that was processed lately */
    enum dapr_state dapr;
};

void workers_cmd_beat(struct pipeline *pipeline, const struct worker_heartbeat *heartbeat);
struct command *workers_cmd_get(struct pipeline *pipeline);
/* ret_heartbeats has room for WORKERS_MAX; further ones, and fields of another form, are ignored.
 * False if the reply is not a hash. Texts point into the reply. */
bool workers_parse(const struct command *command, struct worker_heartbeat *ret_heartbeats,
                   size_t *ret_count);
void workers_cmd_remove(struct pipeline *pipeline, struct str id);

#endif
