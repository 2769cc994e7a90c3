/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hears of new journal entries: one XREAD BLOCK over the journals of our shards. Redis makes a
 * connection wait that asks so; this one is a store of its own, whose rounds may take as long as
 * the wait and a normal round. What it hears is a hint: the entries are read by journal.c. */
#ifndef WORKER_LISTENER_H
#define WORKER_LISTENER_H

#include "app/store/store_watch.h"

struct worker;

struct listener {
    struct store *store;
    struct store_watch watch;
    struct arena *arena;
    struct asks asks;
    struct ask *heard;
    int64_t again_us;
    bool listening;
};

/* False with a line in ret_error. */
bool listener_open(struct worker *w, char ret_error[200]);
void listener_close(struct worker *w);
void listener_tick(struct worker *w);

#endif
