/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event loop of mastery-fcgi. It knows connections and signals, nothing of HTTP. An iteration
 * reads requests that have arrived, passes replies of the store to the exchanges that wait for
 * them, sends the commands that were queued, and writes the log. Nothing in between blocks. */
#ifndef FCGI_REACTOR_H
#define FCGI_REACTOR_H

#include "app/service/engine.h"

/* Serves until drained. TERM, INT, QUIT, USR1 or MAX_REQUESTS start draining: the process stops
 * accepting and serves its connections until the web server closes them (never the other way
 * round: hazards N2), for DRAIN_TIMEOUT_S at most; in the last quarter of that time each connection
 * is closed after its next response. HUP reads the secrets again. listener: a listening socket; the
 * signals must be blocked (process_set_signals). Returns the exit status. */
int reactor_run(struct engine *engine, int listener);

#endif
