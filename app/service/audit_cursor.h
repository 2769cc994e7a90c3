/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Positions in the audit log, with which clients go on to the next page. */
#ifndef SERVICE_AUDIT_CURSOR_H
#define SERVICE_AUDIT_CURSOR_H

#include "app/store/stream.h"

/* A position in the audit log, whose shards are merged by time: the record with this id in this
 * shard. A list from a cursor has the records that are older than this one. */
struct audit_cursor {
    char id[STREAM_ID_SIZE]; /* id of the record; empty: the list begins with the newest record */
    unsigned shard;
};

/* Size of a cursor as text: the record's id and the shard as two hexadecimal digits, such as
 * "1768471200000-0-2b". */
enum { AUDIT_CURSOR_SIZE = STREAM_ID_SIZE + 4 };
/* Parses a cursor. False when the text is not a cursor. */
bool audit_cursor_parse(struct str text, struct audit_cursor *ret);
/* Prints a cursor as text. */
void audit_cursor_print(const struct audit_cursor *cursor, char ret[AUDIT_CURSOR_SIZE]);
/* Sets the cursor so that a list from it begins with the newest record that is not later than
 * until_ms (epoch ms). */
void audit_cursor_until(int64_t until_ms, struct audit_cursor *ret);

#endif
