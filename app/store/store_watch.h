/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches the store's connection in a libev loop, for mastery-fcgi and mastery-worker. */
#ifndef STORE_STORE_WATCH_H
#define STORE_STORE_WATCH_H

#include <ev.h>

#include "app/store/store.h"

struct store_watch {
    struct ev_loop *loop;
    struct store *store;
    unsigned generation; /* of the connection that is watched */
    ev_io io;
};

void store_watch_init(struct store_watch *watch, struct ev_loop *loop, struct store *store);
/* To be called once per loop iteration, after all other calls of the store: the descriptor changes
 * with each connection, and a new one may get the number of the old one. */
void store_watch_update(struct store_watch *watch);
void store_watch_stop(struct store_watch *watch);

#endif
