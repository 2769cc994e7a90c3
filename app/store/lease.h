/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which worker looks after a shard. The lease lies in the shard's own slot, so that the scripts
 * which turn its journal and empty its outbox look at it in the same breath (fencing): whoever was
 * stopped for longer than his lease and goes on changes nothing. */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include "app/store/store.h"

/* What the scripts under a lease answer when it is not the caller's. */
enum { LEASE_LOST = -1 };

/* Takes the shard's lease for so long, or renews it if it is this holder's. */
struct command *lease_cmd_acquire(struct pipeline *a, unsigned shard, struct str holder, int ms);
/* Whether the lease is the asker's now. False as well when the reply is no answer. */
bool lease_parse_acquire(const struct command *command);
/* Gives it back, if it is this holder's. */
void lease_cmd_release(struct pipeline *a, unsigned shard, struct str holder);

#endif
