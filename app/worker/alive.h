/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shows a probe that the loop of this worker runs: once a second the time of change of the file
 * ALIVE_FILE is set. Unlike the heartbeat (heartbeat.h) it does not depend on Redis. The file is
 * removed when the worker ends in order. scripts/health-check.sh compares its age. */
#ifndef WORKER_ALIVE_H
#define WORKER_ALIVE_H

#include "app/worker/context.h"

struct alive {
    struct worker_context *worker;
    int64_t next_us; /* monotonic; when the time of change of ALIVE_FILE is to be set next */
    bool failed; /* the last attempt to set it failed; the failure was logged and is not again */
};

/* Updates the modification time of ALIVE_FILE if that is due; does nothing without the setting. */
void alive_tick(struct alive *alive);
/* Removes ALIVE_FILE at an orderly end of the worker. */
void alive_close(const struct alive *alive);

#endif
