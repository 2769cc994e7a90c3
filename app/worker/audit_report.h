/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the worker writes to its log about the audit log: anchors, and shards it cannot go on with.
 */
#ifndef WORKER_AUDIT_REPORT_H
#define WORKER_AUDIT_REPORT_H

#include "app/worker/context.h"

/* Time between two anchors of a shard, and between two log lines about failures, in us. */
extern const int64_t AUDIT_REPORT_INTERVAL_US;

struct audit_failure {
    const char *status;      /* label of METRIC_AUDIT_SEALS */
    const char *event;       /* name of the log line */
    const char *folder;      /* of the archive; NULL: the failure is of Redis */
    const char *reason;      /* what is wrong */
    const char *consequence; /* what follows from it */
};

/* Logs an anchor: number and head (MAC) of the latest link of the shard's chain. "mastery-ctl audit
 * verify" compares these log lines with the chains in Redis. kind: "segment" or, of schema 1,
 * "seal". */
void audit_report_anchor(const struct worker_context *w, unsigned shard, const char *kind,
                         int64_t number, const char *head);
/* Counts a failure of a shard, and logs it if `*next_us`, which is then moved on, has come: one
 * line a minute at most. */
void audit_report_failure(const struct worker_context *w, unsigned shard, int64_t *next_us,
                          const struct audit_failure *failure);

#endif
