/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Closes the open segments of the audit logs of the shards that this worker holds: when a segment
 * has AUDIT_SEGMENT_RECORDS records, counts included, or when the oldest of them is AUDIT_SEAL_S
 * old. A closed segment is a link of the HMAC chain of its shard
 * (app/service/audit_segment_pack.h). The head of the chain is then written to the Redis hash
 * audit:heads at once, and to the log once a minute (such a log line is an anchor). The log is
 * stored outside Redis; a comparison with it shows whether the end of a chain was removed in Redis.
 */
#ifndef WORKER_AUDIT_SEGMENTS_H
#define WORKER_AUDIT_SEGMENTS_H

#include "app/service/audit_segment_pack.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* The segments of one shard. */
struct segment_shard {
    struct audit_segment_link link; /* end of the chain in Redis; valid if link_known */
    struct audit_segment_link
        next_link;                    /* end of the chain after the segment that is being closed */
    struct command *cmd, *second_cmd; /* of the current round trip; NULL: none for this shard */
    int64_t open_since_ms; /* time of the oldest open record, by Redis' clock; 0: not known */
    size_t next_count;     /* number of records of the segment that is being closed */
    bool link_known;       /* false: the latest segment has to be read from Redis first */
    bool unanchored;       /* the chain has grown since the last anchor */
};

struct audit_segments {
    struct worker_context *worker;
    struct shards *shards;
    struct periodic schedule;
    struct segment_shard v[SHARDS];
    unsigned first; /* shard that is looked at first, so that each has its turn */
    /* monotonic: when the next anchors are due; when a bad chain may be logged again */
    int64_t next_anchor_us, next_error_log_us;
};

/* Prepares the runs, which close segments. */
void audit_segments_init(struct audit_segments *segments, struct worker_context *w,
                         struct shards *shards);
/* Called in every loop iteration: starts a run if one is due. */
void audit_segments_tick(struct audit_segments *segments);

#endif
