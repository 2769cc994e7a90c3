/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks after the audit logs of our shards: counts of reads and refusals become records when their
 * minute is over, and what is older than AUDIT_DAYS goes, seal by seal, the records under each with
 * it. One shard after the other. */
#ifndef WORKER_AUDIT_MAINTENANCE_H
#define WORKER_AUDIT_MAINTENANCE_H

#include <stdbool.h>
#include <stdint.h>

struct worker;

/* A walk over the shards. */
struct audit_scan {
    unsigned shard;
    char cursor[24]; /* of HSCAN, in the shard */
    int64_t next_run_us;
    bool running, busy;
};

struct audit_maintenance {
    struct audit_scan aggregate, trim;
};

void audit_maintenance_tick(struct worker *w);
bool audit_maintenance_busy(const struct worker *w);

#endif
