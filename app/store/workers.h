/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The workers there are: a hash, workers, with a field for each, that expires with the last one's
 * last sign of life. Each counts its signs: who sees a count that stands still knows that its
 * worker is gone, without comparing clocks. */
#ifndef STORE_WORKERS_H
#define STORE_WORKERS_H

#include "app/store/store.h"

enum { WORKERS_MAX = 64, WORKERS_EXPIRE_MS = 5000 };

/* dependencies.dapr of /ready, as this worker sees it. */
enum dapr_state { DAPR_NOT_CONFIGURED, DAPR_HEALTHY, DAPR_UNAVAILABLE, DAPR_STATES };

struct worker_heartbeat {
    struct str id;
    int64_t beats;  /* given so far */
    int64_t shards; /* looked after */
    int64_t lag_ms; /* of the oldest journal entry turned lately */
    enum dapr_state dapr;
};

void workers_cmd_beat(struct pipeline *a, const struct worker_heartbeat *sign);
struct command *workers_cmd_get(struct pipeline *a);
/* ret_signs has room for WORKERS_MAX; more are not looked at. False when the reply is none. */
bool workers_parse(const struct command *command, struct worker_heartbeat *ret_signs,
                   size_t *ret_count);
void workers_cmd_remove(struct pipeline *a, struct str id);

#endif
