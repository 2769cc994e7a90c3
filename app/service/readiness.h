/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What /ready reports: whether Redis accepts writes, and the state of the workers and of Dapr's
 * sidecar. A check reads this from Redis once a second. /ready returns the latest result without
 * waiting for Redis, so that a probe gets its response in time even while Redis is slow. A Redis
 * that no longer replies is noticed within about 1.2 s, a connection that is closed at once. */
#ifndef SERVICE_READINESS_H
#define SERVICE_READINESS_H

#include "app/service/engine.h"
#include "app/store/workers.h"

struct readiness;

struct readiness_state {
    /* Why Redis accepts no write, as a text without names of hosts or users. NULL when Redis
     * accepted the write of the latest check, and no later reply is overdue. Valid until the next
     * check. */
    const char *problem;
    /* some nodes of a Redis Cluster cannot be used or accept no write; `problem` is NULL as long as
     * at least one accepts writes */
    bool is_degraded;
    size_t workers;       /* number of workers that run */
    enum dapr_state dapr; /* worst state of the sidecar that a worker reports */
};

struct readiness *readiness_new(void);            /* NULL when out of memory */
void readiness_free(struct readiness *readiness); /* NULL is allowed */

/* Sends the next check when it is due. Call it once a loop iteration, before store_flush. */
void readiness_tick(struct engine *engine, int64_t now_us);
/* Processes the replies of the check and returns true, if the completed pipeline is that of the
 * check; returns false if it belongs to another module. */
bool readiness_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us);
/* Returns the microseconds until readiness_tick has something to send; INT64_MAX while replies are
 * awaited. */
int64_t readiness_wait_us(const struct engine *engine, int64_t now_us);
/* Returns whether the first check has ended, successful or not. */
bool readiness_is_known(const struct engine *engine);
/* Returns the result of the latest check, or why Redis is unavailable now. */
struct readiness_state readiness_get(const struct engine *engine, int64_t now_us);

#endif
