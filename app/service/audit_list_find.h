/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks up the closed segment (a pack of up to 256 audit records) that a list of records
 * (audit_list.h, its only user) reads next: in the chain of the shard's segments or, with a filter
 * by student, in the index of the segments with records of the student (store/audit_index.h). */
#ifndef SERVICE_AUDIT_LIST_FIND_H
#define SERVICE_AUDIT_LIST_FIND_H

#include "app/service/audit_list.h"
#include "app/service/audit_segment_text.h"

/* Queues the search for the newest segment that may have records not newer than list->position; if
 * that is empty, for the newest of all. Queue it after the read of what is open: otherwise a record
 * that is closed between the two is missed. With a filter by student it reads the index. If the
 * student has no pseudonym, there is no index, and nothing is queued. */
void audit_list_cmd_find(struct audit_list *list, unsigned shard, struct pipeline *pipeline);
/* Parses the reply to a search, which must have been queued. ret_id: id of the segment; empty:
 * there is none. *ret_total: how many records all segments of the shard have; 0 with a filter by
 * student. */
bool audit_list_parse_find(struct audit_list *list, unsigned shard, char ret_id[STREAM_ID_SIZE],
                           int64_t *ret_total, struct problem *p);
/* Returns the id of the segment before `segment`, whose unpacked values are `text`: in the chain
 * or, with a filter by student, in the student's index. Empty: there is none. The result is in the
 * arena, or part of `text`. */
struct str audit_list_previous(const struct audit_list *list, struct arena *arena,
                               const struct audit_segment *segment,
                               const struct audit_segment_text *text);

#endif
