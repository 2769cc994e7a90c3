/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connects the store to a libev event loop: watches the socket of its current connection to Redis.
 * For mastery-fcgi and mastery-worker. */
#ifndef STORE_STORE_WATCH_H
#define STORE_STORE_WATCH_H

#include <ev.h>

#include "app/store/store.h"

struct store_watch {
    struct ev_loop *loop;
    struct store *store;
    unsigned generation; /* generation (number) of the connection that is watched */
    ev_io io;            /* active while there is a connection */
};

/* Prepares the watcher; store_watch_update starts it. */
void store_watch_init(struct store_watch *watch, struct ev_loop *loop, struct store *store);
/* Adapts the watcher to the current connection. To be called once per loop iteration, after all
 * other calls of the store: a new connection has another descriptor, or even the same descriptor
 * number for another socket. */
void store_watch_update(struct store_watch *watch);
/* Stops watching the socket; the connection stays. */
void store_watch_stop(struct store_watch *watch);

#endif
