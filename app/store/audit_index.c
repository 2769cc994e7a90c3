/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the index of audit segments by student. lua/lib/audit_index.lua writes it. */
#include "app/store/audit_index.h"

#include <stdio.h>

#include "app/store/keys.h"
#include "app/store/reply.h"

enum { TIME_BYTES = 6 }; /* of an entry; the others are the number */

struct command *audit_index_cmd_get(struct pipeline *pipeline, unsigned shard, struct str pseudonym)
{
    struct str argv[] = {STR("GET"), key_audit_index(pipeline->arena, shard, pseudonym)};

    return pipeline_add(pipeline, COMMAND_READ, 2, argv);
}

/* A text that ends within an entry is cut there: only another program can have written it. */
bool audit_index_parse(const struct command *command, struct str *ret, struct problem *p)
{
    struct str text = STR("");

    if (!reply_expect_text_or_nil(command->reply, &text, p))
        return false;
    text.n -= text.n % AUDIT_INDEX_ENTRY;
    *ret = text;
    return true;
}

size_t audit_index_count(struct str index)
{
    return index.n / AUDIT_INDEX_ENTRY;
}

/* Returns the number in n big-endian bytes. */
static int64_t index_read(const char *bytes, size_t n)
{
    int64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value * 256 + (unsigned char)bytes[i];
    return value;
}

void audit_index_print(struct str index, size_t i, char ret_id[STREAM_ID_SIZE])
{
    const char *entry = index.p + i * AUDIT_INDEX_ENTRY;

    (void)snprintf(ret_id, STREAM_ID_SIZE, "%lld-%lld", (long long)index_read(entry, TIME_BYTES),
                   (long long)index_read(entry + TIME_BYTES, AUDIT_INDEX_ENTRY - TIME_BYTES));
}

size_t audit_index_after(struct str index, struct str id)
{
    size_t low = 0, high = audit_index_count(index);
    char segment[STREAM_ID_SIZE];

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        audit_index_print(index, middle, segment);
        if (stream_id_compare(str_of(segment), id) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Searches from the end, since most lists begin with the newest records. The id of a segment is
 * that of its last record. So entry n - 1 has no record up to `id` if entry n - 2 ends at `id` or
 * later. */
size_t audit_index_until(struct str index, struct str id)
{
    size_t n = audit_index_count(index);
    char segment[STREAM_ID_SIZE];

    while (id.n > 0 && n > 1) {
        audit_index_print(index, n - 2, segment);
        if (stream_id_compare(str_of(segment), id) < 0)
            break;
        n--;
    }
    return n;
}
