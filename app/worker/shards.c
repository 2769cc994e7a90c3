/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps in memory what this process knows of all shards; Redis is not accessed. Invariant:
 * held_count is the number of shards whose lease_end_us is not 0, even if that time is already
 * over: leases.c goes on to renew such a lease, until a reply says that another worker holds it. */
#include "app/worker/shards.h"

#include "app/base/clock.h"

void shards_init(struct shards *shards, const struct worker_context *worker)
{
    memset(shards, 0, sizeof(*shards)); /* a struct literal would need 16 KiB of stack */
    shards->worker = worker;
    /* the id "0-0" is before all ids of a stream */
    for (unsigned shard = 0; shard < SHARDS; shard++)
        memcpy(shards->v[shard].journal_last_id, "0-0", sizeof("0-0"));
}

bool shards_lease_held(const struct shards *shards, unsigned shard)
{
    return shards->worker->now_us < shards->v[shard].lease_end_us;
}

bool shards_lease_held_now(const struct shards *shards, unsigned shard)
{
    return clock_monotonic_us() < shards->v[shard].lease_end_us;
}

/* A lease whose time is over but was not reported lost still counts in held_count; its shard
 * becomes pending again, like one with a new lease. */
void shards_lease_gained(struct shards *shards, unsigned shard, int64_t end_us)
{
    struct shard *state = &shards->v[shard];

    if (state->lease_end_us == 0)
        shards->held_count++;
    if (!shards_lease_held(shards, shard)) {
        state->journal_pending = state->outbox_pending = true;
        state->lease_begin_us = shards->worker->now_us;
    }
    state->lease_end_us = end_us;
}

/* May be called for a lease that is not held; held_count then does not change. */
void shards_lease_lost(struct shards *shards, unsigned shard)
{
    if (shards->v[shard].lease_end_us != 0)
        shards->held_count--;
    shards->v[shard].lease_end_us = 0;
}
