/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox of a shard: {ss}:outbox, a stream of events to publish, in order. An event is removed
 * after it was published, so it is published at least once; or when its student is erased, so a
 * publisher checks that it still exists before it publishes. */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "app/store/journal.h"

struct outbox_entry {
    struct str id;
    struct message message; /* event.p NULL: the entry has another form */
};

/* Reads the oldest entry after the id `previous`; empty: the oldest of all. */
struct command *outbox_cmd_next(struct pipeline *pipeline, unsigned shard, struct str previous);
/* *ret_found false: there is none. Texts point into the reply. */
bool outbox_parse_next(const struct command *command, struct outbox_entry *ret_entry,
                       bool *ret_found, struct problem *p);
/* Removes an entry if the shard's lease is the holder's. Replies 1, 0 or LEASE_LOST. */
struct command *outbox_cmd_remove(struct pipeline *pipeline, unsigned shard, struct str holder,
                                  struct str id);
/* Appends a message. */
void outbox_cmd_add(struct pipeline *pipeline, unsigned shard, const struct message *message);
/* Removes older entries, for installations without a publisher. */
void outbox_cmd_trim(struct pipeline *pipeline, unsigned shard, int64_t before_ms);

#endif
