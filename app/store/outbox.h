/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox of a shard: events to publish, in the order in which they must go out. An event leaves
 * it when it has been published, so it is published at least once; or when its student is erased,
 * so whoever is about to publish one looks whether it is still there. */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "app/store/journal.h"

struct outbox_entry {
    struct str id;
    struct message message; /* event with p NULL: the entry is not ours */
};

/* The oldest entry behind that id; of all, when it is empty. */
struct command *outbox_cmd_next(struct pipeline *a, unsigned shard, struct str behind);
/* *ret_there false: there is none. */
bool outbox_parse_next(const struct command *command, struct outbox_entry *ret_entry,
                       bool *ret_there, struct problem *p);
/* Removes an entry, if the shard's lease is the holder's. The answer is 1, 0 or LEASE_LOST. */
struct command *outbox_cmd_remove(struct pipeline *a, unsigned shard, struct str holder,
                                  struct str id);
/* Puts a message behind all others. */
void outbox_cmd_add(struct pipeline *a, unsigned shard, const struct message *message);
/* Drops what is older: for when nobody publishes. */
void outbox_cmd_trim(struct pipeline *a, unsigned shard, int64_t before_ms);

#endif
