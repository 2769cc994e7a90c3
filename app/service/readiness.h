/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state that /ready reports: whether Redis can be used, how many workers run, and how the Dapr
 * sidecar is. A heartbeat, one pipeline a second, reads it from Redis; /ready copies the last
 * result, so that a probe is never late, however long Redis takes. A Redis that hangs shows within
 * about 1.2 s, a connection that ends at once. */
#ifndef SERVICE_READINESS_H
#define SERVICE_READINESS_H

#include "app/service/engine.h"
#include "app/store/workers.h"

struct readiness;

struct readiness_state {
    bool store;           /* Redis replied to the last heartbeat and is not late since */
    size_t workers;       /* running */
    enum dapr_state dapr; /* the worst that a worker reports: only workers use the sidecar */
};

struct readiness *readiness_new(void);            /* NULL without memory */
void readiness_free(struct readiness *readiness); /* takes NULL */

/* Once a loop iteration, before store_flush: sends the heartbeat that is due. */
void readiness_tick(struct engine *engine, int64_t now_us);
/* Whether the completed pipeline is that of the heartbeat; then it is handled here. */
bool readiness_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us);
/* Microseconds until readiness_tick has something to send; INT64_MAX while replies are awaited. */
int64_t readiness_wait_us(const struct engine *engine, int64_t now_us);
struct readiness_state readiness_get(const struct engine *engine, int64_t now_us);

#endif
