/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/leases.h"

#include "app/base/clock.h"
#include "app/store/lease.h"
#include "app/worker/worker.h"

static const int64_t ROUND_US = 1000000;
/* So much earlier than the store we take a lease for lost: clocks may run differently. */
static const int64_t MARGIN_US = 500000;

void leases_init(struct worker *w)
{
    uint8_t first;

    random_bytes(&first, sizeof(first));
    w->leases.rr_cursor = first;
}

bool lease_held_now(const struct worker *w, unsigned shard)
{
    return clock_monotonic_us() < w->leases.expires_us[shard];
}

bool lease_held(const struct worker *w, unsigned shard)
{
    return w->now_us < w->leases.expires_us[shard];
}

size_t leases_count(const struct worker *w)
{
    return w->leases.held;
}

void lease_mark_lost(struct worker *w, unsigned shard)
{
    if (w->leases.expires_us[shard] != 0)
        w->leases.held--;
    w->leases.expires_us[shard] = 0;
}

static void gained(struct worker *w, unsigned shard, int64_t until_us)
{
    if (w->leases.expires_us[shard] == 0)
        w->leases.held++;
    /* who held it before may have left anything behind */
    if (!lease_held(w, shard)) {
        journal_mark_pending(w, shard);
        outbox_mark_pending(w, shard);
    }
    w->leases.expires_us[shard] = until_us;
}

static void tell(struct worker *w)
{
    struct leases *l = &w->leases;
    struct jw *jw;

    if (l->logged_held == l->held)
        return;
    l->logged_held = l->held;
    jw = log_begin(w->engine->log, LOG_INFO, "worker.leases");
    jw_int(jw, "shards", (int64_t)l->held);
    jw_int(jw, "workers", (int64_t)heartbeat_live_workers(w));
    log_end(w->engine->log);
}

static void answered(struct worker *w, struct task *task)
{
    struct leases *l = &w->leases;

    l->busy = false;
    if (task_failed(task)) {
        l->next_run_us = w->now_us + WORKER_RETRY_US;
        task_end(w, task);
        return;
    }
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (!l->acquire_cmds[shard])
            continue;
        if (lease_parse_acquire(l->acquire_cmds[shard]))
            gained(w, shard, task->pipeline.submitted_us + LEASE_MS * INT64_C(1000) - MARGIN_US);
        else
            lease_mark_lost(w, shard);
    }
    tell(w);
    task_end(w, task);
}

static size_t fair_share(const struct worker *w)
{
    size_t live = heartbeat_live_workers(w);

    return worker_draining(w) ? 0 : (SHARDS + live - 1) / live;
}

static bool idle(const struct worker *w, unsigned shard)
{
    return !journal_shard_busy(w, shard) && !outbox_shard_busy(w, shard);
}

/* Renews what is ours, tries as many others as we may still have, and gives back what is more than
 * our share. While draining everything is kept until what is under way has ended. */
static void ask_for(struct worker *w, struct pipeline *a, unsigned shard, size_t share,
                    size_t *wanted)
{
    struct leases *l = &w->leases;

    l->acquire_cmds[shard] = NULL;
    if (l->expires_us[shard] == 0) {
        if (*wanted >= share)
            return;
        (*wanted)++;
        l->rr_cursor = shard + 1; /* the next round goes on here: these may be another's */
    } else if (l->held > share && !worker_draining(w) && idle(w, shard)) {
        lease_mark_lost(w, shard);
        lease_cmd_release(a, shard, w->id);
        return;
    }
    l->acquire_cmds[shard] = lease_cmd_acquire(a, shard, w->id, LEASE_MS);
}
void leases_tick(struct worker *w)
{
    struct leases *l = &w->leases;
    size_t share = fair_share(w), wanted = l->held;
    unsigned first = l->rr_cursor;
    struct task *task;

    if (l->busy)
        return;
    if (w->now_us < l->next_run_us) {
        worker_wake_at(w, l->next_run_us);
        return;
    }
    l->next_run_us = w->now_us + ROUND_US;
    worker_wake_at(w, l->next_run_us);
    task = task_begin(w, 0, NULL);
    if (!task)
        return;
    l->busy = true;
    for (unsigned i = 0; i < SHARDS; i++)
        ask_for(w, &task->pipeline, (first + i) % SHARDS, share, &wanted);
    task_submit(w, task, answered);
}

void leases_queue_release(struct worker *w, struct pipeline *a)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (w->leases.expires_us[shard] == 0)
            continue;
        lease_mark_lost(w, shard);
        lease_cmd_release(a, shard, w->id);
    }
}
