/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two scans over the audit logs of the shards (groups of keys) whose leases this worker holds; each
 * scan processes one shard after the other. A shard is due when this worker has obtained its lease,
 * and then again after the interval of the scan; a shard that fails delays no other. Aggregation,
 * only of records in the forms of schema 1 (of version 0.1.0): counters of reads and of denied
 * requests become audit records when the minute that they count is over. Retention: audit records
 * older than AUDIT_DAYS are deleted, together with the segment that contains them or, of schema 1,
 * with the seal (a link of the HMAC chain) that covers them. The records of a segment or seal are
 * deleted as a whole or not at all. */
#ifndef WORKER_AUDIT_MAINTENANCE_H
#define WORKER_AUDIT_MAINTENANCE_H

#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* The progress of one of the two scans over the held shards. */
struct audit_scan {
    struct periodic schedule; /* ensures one step at a time */
    unsigned shard;           /* number of the shard of the latest step */
    /* cursor of the shard's next HSCAN; "0": its start; retention does not use it */
    char cursor[24];
    /* monotonic; when the next step of each shard is due; at once if its lease began after
     * scanned_us */
    int64_t next_us[SHARDS];
    int64_t scanned_us[SHARDS]; /* monotonic; start of the latest step of each shard; 0: none */
};

struct audit_maintenance {
    struct worker_context *worker;
    struct shards *shards;
    struct audit_scan aggregation, retention;
};

/* Prepares the two scans of the audit logs: one makes records of counters, the other one deletes
 * old records. */
void audit_maintenance_init(struct audit_maintenance *audit, struct worker_context *w,
                            struct shards *shards);
/* Called in every loop iteration: starts the steps of both scans that are due. */
void audit_maintenance_tick(struct audit_maintenance *audit);

#endif
