/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/presence.h"

#include "app/store/queue.h"
#include "app/worker/worker.h"

static const int64_t SIGN_US = 1000000;
static const int64_t DEAD_US = WORKERS_EXPIRE_MS * INT64_C(1000);

static struct peer *find(struct presence *p, struct str id)
{
    for (size_t i = 0; i < p->count; i++) {
        if (str_equal(id, str_of(p->peers[i].id)))
            return &p->peers[i];
    }
    return NULL;
}

/* Whether it lives; *ret is what is known of it then. */
static bool look(struct worker *w, const struct worker_sign *sign, struct peer *ret)
{
    const struct peer *known = find(&w->presence, sign->id);

    if (sign->id.n >= sizeof(ret->id))
        return false;
    *ret = (struct peer){.signs = sign->signs, .seen_us = w->now_us};
    memcpy(ret->id, sign->id.p, sign->id.n);
    if (known && known->signs == sign->signs)
        ret->seen_us = known->seen_us;
    return w->now_us - ret->seen_us < DEAD_US;
}

static void forget(struct worker *w, struct str id)
{
    struct task *task = task_begin(w, 0, NULL);

    if (!task)
        return;
    id = arena_copy(task->arena, id);
    workers_ask_forget(&task->asks, id);
    queue_ask_leave(&task->asks, id);
    task_submit(w, task, task_over);
}

static void take_peers(struct worker *w, const struct worker_sign *signs, size_t n)
{
    struct presence next = w->presence;

    next.count = 0;
    for (size_t i = 0; i < n; i++) {
        if (str_equal(signs[i].id, w->id))
            continue;
        if (look(w, &signs[i], &next.peers[next.count]))
            next.count++;
        else
            forget(w, signs[i].id);
    }
    w->presence = next;
}

static void answered(struct worker *w, struct task *task)
{
    struct worker_sign signs[WORKERS_MAX];
    size_t n;

    w->presence.asking = false;
    if (!task_failed(task) && workers_read(task->own, signs, &n))
        take_peers(w, signs, n);
    task_end(w, task);
}

void presence_tick(struct worker *w)
{
    struct presence *p = &w->presence;
    struct task *task;
    int64_t lag_ms;

    if (p->asking)
        return;
    if (w->now_us < p->again_us) {
        worker_wake_at(w, p->again_us);
        return;
    }
    p->again_us = w->now_us + SIGN_US;
    worker_wake_at(w, p->again_us);
    task = task_begin(w, 0, NULL);
    if (!task)
        return;
    p->asking = true;
    lag_ms = journal_take_lag_ms(w);
    metrics_gauge_set(w->engine->metrics, GAUGE_JOURNAL_LAG_MS, lag_ms);
    workers_ask_sign(&task->asks, &(struct worker_sign){.id = w->id,
                                                        .signs = ++p->signs,
                                                        .shards = (int64_t)leases_held(w),
                                                        .lag_ms = lag_ms,
                                                        .dapr = sidecar_state(w)});
    task->own = workers_ask(&task->asks);
    task_submit(w, task, answered);
}

size_t presence_live(const struct worker *w)
{
    return 1 + w->presence.count;
}
