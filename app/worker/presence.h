/* SPDX-License-Identifier: GPL-3.0-or-later */
/* This worker's signs of life, and those of the others: how many there are says how many shards are
 * a fair share. */
#ifndef WORKER_PRESENCE_H
#define WORKER_PRESENCE_H

#include "app/base/ids.h"
#include "app/store/workers.h"

struct worker;

struct peer {
    char id[UUID_TEXT_SIZE];
    int64_t signs;
    int64_t seen_us; /* when its count moved last */
};

struct presence {
    struct peer peers[WORKERS_MAX]; /* the others that live */
    size_t count;
    int64_t signs;
    int64_t again_us;
    bool asking;
};

void presence_tick(struct worker *w);
/* Living workers, this one among them. */
size_t presence_live(const struct worker *w);

#endif
