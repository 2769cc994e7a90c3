/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks up the closed segment that a list of audit records (audit_list.h, its only user) reads
 * next: in the chain of the shard's segments or, with a filter by student, in the index of those
 * with records of the student (store/audit_index.h). */
#ifndef SERVICE_AUDIT_LIST_FIND_H
#define SERVICE_AUDIT_LIST_FIND_H

#include "app/service/audit_list.h"
#include "app/service/audit_segment_text.h"

/* Queues the search of the segment with the record that was examined last, or else of an earlier
 * one. It must follow the read of what is open, or records may be missed that are closed meanwhile.
 * With a filter by student the index is read; a student without a pseudonym has none, so that
 * nothing is queued. */
void audit_list_cmd_find(struct audit_list *list, unsigned shard, struct pipeline *pipeline);
/* Parses the reply to a search, which must have been queued. ret_id: id of the segment; empty:
 * there is none. *ret_total: how many records all segments of the shard have; 0 with a filter by
 * student. */
bool audit_list_parse_find(struct audit_list *list, unsigned shard, char ret_id[STREAM_ID_SIZE],
                           int64_t *ret_total, struct problem *p);
/* Returns the id of the segment that precedes the one with the text: in the chain or, with a filter
 * by student, in the student's index. Empty: there is none. It is in the arena, or in the text. */
struct str audit_list_previous(const struct audit_list *list, struct arena *arena,
                               const struct audit_segment *segment,
                               const struct audit_segment_text *text);

#endif
