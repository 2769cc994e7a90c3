/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Positions in the audit log, with which clients go on to the next page. */
#ifndef SERVICE_AUDIT_CURSOR_H
#define SERVICE_AUDIT_CURSOR_H

#include "app/store/stream.h"

/* A position in the merged log: the record with this id in the shard's log. A list from a cursor
 * has the records that are older than the cursor's. */
struct audit_cursor {
    char id[STREAM_ID_SIZE]; /* id of the record; empty: the list begins with the newest record */
    unsigned shard;
};

/* A cursor as text is the record's id and the shard in hexadecimal digits, such as
 * "1768471200000-0-2b". audit_cursor_parse returns false when the text is not a cursor. */
enum { AUDIT_CURSOR_SIZE = STREAM_ID_SIZE + 4 };
bool audit_cursor_parse(struct str text, struct audit_cursor *ret);
void audit_cursor_print(const struct audit_cursor *cursor, char ret[AUDIT_CURSOR_SIZE]);
/* Sets the cursor before the records of the time until_ms (epoch ms), so that the list begins with
 * them. */
void audit_cursor_until(int64_t until_ms, struct audit_cursor *ret);

#endif
