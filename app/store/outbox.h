/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox of a shard holds the events that are to be published, in order. It is the Redis stream
 * {ss}:outbox (ss: the shard's number as two hexadecimal digits).
 *
 * An event is removed after it has been published, so that it is published at least once. It is
 * also removed when its student is erased, so a publisher checks that the event still exists before
 * it publishes it. */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "app/store/journal.h"

struct outbox_entry {
    struct str id;          /* id of the entry in the stream */
    struct message message; /* message.event.p is NULL if the entry has another form */
};

/* Reads the oldest event of the shard's outbox (events to publish) after the id `previous`, or the
 * oldest of all if `previous` is empty. */
struct command *outbox_cmd_next(struct pipeline *pipeline, unsigned shard, struct str previous);
/* Parses the reply to outbox_cmd_next. *ret_found: whether there is an entry; *ret_entry is set
 * only then, and its texts point into the reply. Returns false, with the reason in *p, on failure.
 */
bool outbox_parse_next(const struct command *command, struct outbox_entry *ret_entry,
                       bool *ret_found, struct problem *p);
/* Removes an entry if `holder` holds the shard's lease (the lock of the worker that processes it).
 * The reply is 1 if the entry was removed, 0 if it did not exist, LEASE_LOST if another worker
 * holds the lease. */
struct command *outbox_cmd_remove(struct pipeline *pipeline, unsigned shard, struct str holder,
                                  struct str id);
/* Appends an event to the shard's outbox, the stream of events to publish. */
void outbox_cmd_add(struct pipeline *pipeline, unsigned shard, const struct message *message);
/* Removes the events that are older than before_ms from the shard's outbox (events to publish), for
 * installations in which no events are published. */
void outbox_cmd_trim(struct pipeline *pipeline, unsigned shard, int64_t before_ms);

#endif
