/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of Redis streams: an entry is an id with a list of fields, each a name and a value.
 * These are the forms in which XRANGE and similar commands return them. */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "app/store/reply.h"

enum { STREAM_ID_SIZE = 42 }; /* bytes of an id: two 64-bit numbers, a dash, the NUL */

/* One entry. Its texts point into the reply. */
struct stream_entry {
    struct str id;            /* MS-SEQUENCE, as 1700000000000-0 */
    const redisReply *fields; /* name, value, name, value, ... */
};

/* Reads at most count entries of a stream, oldest first. from and to are those of XRANGE: "-" (the
 * start), "+" (the end), an id, or "(" and an id, which excludes that id. */
struct command *stream_cmd_range(struct pipeline *pipeline, struct str stream, struct str from,
                                 struct str to, int count);
/* Reads at most count entries of a stream, newest first, from the id `from` on; "+" means the
 * newest entry. */
struct command *stream_cmd_newest(struct pipeline *pipeline, struct str stream, struct str from,
                                  int count);
/* Parses one entry. False if the reply is not an entry; *ret is unchanged then. The texts of *ret
 * point into the reply. */
bool stream_entry_parse(const redisReply *reply, struct stream_entry *ret);
/* Parses the reply to stream_cmd_range, stream_cmd_newest or a similar command: an array of at most
 * max entries. Entries that were deleted since the command selected them are nil and left out. */
enum reply_result stream_parse(const redisReply *reply, size_t max,
                               struct stream_entry *ret_entries, size_t *ret_count);
/* Finds the value of the first field with this name. Returns REPLY_MISSING when there is none. */
enum reply_result stream_field(const struct stream_entry *entry, struct str name, struct str *ret);
/* Sets ret_values to the n values of an entry that has exactly the fields `names` in this order;
 * they point into the reply. False for any other entry, and when a value contains a line feed: the
 * seals of the audit log cover an entry as lines of text (docs/audit.md, The forms of schema 1). */
bool stream_match_fields(const struct stream_entry *entry, const struct str *names, size_t n,
                         struct str *ret_values);
/* Reads whether the stream still has the entry with this id. */
struct command *stream_cmd_has_entry(struct pipeline *pipeline, struct str stream, struct str id);
/* Parses the reply to stream_cmd_has_entry. *ret_found: whether the stream still has the entry.
 * Returns false when the reply is an error. */
bool stream_parse_has_entry(const struct command *command, bool *ret_found);
/* Reads the time in an id: milliseconds since the epoch, by the clock of Redis. Returns false when
 * the text is not an id. */
bool stream_id_time(struct str id, int64_t *ret_ms);
/* Returns whether the text is MS-SEQUENCE, the form of the ids that Redis makes. */
bool stream_id_valid(struct str id);
/* Returns a negative number when id a is before id b, 0 when they are equal, a positive number when
 * a is after b. A text that is not an id is before all ids. */
int stream_id_compare(struct str a, struct str b);

#endif
