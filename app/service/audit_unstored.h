/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last resort for audit events (who accessed whose data) that Redis does not accept: each
 * becomes a line of the process's log, so that no access is without a trace. The lines of a process
 * are numbered and form a chain: each has the MAC (keyed hash) of the line before it and one of
 * itself, so that a line that was changed or removed shows (docs/audit.md, Events that Redis does
 * not accept). */
#ifndef SERVICE_AUDIT_UNSTORED_H
#define SERVICE_AUDIT_UNSTORED_H

#include "app/service/audit_buffer.h"
#include "app/service/engine.h"

/* The chain of the log lines that this process has written for audit events which Redis does not
 * accept: what the next line needs to know of the latest one. Zeros: no line yet. */
struct audit_unstored {
    int64_t number; /* number of the latest log line of the chain, from 1; 0: none */
    /* MAC (keyed hash) of the latest log line of the chain; empty: none. A line that the log has
     * dropped, because its reader stalls, does not count */
    char mac[LOG_MAC_SIZE];
};

/* Writes one event to the log and counts it in METRIC_AUDIT_UNSTORED with the label `reason`. Ids
 * of persons and groups are written as keyed hashes (log_hash). */
void audit_unstored_log(struct engine *engine, struct audit_unstored *chain,
                        const struct audit_buffer_entry *event, const char *reason);

#endif
