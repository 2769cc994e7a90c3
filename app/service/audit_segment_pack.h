/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packs the records of a closed segment of a shard's audit log, and reads them again. The text of a
 * segment has one value per line: shard (two hexadecimal digits), number of the segment (1, 2, 3,
 * ... in each shard), head of the segment before (hexadecimal; empty for the first), id of its last
 * record (empty for the first), id of the HMAC key, number of records, number of records of this
 * and all earlier segments; then column by column a line for each record (docs/audit.md, Segments).
 * The head of a segment is the HMAC-SHA256 of its text. As the text names the head of the segment
 * before, the segments of a shard form a chain: without the key nothing in it can be changed,
 * removed, added or moved without a trace, but for its end, which a head that is known from
 * elsewhere shows. Segments are stored compressed. These functions only compute: they use neither
 * Redis nor the clock. */
#ifndef SERVICE_AUDIT_SEGMENT_PACK_H
#define SERVICE_AUDIT_SEGMENT_PACK_H

#include "app/service/audit_chain.h"
#include "app/store/audit_segment.h"

/* The latest segment of a shard's chain: what the next one needs to know of it. */
struct audit_segment_link {
    int64_t number;                             /* number of the segment; 0: the shard has none */
    int64_t total;                              /* number of records up to here */
    char head[AUDIT_HEAD_SIZE];                 /* hexadecimal; empty: no segment yet */
    unsigned char raw_head[AUDIT_SEGMENT_HEAD]; /* the same as bytes, as Redis stores it */
    char last_id[STREAM_ID_SIZE];               /* id of its last record; empty: none */
};

/* A segment that was read. The texts are in the arena. */
struct audit_segment_text {
    struct str text; /* all of it: what the head is the HMAC of */
    unsigned shard;
    struct audit_segment_link link;        /* of this segment; its head is the stored one */
    struct str previous_head, previous_id; /* of the segment before; empty: it is the first */
    struct str key_id;                     /* id of the HMAC key */
    struct audit_entry *entries;           /* the records, oldest first */
    size_t n;
};

/* Sorts records by their ids, and makes each id greater than the one before and than the id
 * link->last_id, for the case that the clock of Redis was set back. False: out of memory. */
bool audit_segment_order(struct arena *arena, const struct audit_segment_link *link,
                         struct audit_entry *entries, size_t n);
/* Makes the next segment, and the link to it. entries: n > 0 records, at most
 * AUDIT_SEGMENT_RECORDS, as audit_segment_order leaves them. False: out of memory. */
bool audit_segment_pack(struct arena *arena, const struct audit_key *key, unsigned shard,
                        const struct audit_segment_link *link, const struct audit_entry *entries,
                        size_t n, struct audit_segment *ret, struct audit_segment_link *ret_link);
/* Reads a segment. False: it is not in this form, or out of memory. Its head is not checked. */
bool audit_segment_unpack(struct arena *arena, const struct audit_segment *segment,
                          struct audit_segment_text *ret);
/* Computes the head of a segment. ret_head: hexadecimal. */
void audit_segment_compute_head(const struct audit_key *key, struct str text,
                                char ret_head[AUDIT_HEAD_SIZE]);
/* Makes the record of a count. False: it is none (a refusal that was recorded at once and not
 * repeated), or out of memory. */
bool audit_entry_of_count(struct arena *arena, const struct audit_counted_read *read,
                          struct audit_entry *ret);

#endif
