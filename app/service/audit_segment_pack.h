/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packs the records of a segment of a shard's audit log when it is closed, and reads them again.
 * The head of a segment is the first AUDIT_SEGMENT_HEAD bytes of the HMAC-SHA256 of its text
 * (audit_segment_text.h). The text names the head of the segment before, so the segments form a
 * chain. Segments are stored packed (audit_segment_code.h) and compressed. These functions only
 * compute: they use neither Redis nor the clock. */
#ifndef SERVICE_AUDIT_SEGMENT_PACK_H
#define SERVICE_AUDIT_SEGMENT_PACK_H

#include "app/service/audit_segment_text.h"
#include "app/store/audit_counts.h"

/* Sorts the n records by their ids. An id that is not greater than the one before it, or than
 * link->last_id, is replaced by that one with its number raised by 1: this happens when the clock
 * of Redis was set back. False: out of memory. */
bool audit_segment_order(struct arena *arena, const struct audit_segment_link *link,
                         struct audit_entry *entries, size_t n);
/* Makes the segment *ret that follows the one of `link`, and its own link *ret_link. entries: n > 0
 * records, at most AUDIT_SEGMENT_RECORDS, as audit_segment_order leaves them. They are changed to
 * what a segment can store: a count of accesses loses the id of its request, for example. False:
 * out of memory. */
bool audit_segment_pack(struct arena *arena, const struct audit_key *key, unsigned shard,
                        const struct audit_segment_link *link, struct audit_entry *entries,
                        size_t n, struct audit_segment *ret, struct audit_segment_link *ret_link);
/* Decompresses and parses a segment. False: it is not in this form, or out of memory. Its head is
 * not checked. */
bool audit_segment_unpack(struct arena *arena, const struct audit_segment *segment,
                          struct audit_segment_text *ret);
/* Computes the head of a segment from its text. ret_head: hexadecimal. */
void audit_segment_compute_head(const struct audit_key *key, struct str text,
                                char ret_head[AUDIT_HEAD_SIZE]);
/* Makes an audit record of a count of equal accesses. False: the count makes none, since its form
 * is invalid or it is 0 (a refusal that was recorded at once and not repeated); or out of memory.
 */
bool audit_entry_of_count(struct arena *arena, const struct audit_counted_read *read,
                          struct audit_entry *ret);

#endif
