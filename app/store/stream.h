/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of Redis streams, as XRANGE and its kin give them. */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "app/store/reply.h"

enum { STREAM_ID_SIZE = 42 }; /* two numbers of 64 bits with a dash between, and NUL */

struct stream_entry {
    struct str id;
    const redisReply *fields; /* name, value, name, value, ... */
};

/* One entry; false for what is none. */
bool stream_entry_parse(const redisReply *reply, struct stream_entry *ret);
/* An array of at most max of them. What was deleted in the meantime (nil) is left out. */
enum reply_result stream_parse(const redisReply *reply, size_t max,
                               struct stream_entry *ret_entries, size_t *ret_count);
/* The value of the field of that name; MISSING when it has none. */
enum reply_result stream_field(const struct stream_entry *entry, struct str name, struct str *ret);
/* The values, where the entry has exactly these fields in this order, and no value has a line feed:
 * whatever else stood there would not be under a seal. */
bool stream_match_fields(const struct stream_entry *entry, const struct str *names, size_t n,
                         struct str *ret_values);
/* Whether the stream still has the entry. */
struct command *stream_cmd_has_entry(struct pipeline *a, struct str stream, struct str id);
bool stream_parse_has_entry(const struct command *command, bool *ret_there);
/* The time in an id, in ms since the epoch by the clock of Redis; false for what is no id. */
bool stream_id_time(struct str id, int64_t *ret_ms);
/* Below 0, 0 or above it, as the first comes before the second; what is no id comes first. */
int stream_id_compare(struct str a, struct str b);

#endif
