/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seals the audit records of our shards, each second those that are new (service/audit_chain.h).
 * The head of each chain that has moved goes into audit:heads at once and into the log each minute:
 * the log is kept elsewhere, so that a tail that was cut off there is missed here. */
#ifndef WORKER_SEAL_H
#define WORKER_SEAL_H

#include "app/service/audit_chain.h"
#include "app/store/keys.h"

struct worker;

struct seal_shard {
    struct audit_link link, next_link; /* as it is, and as it will be when the seal is made */
    struct command *cmd;
    size_t next_count; /* records under the next one */
    bool link_known;   /* link is what the store has, as far as we know */
    bool unanchored;   /* since the last anchor */
};

struct seals {
    unsigned key_generation; /* of the rotation, as of which the keys are */
    struct seal_shard shards[SHARDS];
    int64_t next_run_us, next_anchor_us, next_error_log_us;
    bool busy;
};

void seals_tick(struct worker *w);
bool seals_busy(const struct worker *w);

#endif
