/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Once a day, and when a worker starts: throws out what is older than it may get and would not go
 * by itself. Most records expire; streams that are still written to do not. One worker does it, the
 * one with the lease of shard 0. */
#ifndef WORKER_RETENTION_H
#define WORKER_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

struct worker;

struct retention {
    char cursor[24]; /* of SCAN; empty: not under way */
    int64_t again_us;
    uint64_t looked_at; /* keys of students' streams in this walk */
    bool busy;
};

void retention_tick(struct worker *w);
bool retention_busy(const struct worker *w);

#endif
