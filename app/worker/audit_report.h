/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes log lines about the audit log: anchors (the head of a shard's HMAC chain, for comparison
 * outside Redis), and failures to continue or to archive the audit log of a shard. */
#ifndef WORKER_AUDIT_REPORT_H
#define WORKER_AUDIT_REPORT_H

#include "app/worker/context.h"

/* Least time between two anchors of a shard, and between two log lines about failures, in us. */
extern const int64_t AUDIT_REPORT_INTERVAL_US;

/* Why the audit log of a shard could not be continued or archived. */
struct audit_failure {
    const char *status;      /* label of METRIC_AUDIT_SEALS */
    const char *event;       /* name of the log line */
    const char *folder;      /* folder of the archive; NULL: the failure is not about files */
    const char *reason;      /* what is wrong */
    const char *consequence; /* what follows from it */
};

/* Writes the member "shard" of a log line: the number in hex, as in the shard's keys. */
void audit_report_shard(struct jw *jw, unsigned shard);
/* Logs an anchor: number and head (MAC) of the latest link of the shard's chain. "mastery-ctl audit
 * verify" compares these log lines with the chains in Redis. kind: "segment" or, of schema 1,
 * "seal". */
void audit_report_anchor(const struct worker_context *w, unsigned shard, const char *kind,
                         int64_t number, const char *head);
/* Counts the failure of a shard in METRIC_AUDIT_SEALS. Logs it too if the monotonic time *next_us
 * is reached, and moves *next_us to a minute later: so failures with the same *next_us are logged
 * once a minute at most. */
void audit_report_failure(const struct worker_context *w, unsigned shard, int64_t *next_us,
                          const struct audit_failure *failure);

#endif
