/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lease: the right of one holder to change something for a limited time. It is a key that
 * contains the holder's name and expires. Holders are workers (the lease of a shard) and requests
 * (the lease of a cohort). An idempotency record has a lease of the same kind inside it, because
 * the response must replace it in one step (store/idempotency.h).
 *
 * A holder may be stopped, or one of its writes may be delayed, until the lease has ended and
 * another holder has changed the same records. So each write is fenced in one of two ways, neither
 * of which needs a clock of this process:
 * - Scripts whose keys are in the slot of the lease compare the holder (journal_process.lua).
 * - Writes in other slots carry the time until which the holder may write, and Redis refuses them
 *   afterwards by its own clock (lease_cmd_write).
 *
 * The holder renews the lease with each round trip, and releases it when all replies to its writes
 * have arrived. When a reply is missing, the holder does not release the lease but lets it expire,
 * because the write may still reach Redis. Leases must therefore be short. */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

/* The reply of a script that needs the lease and has changed nothing, because the caller no longer
 * has the lease. */
enum { LEASE_LOST = -1 };

/* The lease of a request lasts this long plus STORE_ROUND_TIMEOUT_MS, the limit of one round trip.
 * A request renews it with each round trip. Between two round trips it may wait for other heavy
 * requests, which takes far less than two seconds. */
enum { LEASE_REQUEST_MS = 2000 };

/* Acquires the lease `key` for ms milliseconds, or renews it. ms: more than 500, because the holder
 * may write only until 500 ms before the end, to allow for differences between the clocks of nodes.
 * holder: a text that is unique to the worker or request. */
struct command *lease_cmd_acquire(struct pipeline *pipeline, struct str key, struct str holder,
                                  int64_t ms);
/* Parses the reply to lease_cmd_acquire. Returns true if the holder has the lease now;
 * *ret_until_ms is the time until which it may write, by the clock of Redis. Returns false if
 * another holder has the lease (p is CONFLICT, with the time after which to try again), or if the
 * reply is an error or missing (p is that problem). */
bool lease_parse_acquire(const struct command *command, int64_t *ret_until_ms, struct problem *p);
/* Releases the lease (right to change something for a limited time) if the holder has it; otherwise
 * changes nothing. */
void lease_cmd_release(struct pipeline *pipeline, struct str key, struct str holder);

/* Adds a write that Redis refuses after until_ms, the end of the lease (lease_parse_acquire). argv:
 * the name of the command, its only key, its other arguments; at most 16 texts, or the pipeline is
 * marked as failed. The reply is that of the command, a number, or LEASE_LOST. */
void lease_cmd_write(struct pipeline *pipeline, int64_t until_ms, int argc, const struct str *argv);
/* Returns whether a reply of the pipeline is LEASE_LOST: Redis refused a write because the caller's
 * lease has ended. */
bool lease_was_lost(const struct pipeline *pipeline);

#endif
