/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completes erasures that whoever began them did not: one at a time, by the worker with shard 0.
 * And has Redis write its file of commands anew when that could not be done at once. */
#ifndef WORKER_ERASURES_H
#define WORKER_ERASURES_H

#include "app/service/erase.h"

struct worker;

struct erasures {
    struct erase erase;
    char student[ID_MAX + 1];
    int64_t again_us;
    bool busy;
};

void erasures_tick(struct worker *w);
bool erasures_busy(const struct worker *w);

#endif
