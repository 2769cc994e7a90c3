/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event loop: who is ready? It knows connections and signals, nothing of HTTP. A turn takes
 * what has arrived, carries replies of the store on to their requests, sends what they ask, and
 * writes the log; it never waits in between. */
#ifndef FCGI_REACTOR_H
#define FCGI_REACTOR_H

#include "app/service/engine.h"

/* Serves until drained: after TERM, INT, QUIT or USR1, or MAX_REQUESTS, it leaves the listener and
 * goes on serving the connections it has until the web server has closed them (never the other way
 * round: hazards N2). DRAIN_TIMEOUT_S at most: in its last quarter each connection ends behind its
 * next answer. HUP reads the keys again. The signals must be blocked. Returns the exit status. */
int reactor_run(struct engine *engine, int listener);

#endif
