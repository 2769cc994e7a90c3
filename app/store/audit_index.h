/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index of a shard's closed segments by student: the string {ss}:audit:of:PSEUDONYM (ss: the
 * shard in hex) names the segments that have a record about the student, or with the student as the
 * actor. So an export, or a list of one student's records, reads the segments with such records
 * instead of all segments of the shard. The script that closes a segment adds it to the indexes of
 * its students (lua/lib/audit_index.lua): there is no segment without its entries. An entry may
 * name a segment that is gone, because its retention has ended.
 *
 * The index has pseudonyms alone, like the segments. It expires 30 days after the last of its
 * segments. It is not part of the HMAC chain. */
#ifndef STORE_AUDIT_INDEX_H
#define STORE_AUDIT_INDEX_H

#include "app/store/pipeline.h"
#include "app/store/stream.h"

/* An entry: the id of the segment, as 6 bytes of time (ms) and 3 of the number, big-endian, in
 * ascending order. */
enum { AUDIT_INDEX_ENTRY = 9 };

/* Reads the index of the student with this pseudonym: the ids of the closed segments that concern
 * the student. */
struct command *audit_index_cmd_get(struct pipeline *pipeline, unsigned shard,
                                    struct str pseudonym);
/* Parses the reply to audit_index_cmd_get. *ret: the entries, AUDIT_INDEX_ENTRY bytes each; empty:
 * there are none. It points into the reply. */
bool audit_index_parse(const struct command *command, struct str *ret, struct problem *p);
/* Returns how many entries the index has. */
size_t audit_index_count(struct str index);
/* Prints the id of the segment of entry i (from 0), which must exist, as TIME-NUMBER. */
void audit_index_print(struct str index, size_t i, char ret_id[STREAM_ID_SIZE]);
/* Returns how many entries, from the first on, are not later than the segment with this id. So it
 * is the index of the first entry after that segment. */
size_t audit_index_after(struct str index, struct str id);
/* Returns how many entries, from the first on, may be segments with a record that is not later than
 * the record with this id: all segments that end before it, and the one after them. id empty: all
 * entries. */
size_t audit_index_until(struct str index, struct str id);

#endif
