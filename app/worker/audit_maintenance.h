/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maintains the audit logs of the shards that this worker holds, one shard after the other. Counts
 * of reads and denials become records when their minute is over; records older than AUDIT_DAYS are
 * deleted together with their seals, in whole seals. */
#ifndef WORKER_AUDIT_MAINTENANCE_H
#define WORKER_AUDIT_MAINTENANCE_H

#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* One of the two scans over the held shards. */
struct audit_scan {
    struct periodic schedule; /* a run is one step of the scan */
    unsigned shard;           /* being scanned */
    char cursor[24];          /* of HSCAN in the shard; "0": at its start */
    bool active;              /* between the first shard and the last */
};

struct audit_maintenance {
    struct worker_context *worker;
    struct shards *shards;
    struct audit_scan aggregation, retention;
};

void audit_maintenance_init(struct audit_maintenance *audit, struct worker_context *w,
                            struct shards *shards);
void audit_maintenance_tick(struct audit_maintenance *audit);

#endif
