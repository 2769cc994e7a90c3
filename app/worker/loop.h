/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process of mastery-worker: one event loop over subsystems (journal, outbox, jobs, ...), each
 * with one purpose. Any number of workers may run. Each serves the shards (groups of keys in Redis)
 * whose leases it holds, and all read one job queue. */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include "app/service/engine.h"

/* Runs until the signal TERM, INT, QUIT or USR1, and then drains (completes its started work) for
 * DRAIN_TIMEOUT_S at most. HUP reads the secrets again. The signals must be blocked
 * (process_set_signals). Returns the exit status of the process. */
int worker_run(struct engine *engine);

#endif
