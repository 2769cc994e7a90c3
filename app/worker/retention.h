/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Once a day, and when a worker starts: throws out what is older than it may get and would not go
 * by itself. Most records expire; streams and hashes that are still written to do not. One worker
 * does it, the one with the lease of shard 0. */
#ifndef WORKER_RETENTION_H
#define WORKER_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

struct retention {
    char cursor[24]; /* of SCAN; empty: not under way */
    int64_t next_run_us;
    size_t scan;      /* which of the walks over all keys is under way */
    uint64_t scanned; /* students' records in these walks */
    bool busy;
};

void retention_tick(struct worker *w);
bool retention_busy(const struct worker *w);

#endif
