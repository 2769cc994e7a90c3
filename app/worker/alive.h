/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shows a probe that the event loop of this worker runs: once a second the modification time of the
 * file ALIVE_FILE is set to now. Unlike the heartbeat (heartbeat.h) this does not depend on Redis.
 * The file is removed when the worker ends in order. The probe, scripts/health-check.sh, compares
 * the age of the file with a limit. */
#ifndef WORKER_ALIVE_H
#define WORKER_ALIVE_H

#include "app/worker/context.h"

struct alive {
    struct worker_context *worker;
    int64_t next_us; /* monotonic; when the modification time is to be set next */
    /* the last attempt failed: further failures are not logged until an attempt succeeds */
    bool failed;
};

/* Called in every loop iteration: sets the modification time of ALIVE_FILE if a second has passed;
 * does nothing if the setting is empty. */
void alive_tick(struct alive *alive);
/* Removes ALIVE_FILE at an orderly end of the worker. */
void alive_close(const struct alive *alive);

#endif
