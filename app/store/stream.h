/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of Redis streams, as XRANGE and its kin reply them. */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "app/store/reply.h"

enum { STREAM_ID_SIZE = 42 }; /* two numbers of 64 bits, a dash between them, NUL */

/* Its texts point into the reply. */
struct stream_entry {
    struct str id;
    const redisReply *fields; /* name, value, name, value, ... */
};

/* At most count entries, oldest first. from and to as in XRANGE: "-", "+", an id, or "(" and an id,
 * which excludes it. */
struct command *stream_cmd_range(struct pipeline *pipeline, struct str stream, struct str from,
                                 struct str to, int count);
/* At most count entries, newest first, from `from` downwards. */
struct command *stream_cmd_newest(struct pipeline *pipeline, struct str stream, struct str from,
                                  int count);
/* False if the reply is not an entry. */
bool stream_entry_parse(const redisReply *reply, struct stream_entry *ret);
/* An array of at most max entries. Entries that were deleted meanwhile (nil) are left out. */
enum reply_result stream_parse(const redisReply *reply, size_t max,
                               struct stream_entry *ret_entries, size_t *ret_count);
/* The value of the first field of that name. */
enum reply_result stream_field(const struct stream_entry *entry, struct str name, struct str *ret);
/* Copies the values of an entry with exactly these fields in this order. False for any other, and
 * if a value has a line feed: seals cover entries as lines of text (docs/audit.md, Seals). */
bool stream_match_fields(const struct stream_entry *entry, const struct str *names, size_t n,
                         struct str *ret_values);
/* Whether the stream still has the entry. */
struct command *stream_cmd_has_entry(struct pipeline *pipeline, struct str stream, struct str id);
bool stream_parse_has_entry(const struct command *command, bool *ret_found);
/* The time in an id: milliseconds since the epoch by the clock of Redis. False: no id. */
bool stream_id_time(struct str id, int64_t *ret_ms);
/* Negative, 0 or positive, as id a is before, equal to or after b. A text that is no id is before
 * all ids. */
int stream_id_compare(struct str a, struct str b);

#endif
