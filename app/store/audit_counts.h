/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counted accesses, from which audit records are made. A field of the hash {ss}:audit:counts (ss:
 * the shard in hex) is a record without its request and its count, as lines: the pseudonym, then
 * the other texts. Its value has the count, the id that the record will have, and the time of the
 * last access (lua/lib/audit_count.lua). The worker makes the record when it closes the segment
 * (audit_segment.h).
 *
 * In the forms of schema 1 the hash is {ss}:audit:reads, whose fields have the minute as their
 * second line, and whose values have the count and the id of the first request. The worker makes
 * the record when the minute is over. */
#ifndef STORE_AUDIT_COUNTS_H
#define STORE_AUDIT_COUNTS_H

#include "app/store/audit.h"

/* A count of equal accesses, as it was read. The texts point into the reply. */
struct audit_counted_read {
    struct str field, value;    /* field and value as Redis stores them */
    struct audit_record record; /* the record to be made; its details are those of one access */
    struct str subject;         /* pseudonym of the student; empty: about no single student */
    struct str id;              /* id that the record will have; of schema 1: empty */
    int64_t last_ms;            /* time of the last access (epoch ms); of schema 1: 0 */
    int64_t minute; /* of schema 1: minutes since 1970-01-01 UTC; the details do not contain it */
    bool valid;     /* false: the field has another form, and only field and value may be used */
};

/* Reads some of the shard's counts (HSCAN), and the cursor for the next call. The cursor "0" starts
 * the scan. count: about how many counts to read. */
struct command *audit_cmd_scan_counts(struct pipeline *pipeline, enum audit_stream stream,
                                      unsigned shard, struct str cursor, int count);
/* Parses the reply to audit_cmd_scan_counts; more than max counts fail. *ret_cursor "0" means that
 * the scan is complete. */
bool audit_parse_counts(const struct command *command, enum audit_stream stream, size_t max,
                        struct str *ret_cursor, struct audit_counted_read *ret_reads,
                        size_t *ret_count, struct problem *p);
/* Returns the number of counts in the reply to audit_cmd_scan_counts; 0 if the reply is an error,
 * or there is none. */
size_t audit_counts_replied(const struct command *command);
/* Reads the number of counts (different accesses) in the shard's open segment. */
struct command *audit_cmd_counts_length(struct pipeline *pipeline, unsigned shard);
/* Removes fields of another form (not valid) from the hash of counts of the open segment, each only
 * if its value is still the one that was read. Replies how many were removed, or LEASE_LOST if
 * `holder` (a worker) does not hold the shard's lease (time-limited ownership). */
struct command *audit_cmd_remove_counts(struct pipeline *pipeline, unsigned shard,
                                        struct str holder, const struct audit_counted_read *reads,
                                        size_t count);
/* Of schema 1: deletes each of the counts that Redis still stores as it was read, and makes an
 * audit record of it, unless it is 0. The caller has added the minute to record.details. Replies
 * how many records were made, or LEASE_LOST if `holder` does not hold the shard's lease
 * (time-limited ownership). */
struct command *audit_cmd_aggregate(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    const struct audit_counted_read *reads, size_t count);

#endif
