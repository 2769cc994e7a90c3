/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches the store's connection in a libev loop. mastery-fcgi and mastery-worker both use it. */
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

void store_watch_init(struct store_watch *w, struct ev_loop *loop, struct store *store);
/* Once a turn, behind all that the turn did with the store: the descriptor changes with each
 * connection, and may get the number of the one before. */
void store_watch_update(struct store_watch *w);
void store_watch_stop(struct store_watch *w);

#endif
