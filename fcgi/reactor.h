/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event loop of mastery-fcgi (reactor). It handles connections and signals, and has no
 * knowledge of HTTP. One loop iteration reads requests that have arrived, passes replies of Redis
 * to the exchanges that wait for them, sends the queued commands, and writes the log. Except for
 * reading a request, which has a short timeout, no step blocks. */
#ifndef FCGI_REACTOR_H
#define FCGI_REACTOR_H

#include "app/service/engine.h"

/* Serves requests until the process is drained, and returns the exit status. TERM, INT, QUIT and
 * USR1 start draining. From then on, the process accepts no connections, and serves the existing
 * ones until the web server closes them (the process must not close them first: hazards N2), for
 * DRAIN_TIMEOUT_S at most. In the last quarter of that time each connection is closed after its
 * next response. After MAX_REQUESTS requests the process retires, which ends in draining too
 * (docs/architecture.md, Draining). HUP reads the secrets again. listener: a listening socket. The
 * signals must be blocked (process_set_signals). */
int reactor_run(struct engine *engine, int listener);

#endif
