/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/heartbeat.h"

#include "app/store/queue.h"
#include "app/worker/worker.h"

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
static bool look(struct worker *w, const struct worker_heartbeat *sign, struct peer *ret)
{
    const struct peer *known = find(&w->heartbeat, sign->id);

    if (sign->id.n >= sizeof(ret->id))
        return false;
    *ret = (struct peer){.beats = sign->beats, .last_beat_us = w->now_us};
    memcpy(ret->id, sign->id.p, sign->id.n);
    if (known && known->beats == sign->beats)
        ret->last_beat_us = known->last_beat_us;
    return w->now_us - ret->last_beat_us < DEAD_US;
}

static void forget(struct worker *w, struct str id)
{
    struct task *task = task_begin(w, 0, NULL);

    if (!task)
        return;
    id = arena_copy(task->arena, id);
    workers_cmd_remove(&task->pipeline, id);
    queue_cmd_remove_consumer(&task->pipeline, id);
    task_submit(w, task, task_discard);
}

static void take_peers(struct worker *w, const struct worker_heartbeat *signs, size_t n)
{
    struct heartbeat next = w->heartbeat;

    next.count = 0;
    for (size_t i = 0; i < n; i++) {
        if (str_equal(signs[i].id, w->id))
            continue;
        if (look(w, &signs[i], &next.peers[next.count]))
            next.count++;
        else
            forget(w, signs[i].id);
    }
    w->heartbeat = next;
}

static void answered(struct worker *w, struct task *task)
{
    struct worker_heartbeat signs[WORKERS_MAX];
    size_t n;

    w->heartbeat.busy = false;
    if (!task_failed(task) && workers_parse(task->data, signs, &n))
        take_peers(w, signs, n);
    task_end(w, task);
}

void heartbeat_tick(struct worker *w)
{
    struct heartbeat *p = &w->heartbeat;
    struct task *task;
    int64_t lag_ms;

    if (p->busy)
        return;
    if (w->now_us < p->next_run_us) {
        worker_wake_at(w, p->next_run_us);
        return;
    }
    p->next_run_us = w->now_us + SIGN_US;
    worker_wake_at(w, p->next_run_us);
    task = task_begin(w, 0, NULL);
    if (!task)
        return;
    p->busy = true;
    lag_ms = journal_consume_lag_ms(w);
    metrics_gauge_set(w->engine->metrics, GAUGE_JOURNAL_LAG_MS, lag_ms);
    workers_cmd_beat(&task->pipeline, &(struct worker_heartbeat){.id = w->id,
                                                                 .beats = ++p->beats,
                                                                 .shards = (int64_t)leases_count(w),
                                                                 .lag_ms = lag_ms,
                                                                 .dapr = sidecar_state(w)});
    task->data = workers_cmd_get(&task->pipeline);
    task_submit(w, task, answered);
}

size_t heartbeat_live_workers(const struct worker *w)
{
    return 1 + w->heartbeat.count;
}
