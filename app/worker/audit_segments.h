/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Closes the open segment of the audit log of each shard whose lease this worker holds. The open
 * segment has the audit records that are not sealed yet, and counts, each of which represents
 * one or more accesses of the same kind. It is closed when it has AUDIT_SEGMENT_RECORDS records and
 * counts, or when the oldest of them is AUDIT_SEAL_S seconds old. A closed segment is a link of the
 * HMAC chain of its shard (app/service/audit_segment_pack.h). Its MAC, the head of the chain, is
 * then written to the Redis hash audit:heads at once, and to the log once a minute (such a log line
 * is an anchor). The log is stored outside Redis; a comparison with it shows whether the end of a
 * chain was removed in Redis. */
#ifndef WORKER_AUDIT_SEGMENTS_H
#define WORKER_AUDIT_SEGMENTS_H

#include "app/service/audit_segment_pack.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* What this worker knows of the segments of one shard. */
struct segment_shard {
    struct audit_segment_link link; /* latest link of the chain in Redis; valid if link_known */
    /* the next link of the chain: the segment that is being closed */
    struct audit_segment_link next_link;
    /* commands of the current round trip about this shard; cmd is NULL if there are none */
    struct command *cmd, *second_cmd;
    /* time of the oldest open record or count (epoch ms, by Redis' clock); 0: not known, or none */
    int64_t open_since_ms;
    size_t next_count; /* number of records of the segment that is being closed */
    bool link_known;   /* false: the latest segment has to be read from Redis first */
    bool unanchored;   /* the chain has grown since the last anchor */
};

struct audit_segments {
    struct worker_context *worker;
    struct shards *shards;
    struct periodic schedule;
    struct segment_shard v[SHARDS];
    unsigned first; /* shard with which the next run starts: round robin */
    /* monotonic: when the next anchors are due; when a bad chain may be logged again */
    int64_t next_anchor_us, next_error_log_us;
};

/* Prepares the runs, which close segments. */
void audit_segments_init(struct audit_segments *segments, struct worker_context *w,
                         struct shards *shards);
/* Called in every loop iteration: starts a run if one is due. */
void audit_segments_tick(struct audit_segments *segments);

#endif
