/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heartbeats of the workers: the hash `workers` in Redis has a field for each worker, and expires
 * some time after the last heartbeat of any worker. Each heartbeat raises a counter in the field. A
 * worker whose counter does not change has ended; detecting this needs no comparison of clocks. */
#ifndef STORE_WORKERS_H
#define STORE_WORKERS_H

#include "app/store/pipeline.h"

/* WORKERS_MAX: most workers; WORKERS_EXPIRE_MS: expiry of the hash */
enum { WORKERS_MAX = 64, WORKERS_EXPIRE_MS = 5000 };

/* State of the Dapr sidecar as a worker sees it, for dependencies.dapr of /ready. The states are
 * ordered: a later one is worse. */
enum dapr_state {
    DAPR_NOT_CONFIGURED,
    DAPR_HEALTHY,
    DAPR_UNAVAILABLE, /* the sidecar or the broker does not accept events at present */
    DAPR_UNHEALTHY,   /* the sidecar refuses all events until a configuration is corrected */
    DAPR_STATES
};

struct worker_heartbeat {
    struct str id;
    int64_t beats; /* number of heartbeats so far */
    /* number of shards whose lease (right to process them) the worker holds */
    int64_t shards;
    int64_t lag_ms;       /* age of the oldest journal entry that the worker processed recently */
    enum dapr_state dapr; /* state of the sidecar */
};

/* Stores the heartbeat in the field of its worker. */
void workers_cmd_beat(struct pipeline *pipeline, const struct worker_heartbeat *heartbeat);
/* Reads the latest heartbeats of all workers. */
struct command *workers_cmd_get(struct pipeline *pipeline);
/* Parses the reply to workers_cmd_get. ret_heartbeats has room for WORKERS_MAX; further workers,
 * and fields of another form, are ignored. False if the reply is not a hash. Texts point into the
 * reply. */
bool workers_parse(const struct command *command, struct worker_heartbeat *ret_heartbeats,
                   size_t *ret_count);
/* Removes the heartbeat of the worker with this id. */
void workers_cmd_remove(struct pipeline *pipeline, struct str id);

#endif
