/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holds this worker's share of the shards. Each interval one pipeline renews the leases that it
 * holds, tries to acquire as many more as its share allows, and gives back what exceeds the share.
 * The share follows from the number of living workers (heartbeat.c). Scripts check the lease again
 * in Redis; what is known here only saves work that would be in vain. */
#include "app/worker/leases.h"

#include "app/base/clock.h"
#include "app/store/lease.h"

static const int64_t INTERVAL_US = 1000000;
/* A lease counts as lost this much earlier than in Redis, since clocks run at different rates. */
static const int64_t MARGIN_US = 500000;

void leases_init(struct leases *leases, struct worker_context *w, struct shards *shards,
                 const struct heartbeat *heartbeat)
{
    uint8_t first; /* random, so that workers that start together do not try the same shards */

    random_bytes(&first, sizeof(first));
    *leases =
        (struct leases){.worker = w, .shards = shards, .heartbeat = heartbeat, .rr_cursor = first};
    periodic_init(&leases->schedule, w, 0);
}

static void leases_log(struct leases *leases)
{
    struct log *log = leases->worker->engine->log;
    size_t held = leases->shards->held_count;
    struct jw *jw;

    if (leases->logged_count == held)
        return;
    leases->logged_count = held;
    jw = log_begin(log, LOG_INFO, "worker.leases");
    jw_int(jw, "shards", (int64_t)held);
    jw_int(jw, "workers", (int64_t)heartbeat_live_workers(leases->heartbeat));
    log_end(log);
}

/* A lease runs from the moment at which its command was sent, not from the reply: Redis started
 * it somewhere in between. */
static void leases_on_replies(struct task *task)
{
    struct leases *leases = task->owner;
    int64_t end_us = task->pipeline.submitted_us + LEASE_MS * INT64_C(1000) - MARGIN_US;

    if (task_failed(task)) {
        periodic_schedule(&leases->schedule, WORKER_RETRY_US);
    } else {
        for (unsigned shard = 0; shard < SHARDS; shard++) {
            if (!leases->acquire_cmds[shard])
                continue;
            if (lease_parse_acquire(leases->acquire_cmds[shard]))
                shards_lease_gained(leases->shards, shard, end_us);
            else
                shards_lease_lost(leases->shards, shard);
        }
        leases_log(leases);
    }
    periodic_end(&leases->schedule, task);
}

/* Queues what is to be done about one shard: acquire, renew, give back or nothing. *wanted: leases
 * held or being acquired. A draining worker acquires nothing (share is 0), but renews what it holds
 * until all that it has started is complete. */
static void leases_queue_shard(struct leases *leases, struct pipeline *pipeline, unsigned shard,
                               size_t share, size_t *wanted)
{
    const struct worker_context *w = leases->worker;
    const struct shard *s = &leases->shards->v[shard];

    leases->acquire_cmds[shard] = NULL;
    if (s->lease_end_us == 0) {
        if (*wanted >= share)
            return;
        (*wanted)++;
        leases->rr_cursor = shard + 1; /* shards up to here may be held by others */
    } else if (leases->shards->held_count > share && !worker_draining(w) && !s->journal_busy &&
               !s->outbox_busy) {
        shards_lease_lost(leases->shards, shard);
        lease_cmd_release(pipeline, shard, w->id);
        return;
    }
    leases->acquire_cmds[shard] = lease_cmd_acquire(pipeline, shard, w->id, LEASE_MS);
}

void leases_tick(struct leases *leases)
{
    size_t live = heartbeat_live_workers(leases->heartbeat);
    size_t share = worker_draining(leases->worker) ? 0 : (SHARDS + live - 1) / live;
    size_t wanted = leases->shards->held_count;
    unsigned first = leases->rr_cursor;
    struct task *task = periodic_begin(&leases->schedule, 0, leases);

    if (!task)
        return;
    periodic_schedule(&leases->schedule, INTERVAL_US);
    for (unsigned i = 0; i < SHARDS; i++)
        leases_queue_shard(leases, &task->pipeline, (first + i) % SHARDS, share, &wanted);
    task_submit(task, leases_on_replies);
}

void leases_queue_release(struct leases *leases, struct pipeline *pipeline)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (leases->shards->v[shard].lease_end_us == 0)
            continue;
        shards_lease_lost(leases->shards, shard);
        lease_cmd_release(pipeline, shard, leases->worker->id);
    }
}
