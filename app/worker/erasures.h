/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completes erasures that whoever began them did not: one at a time, by the worker with shard 0.
 * One that fails stands behind the others then. And has Redis write its file of commands anew when
 * that could not be done at once. */
#ifndef WORKER_ERASURES_H
#define WORKER_ERASURES_H

#include "app/service/erase.h"

struct worker;

struct erasures {
    struct erase erase;
    char students[ERASURES_UNFINISHED_MAX][ID_MAX + 1];
    size_t count, at; /* students[at] is being completed */
    bool failed;      /* one of these was not completed */
    struct str wish;  /* for writing the file anew: lives in the task; p NULL: none */
    struct ask *unfinished, *asked;
    int64_t again_us;
    bool busy;
};

void erasures_tick(struct worker *w);
bool erasures_busy(const struct worker *w);

#endif
