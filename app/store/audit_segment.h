/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The closed segments of a shard's audit log are the Redis stream {ss}:audit:segments (ss: the
 * shard's number as two hexadecimal digits). An entry has the packed records of a segment and a
 * head, an HMAC over them. The packed text names the head of the segment before it, so that the
 * segments of a shard form a chain (docs/audit.md, Segments; service/audit_segment_pack.h). The id
 * of an entry is that of its last record, and no two segments have records of the same time span.
 *
 * The open segment has the records in the stream {ss}:audit:open and the counts in the hash
 * {ss}:audit:counts. */
#ifndef STORE_AUDIT_SEGMENT_H
#define STORE_AUDIT_SEGMENT_H

#include "app/store/audit_counts.h"
#include "app/store/stream.h"

enum {
    AUDIT_SEGMENT_RECORDS = 256, /* most records of a segment */
    AUDIT_SEGMENT_HEAD = 16,     /* bytes of a head */
};

/* A segment as it is stored. The texts point into the reply, or are given by the caller. */
struct audit_segment {
    struct str id;     /* id of the entry in the stream: that of the segment's last record */
    bool valid;        /* has all fields in their order */
    struct str packed; /* the compressed text of the records */
    struct str head;   /* AUDIT_SEGMENT_HEAD bytes */
    int64_t count;     /* number of its records */
    int64_t total;     /* number of records of this and all earlier segments of the shard */
    /* Only of a segment to be closed: pseudonyms of the students that its records are about or who
     * are their actors, each once; the segment is added to their indexes (audit_index.h). */
    const struct str *students;
    size_t student_count;
};

/* Reads the number of records in the stream of the open segment; its counts are not included. */
struct command *audit_open_cmd_length(struct pipeline *pipeline, unsigned shard);

/* The records and counts that a caller has read from the open segment, to be closed. */
struct audit_open {
    const struct str *ids; /* ids of the oldest records in the stream, in order */
    size_t id_count;
    const struct audit_counted_read *const *counts;
    size_t count_count;
};
/* Closes a segment: appends `segment`, which is kept for kept_days, to the chain and to the indexes
 * of its students, and removes the records and counts in `open`. It does so under three conditions:
 * the head of the latest segment is still previous_head (bytes; empty: there is no segment), the
 * records and counts are still there, and `holder` (a worker) holds the shard's lease (time-limited
 * ownership). Of a count that has grown since it was read, the difference stays in the open
 * segment. */
struct command *audit_segment_cmd_close(struct pipeline *pipeline, unsigned shard,
                                        struct str holder, struct str previous_head,
                                        const struct audit_segment *segment, int64_t kept_days,
                                        const struct audit_open *open);
/* Results of audit_segment_parse_close. SEGMENT_OUTDATED: not closed, because the latest segment
 * has another head, or what is open has changed. */
enum { SEGMENT_CLOSED = 1, SEGMENT_OUTDATED = 0 }; /* or LEASE_LOST */
/* Parses the reply to audit_segment_cmd_close. *ret: SEGMENT_CLOSED, SEGMENT_OUTDATED or
 * LEASE_LOST. */
bool audit_segment_parse_close(const struct command *command, int64_t *ret, struct problem *p);

/* Reads the latest closed segment of the shard. */
struct command *audit_segment_cmd_latest(struct pipeline *pipeline, unsigned shard);
/* Reads at most `count` closed segments of the shard, oldest first. from and to are the first and
 * the last id, as for XRANGE: "-" is the start, "+" the end, and "(ID" excludes the id. */
struct command *audit_segment_cmd_range(struct pipeline *pipeline, unsigned shard, struct str from,
                                        struct str to, int count);
/* Parses the reply to audit_segment_cmd_latest or audit_segment_cmd_range. ret has room for max
 * segments; *ret_count is the number of them. */
bool audit_segment_parse(const struct command *command, size_t max, struct audit_segment *ret,
                         size_t *ret_count, struct problem *p);

/* Finds the first closed segment that does not end before the record `id`; the latest one if all
 * do, or if id is empty. The reply has the segment's id, not its contents. */
struct command *audit_segment_cmd_find(struct pipeline *pipeline, unsigned shard, struct str id);
/* Parses the reply to audit_segment_cmd_find. *ret_id: id of the segment; empty: there is none.
 * *ret_total: how many records all closed segments of the shard in Redis have. */
bool audit_segment_parse_find(const struct command *command, struct str *ret_id, int64_t *ret_total,
                              struct problem *p);

/* Removes the segments before the one with the id `first`, if that exists and `holder` holds the
 * shard's lease. Replies how many, or LEASE_LOST. */
struct command *audit_segment_cmd_forget(struct pipeline *pipeline, unsigned shard,
                                         struct str holder, struct str first);
/* Removes the segments whose last record is older than before_ms (epoch ms), but never the latest,
 * if `holder` holds the shard's lease. Replies how many, or LEASE_LOST. */
struct command *audit_segment_cmd_trim(struct pipeline *pipeline, unsigned shard, struct str holder,
                                       int64_t before_ms);

#endif
