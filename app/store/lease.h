/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lease of a shard: the right of one worker to process the shard for a limited time. The key
 * of the lease is in the same cluster slot as the shard's journal and outbox, so that the scripts
 * which process these check the lease in the same step (fencing). A worker that was stopped for
 * longer than its lease therefore changes nothing. */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include "app/store/pipeline.h"

/* The reply of a script that needs the lease when the caller does not have it. */
enum { LEASE_LOST = -1 };

/* Acquires the lease of the shard for ms milliseconds, or renews it. holder: a text that is unique
 * to the worker. */
struct command *lease_cmd_acquire(struct pipeline *pipeline, unsigned shard, struct str holder,
                                  int ms);
/* True if the holder has the lease now. False when another worker has it, or when the reply is an
 * error or missing. */
bool lease_parse_acquire(const struct command *command);
/* Releases the lease if the holder has it; otherwise changes nothing. */
void lease_cmd_release(struct pipeline *pipeline, unsigned shard, struct str holder);

#endif
