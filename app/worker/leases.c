/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/leases.h"

#include "app/base/clock.h"
#include "app/store/lease.h"
#include "app/worker/task.h"

static const int64_t ROUND_US = 1000000;
/* So much earlier than the store we take a lease for lost: clocks may run differently. */
static const int64_t MARGIN_US = 500000;

void leases_init(struct leases *leases)
{
    uint8_t first;

    random_bytes(&first, sizeof(first));
    leases->rr_cursor = first;
}

static void tell(struct leases *leases)
{
    struct jw *jw;

    if (leases->logged_held == leases->shards->held_count)
        return;
    leases->logged_held = leases->shards->held_count;
    jw = log_begin(leases->worker->engine->log, LOG_INFO, "worker.leases");
    jw_int(jw, "shards", (int64_t)leases->shards->held_count);
    jw_int(jw, "workers", (int64_t)heartbeat_live_workers(leases->heartbeat));
    log_end(leases->worker->engine->log);
}

static void answered(struct task *task)
{
    struct leases *leases = task->owner;

    leases->busy = false;
    if (task_failed(task)) {
        leases->next_run_us = leases->worker->now_us + WORKER_RETRY_US;
        task_end(task);
        return;
    }
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (!leases->acquire_cmds[shard])
            continue;
        if (lease_parse_acquire(leases->acquire_cmds[shard]))
            shards_lease_gained(leases->shards, shard,
                                task->pipeline.submitted_us + LEASE_MS * INT64_C(1000) - MARGIN_US);
        else
            shards_lease_lost(leases->shards, shard);
    }
    tell(leases);
    task_end(task);
}

static size_t fair_share(const struct leases *leases)
{
    size_t live = heartbeat_live_workers(leases->heartbeat);

    return worker_draining(leases->worker) ? 0 : (SHARDS + live - 1) / live;
}

static bool idle(const struct leases *leases, unsigned shard)
{
    const struct shard *s = &leases->shards->v[shard];

    return !s->journal_busy && !s->outbox_busy;
}

/* Renews what is ours, tries as many others as we may still have, and gives back what is more than
 * our share. While draining everything is kept until what is under way has ended. */
static void ask_for(struct leases *leases, struct pipeline *a, unsigned shard, size_t share,
                    size_t *wanted)
{
    leases->acquire_cmds[shard] = NULL;
    if (leases->shards->v[shard].lease_end_us == 0) {
        if (*wanted >= share)
            return;
        (*wanted)++;
        leases->rr_cursor = shard + 1; /* the next round goes on here: these may be another's */
    } else if (leases->shards->held_count > share && !worker_draining(leases->worker) &&
               idle(leases, shard)) {
        shards_lease_lost(leases->shards, shard);
        lease_cmd_release(a, shard, leases->worker->id);
        return;
    }
    leases->acquire_cmds[shard] = lease_cmd_acquire(a, shard, leases->worker->id, LEASE_MS);
}
void leases_tick(struct leases *leases)
{
    size_t share = fair_share(leases), wanted = leases->shards->held_count;
    unsigned first = leases->rr_cursor;
    struct task *task;

    if (leases->busy)
        return;
    if (leases->worker->now_us < leases->next_run_us) {
        worker_wake_at(leases->worker, leases->next_run_us);
        return;
    }
    leases->next_run_us = leases->worker->now_us + ROUND_US;
    worker_wake_at(leases->worker, leases->next_run_us);
    task = task_begin(leases->worker, 0, leases);
    if (!task)
        return;
    leases->busy = true;
    for (unsigned i = 0; i < SHARDS; i++)
        ask_for(leases, &task->pipeline, (first + i) % SHARDS, share, &wanted);
    task_submit(task, answered);
}

void leases_queue_release(struct leases *leases, struct pipeline *a)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (leases->shards->v[shard].lease_end_us == 0)
            continue;
        shards_lease_lost(leases->shards, shard);
        lease_cmd_release(a, shard, leases->worker->id);
    }
}
