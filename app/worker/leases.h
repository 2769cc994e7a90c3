/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The leases of shards: taken up to a fair share, renewed, given back. */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "app/store/keys.h"
#include "app/store/store.h"

struct worker;

/* A worker that dies is followed by another after LEASE_MS and one round at most. */
enum { LEASE_MS = 6000 };

struct leases {
    int64_t expires_us[SHARDS]; /* 0: not ours. It ends a little earlier than in the store */
    struct command *acquire_cmds[SHARDS];
    size_t held;
    size_t logged_held; /* as last logged */
    unsigned rr_cursor; /* the shard at which the search for free ones begins */
    int64_t next_run_us;
    bool busy;
};

void leases_init(struct worker *w);
void leases_tick(struct worker *w);
/* Ours at this moment, by a look at the clock. */
bool lease_held_now(const struct worker *w, unsigned shard);
/* Ours as far as this turn is concerned. */
bool lease_held(const struct worker *w, unsigned shard);
size_t leases_count(const struct worker *w);
/* A script has said that the lease is another's. */
void lease_mark_lost(struct worker *w, unsigned shard);
/* Asks to give back all. */
void leases_queue_release(struct worker *w, struct pipeline *a);

#endif
