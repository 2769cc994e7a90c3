/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packs the records of a closed segment of a shard's audit log, and reads them again. The head of a
 * segment is the first AUDIT_SEGMENT_HEAD bytes of the HMAC-SHA256 of its text
 * (audit_segment_text.h), which names the head of the segment before. Segments are stored packed
 * (audit_segment_code.h) and compressed. These functions only compute: they use neither Redis nor
 * the clock. */
#ifndef SERVICE_AUDIT_SEGMENT_PACK_H
#define SERVICE_AUDIT_SEGMENT_PACK_H

#include "app/service/audit_segment_text.h"
#include "app/store/audit_counts.h"

/* Sorts records by their ids, and makes each id greater than the one before and than the id
 * link->last_id, for the case that the clock of Redis was set back. False: out of memory. */
bool audit_segment_order(struct arena *arena, const struct audit_segment_link *link,
                         struct audit_entry *entries, size_t n);
/* Makes the next segment, and the link to it. entries: n > 0 records, at most
 * AUDIT_SEGMENT_RECORDS, as audit_segment_order leaves them; they get the values that a segment can
 * have (of a count, no request). False: out of memory. */
bool audit_segment_pack(struct arena *arena, const struct audit_key *key, unsigned shard,
                        const struct audit_segment_link *link, struct audit_entry *entries,
                        size_t n, struct audit_segment *ret, struct audit_segment_link *ret_link);
/* Reads a segment. False: it is not in this form, or out of memory. Its head is not checked. */
bool audit_segment_unpack(struct arena *arena, const struct audit_segment *segment,
                          struct audit_segment_text *ret);
/* Computes the head of a segment from its text. ret_head: hexadecimal. */
void audit_segment_compute_head(const struct audit_key *key, struct str text,
                                char ret_head[AUDIT_HEAD_SIZE]);
/* Makes the record of a count. False: it is none (a refusal that was recorded at once and not
 * repeated), or out of memory. */
bool audit_entry_of_count(struct arena *arena, const struct audit_counted_read *read,
                          struct audit_entry *ret);

#endif
