/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process of mastery-worker: one event loop over subsystems that each do one thing. Any number
 * of workers may run: each serves the shards whose leases it holds, and all read one job queue. */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include "app/service/engine.h"

/* Runs until TERM, INT, QUIT or USR1, then drains for DRAIN_TIMEOUT_S at most. HUP reads the
 * secrets again. The signals must be blocked (process_set_signals). Returns the exit status. */
int worker_run(struct engine *engine);

#endif
