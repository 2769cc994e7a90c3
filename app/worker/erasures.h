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
    size_t count, current;      /* students[at] is being completed */
    bool any_failed;            /* one of these was not completed */
    struct str rewrite_request; /* for writing the file anew: lives in the task; p NULL: none */
    struct command *unfinished, *cmd;
    int64_t next_run_us;
    bool busy;
};

void erasures_tick(struct worker *w);
bool erasures_busy(const struct worker *w);

#endif
