/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A shard's lease: for a limited time one worker alone processes the shard. The lease is in the
 * shard's own slot, so that the scripts which process its journal and outbox check it in the same
 * step (fencing): a worker that was stopped for longer than its lease changes nothing. */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include "app/store/pipeline.h"

/* Reply of scripts that need the lease, when it is not the caller's. */
enum { LEASE_LOST = -1 };

/* Acquires or renews the shard's lease for ms. holder: unique to the worker. */
struct command *lease_cmd_acquire(struct pipeline *pipeline, unsigned shard, struct str holder,
                                  int ms);
/* True if the lease is the holder's now; false also without a reply. */
bool lease_parse_acquire(const struct command *command);
/* Releases the lease if it is the holder's. */
void lease_cmd_release(struct pipeline *pipeline, unsigned shard, struct str holder);

#endif
