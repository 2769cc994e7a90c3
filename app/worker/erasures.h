/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completes erasures whose process ended or failed in the middle: one at a time, by the worker that
 * holds shard 0. Also makes Redis rewrite its append-only file (AOF) when that could not be started
 * together with an erasure. */
#ifndef WORKER_ERASURES_H
#define WORKER_ERASURES_H

#include "app/service/erase.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct erasures {
    struct worker_context *worker;
    const struct shards *shards;
    struct periodic schedule;
    struct erase erase; /* of students[current] */
    char students[ERASURES_UNFINISHED_MAX][ID_MAX + 1];
    size_t count, current;
    bool any_failed;            /* one of these students' erasures was not completed */
    struct str rewrite_request; /* id of a request for an AOF rewrite; p NULL: none. In the task */
    struct command *unfinished_cmd, *cmd;
};

void erasures_init(struct erasures *erasures, struct worker_context *w,
                   const struct shards *shards);
void erasures_tick(struct erasures *erasures);
void erasures_close(struct erasures *erasures);

#endif
