/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event loop: who is ready? It knows connections and signals, nothing of HTTP. A turn takes
 * what has arrived, carries replies of the store on to their requests, sends what they ask, and
 * writes the log; it never waits in between. */
#ifndef FCGI_REACTOR_H
#define FCGI_REACTOR_H

#include "app/service/engine.h"

/* Serves until drained: after TERM, INT, QUIT or USR1, or MAX_REQUESTS, it leaves the listener and
 * closes each connection behind its next answer. One without a request is closed by the web server
 * (never the other way round: a request may be on its way, hazards N2), or after DRAIN_TIMEOUT_S.
 * HUP reads the keys again. The signals must be blocked. Returns the exit status. */
int reactor_run(struct engine *engine, int listener);

#endif
