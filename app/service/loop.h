/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the event loops of mastery-fcgi and mastery-worker have in common: watching a store's
 * connection, and taking signals. */
#ifndef SERVICE_LOOP_H
#define SERVICE_LOOP_H

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

struct signal_watch {
    struct ev_loop *loop;
    void (*taken)(void *owner, int number);
    void *owner;
    int fd;
    ev_io io;
};

/* Takes the signals that are blocked (process_set_signals). */
void signal_watch_start(struct signal_watch *w, struct ev_loop *loop,
                        void (*taken)(void *owner, int number), void *owner);
void signal_watch_stop(struct signal_watch *w);

#endif
