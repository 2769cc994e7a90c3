/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks after the audit logs of our shards: counts of reads and refusals become records when their
 * minute is over, and what is older than AUDIT_DAYS goes, seal by seal, the records under each with
 * it. One shard after the other. */
#ifndef WORKER_AUDIT_H
#define WORKER_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

struct worker;

/* A walk over the shards. */
struct audit_walk {
    unsigned shard;
    char cursor[24]; /* of HSCAN, in the shard */
    int64_t again_us;
    bool under_way, busy;
};

struct audit_care {
    struct audit_walk fold, trim;
};

void audit_care_tick(struct worker *w);
bool audit_care_busy(const struct worker *w);

#endif
