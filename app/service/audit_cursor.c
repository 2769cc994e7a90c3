/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cursor as text is ID-SHARD, the shard in hex. */
#include "app/service/audit_cursor.h"

#include <stdio.h>

#include "app/store/keys.h"

/* Parses MS-NUMBER-SHARD. The id is printed again from its two numbers, so that no text of a client
 * gets into a command. */
bool audit_cursor_parse(struct str text, struct audit_cursor *ret)
{
    struct audit_cursor cursor;
    int64_t ms, sequence;
    struct str shard = text, time = str_cut(&shard, '-'), number = str_cut(&shard, '-');

    if (!str_to_int64(time, 0, INT64_MAX, &ms) || !str_to_int64(number, 0, INT64_MAX, &sequence) ||
        !key_parse_shard(shard, &cursor.shard))
        return false;
    (void)snprintf(cursor.id, sizeof(cursor.id), "%lld-%lld", (long long)ms, (long long)sequence);
    *ret = cursor;
    return true;
}

void audit_cursor_print(const struct audit_cursor *cursor, char ret[AUDIT_CURSOR_SIZE])
{
    /* shards are less than 256: & 0xff only shows the compiler that the text fits */
    (void)snprintf(ret, AUDIT_CURSOR_SIZE, "%s-%02x", cursor->id, cursor->shard & 0xff);
}

/* The cursor is the first id of the next millisecond. With shard 0, a record that has this id is
 * not listed from any shard. */
void audit_cursor_until(int64_t until_ms, struct audit_cursor *ret)
{
    *ret = (struct audit_cursor){.shard = 0};
    (void)snprintf(ret->id, sizeof(ret->id), "%lld-0", (long long)until_ms + 1);
}
