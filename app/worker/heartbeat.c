/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/heartbeat.h"

#include "app/store/queue.h"
#include "app/worker/task.h"

static const int64_t SIGN_US = 1000000;
static const int64_t DEAD_US = WORKERS_EXPIRE_MS * INT64_C(1000);

static struct peer *find(struct heartbeat *p, struct str id)
{
    for (size_t i = 0; i < p->count; i++) {
        if (str_equal(id, str_of(p->peers[i].id)))
            return &p->peers[i];
    }
    return NULL;
}

/* Whether it lives; *ret is what is known of it then. */
static bool look(struct heartbeat *heartbeat, const struct worker_heartbeat *sign, struct peer *ret)
{
    const struct peer *known = find(heartbeat, sign->id);

    if (sign->id.n >= sizeof(ret->id))
        return false;
    *ret = (struct peer){.beats = sign->beats, .last_beat_us = heartbeat->worker->now_us};
    memcpy(ret->id, sign->id.p, sign->id.n);
    if (known && known->beats == sign->beats)
        ret->last_beat_us = known->last_beat_us;
    return heartbeat->worker->now_us - ret->last_beat_us < DEAD_US;
}

static void forget(struct heartbeat *heartbeat, struct str id)
{
    struct task *task = task_begin(heartbeat->worker, 0, heartbeat);

    if (!task)
        return;
    id = arena_copy(task->arena, id);
    workers_cmd_remove(&task->pipeline, id);
    queue_cmd_remove_consumer(&task->pipeline, id);
    task_submit(task, task_end);
}

static void take_peers(struct heartbeat *heartbeat, const struct worker_heartbeat *signs, size_t n)
{
    struct heartbeat next = *heartbeat;

    next.count = 0;
    for (size_t i = 0; i < n; i++) {
        if (str_equal(signs[i].id, heartbeat->worker->id))
            continue;
        if (look(heartbeat, &signs[i], &next.peers[next.count]))
            next.count++;
        else
            forget(heartbeat, signs[i].id);
    }
    *heartbeat = next;
}

static void answered(struct task *task)
{
    struct heartbeat *heartbeat = task->owner;
    struct worker_heartbeat signs[WORKERS_MAX];
    size_t n;

    heartbeat->busy = false;
    if (!task_failed(task) && workers_parse(task->data, signs, &n))
        take_peers(heartbeat, signs, n);
    task_end(task);
}

void heartbeat_tick(struct heartbeat *heartbeat)
{
    struct task *task;
    int64_t lag_ms;

    if (heartbeat->busy)
        return;
    if (heartbeat->worker->now_us < heartbeat->next_run_us) {
        worker_wake_at(heartbeat->worker, heartbeat->next_run_us);
        return;
    }
    heartbeat->next_run_us = heartbeat->worker->now_us + SIGN_US;
    worker_wake_at(heartbeat->worker, heartbeat->next_run_us);
    task = task_begin(heartbeat->worker, 0, heartbeat);
    if (!task)
        return;
    heartbeat->busy = true;
    lag_ms = journal_consume_lag_ms(heartbeat->journal);
    metrics_gauge_set(heartbeat->worker->engine->metrics, GAUGE_JOURNAL_LAG_MS, lag_ms);
    workers_cmd_beat(&task->pipeline,
                     &(struct worker_heartbeat){.id = heartbeat->worker->id,
                                                .beats = ++heartbeat->beats,
                                                .shards = (int64_t)heartbeat->shards->held_count,
                                                .lag_ms = lag_ms,
                                                .dapr = sidecar_state(heartbeat->sidecar)});
    task->data = workers_cmd_get(&task->pipeline);
    task_submit(task, answered);
}

size_t heartbeat_live_workers(const struct heartbeat *heartbeat)
{
    return 1 + heartbeat->count;
}
