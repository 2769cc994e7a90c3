/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/outbox.h"

#include "app/store/lease.h"
#include "app/worker/dead.h"
#include "app/worker/worker.h"

enum {
    TRIES = 5, /* of an event that the broker does not take */
    PAUSES_MAX = 4,
};
enum { WAS_PUBLISHED, HAS_FAILED, IS_DEAD }; /* the words of METRIC_OUTBOX */

static const int64_t AWAY_US = 1000000;

/* ---- entries at hand ---- */

static void drop_entries(struct worker *w, struct outbox_shard *s)
{
    task_end(w, s->task);
    s->task = NULL;
    s->entries = NULL;
    s->count = s->at = 0;
    s->tries = s->pauses = 0;
}

static void pause_shard(struct worker *w, struct outbox_shard *s, int64_t us)
{
    s->again_us = w->now_us + us;
    worker_wake_at(w, s->again_us);
}

/* Four times as long each time. */
static void pause_longer(struct worker *w, struct outbox_shard *s)
{
    int64_t us = w->engine->config.dapr_retry_ms * INT64_C(1000);

    for (int i = 0; i < s->pauses && i < PAUSES_MAX; i++)
        us *= 4;
    s->pauses++;
    pause_shard(w, s, us);
}

static void to_next(struct outbox_shard *s)
{
    s->at++;
    s->tries = s->pauses = 0;
    s->again_us = 0;
}

static void on_read(struct worker *w, struct task *task)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];
    struct problem p = {.code = PROBLEM_NONE};

    s->busy = false;
    if (task_failed(task) || !outbox_read(s->asked, s->entries, &s->count, &p)) {
        drop_entries(w, s);
        s->news = true;
        pause_shard(w, s, WORKER_PAUSE_US);
        return;
    }
    s->news = s->news || s->count == OUTBOX_BATCH_MAX;
    if (s->count == 0)
        drop_entries(w, s);
}

static void read_entries(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    s->task = task_begin(w, shard, NULL);
    s->entries =
        s->task ? arena_array(s->task->arena, OUTBOX_BATCH_MAX, sizeof(*s->entries)) : NULL;
    if (!s->entries) {
        drop_entries(w, s);
        pause_shard(w, s, WORKER_PAUSE_US);
        return;
    }
    s->news = false;
    s->busy = true;
    s->asked = outbox_ask(&s->task->asks, shard);
    task_submit(w, s->task, on_read);
}

/* ---- leaving the outbox ---- */

static void on_removed(struct worker *w, struct task *task)
{
    int64_t removed;

    if (!task_failed(task) && reply_int(task->own, &removed) == REPLY_THERE &&
        removed == LEASE_LOST)
        lease_lost(w, task->shard);
    task_end(w, task);
}

/* Nobody waits for it: the next read comes behind it. If it fails, the event goes out once more. */
static void remove_entry(struct worker *w, unsigned shard, struct str id)
{
    struct task *task = task_begin(w, shard, NULL);

    if (!task)
        return;
    task->own = outbox_ask_remove(&task->asks, shard, w->id, arena_copy(task->arena, id));
    task_submit(w, task, on_removed);
}

static void tell_dead(struct worker *w, unsigned shard, struct str reason)
{
    struct jw *jw = log_begin(w->engine->log, LOG_ERROR, "outbox.dead");

    jw_int(jw, "shard", shard);
    jw_str(jw, "reason", reason);
    log_end(w->engine->log);
}

static void on_buried(struct worker *w, struct task *task)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];
    struct problem p = {.code = PROBLEM_NONE};

    s->busy = false;
    if (task_failed(task) || !dead_letter_read(task->own, &p)) {
        pause_shard(w, s, WORKER_PAUSE_US);
    } else {
        metrics_add(w->engine->metrics, METRIC_OUTBOX, IS_DEAD, 0, 1);
        remove_entry(w, task->shard, s->entries[s->at].id);
        to_next(s);
    }
    task_end(w, task);
}

/* First kept as a dead letter, then removed: in between there are two of it, never none. */
static void bury(struct worker *w, unsigned shard, const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    const struct outbox_entry *entry = &s->entries[s->at];
    struct task *task = task_begin(w, shard, NULL);
    struct str event = entry->message.event.p ? entry->message.event : STR("null");
    struct str reason;

    if (!task) {
        pause_shard(w, s, WORKER_PAUSE_US);
        return;
    }
    reason = call ? arena_printf(task->arena, "publish: %ld after %d tries: %s", call->status,
                                 s->tries, call->answer)
                  : STR("not an entry of the outbox");
    s->busy = true;
    tell_dead(w, shard, reason);
    task->own = dead_ask(&task->asks, reason,
                         key_shard_record(task->arena, shard, SHARD_KEY_OUTBOX), event, w->now_ms);
    task_submit(w, task, on_buried);
}

/* ---- publishing ---- */

void outbox_published(struct worker *w, unsigned shard, enum publish_outcome outcome,
                      const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    s->busy = false;
    if (outcome == FAILED || outcome == AWAY)
        metrics_add(w->engine->metrics, METRIC_OUTBOX, HAS_FAILED, 0, 1);
    switch (outcome) {
    case PUBLISHED:
        metrics_add(w->engine->metrics, METRIC_OUTBOX, WAS_PUBLISHED, 0, 1);
        remove_entry(w, shard, s->entries[s->at].id);
        to_next(s);
        break;
    case FAILED:
        if (++s->tries < TRIES) {
            pause_longer(w, s);
            break;
        }
        bury(w, shard, call);
        break;
    case REFUSED:
        s->tries++;
        bury(w, shard, call);
        break;
    case MISCONFIGURED:
        s->pauses = PAUSES_MAX - 1;
        pause_longer(w, s);
        break;
    case AWAY: /* the circuit sees to it that it is not asked too often */
        s->was_away = true;
        pause_shard(w, s, AWAY_US);
        break;
    case CALLED_OFF: break;
    }
}

static void publish(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    s->busy = sidecar_publish(w, shard, &s->entries[s->at].message);
    if (!s->busy)
        pause_shard(w, s, WORKER_PAUSE_US);
}

void outbox_wake_all(struct worker *w)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct outbox_shard *s = &w->outbox.shards[shard];

        if (s->was_away)
            s->again_us = 0;
        s->was_away = false;
    }
}

/* ---- the turn ---- */

static void tick_entry(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (!s->entries[s->at].message.event.p)
        bury(w, shard, NULL);
    else if (sidecar_permits(w))
        publish(w, shard);
}

static void tick_shard(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (s->busy)
        return;
    if (s->task && (s->at == s->count || !lease_held(w, shard) || worker_draining(w)))
        drop_entries(w, s);
    if (!lease_held(w, shard) || worker_draining(w) || (!s->task && !s->news))
        return;
    if (w->now_us < s->again_us)
        worker_wake_at(w, s->again_us);
    else if (s->task)
        tick_entry(w, shard);
    else
        read_entries(w, shard);
}

void outbox_tick(struct worker *w)
{
    unsigned first = w->outbox.first++;

    if (!worker_publishes(w))
        return;
    for (unsigned i = 0; i < SHARDS; i++)
        tick_shard(w, (first + i) % SHARDS);
}

/* Only what has been begun counts: entries at hand are in the store all the same. */
bool outbox_busy(const struct worker *w)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (w->outbox.shards[shard].busy)
            return true;
    }
    return false;
}

bool outbox_busy_with(const struct worker *w, unsigned shard)
{
    return w->outbox.shards[shard].busy;
}

void outbox_news(struct worker *w, unsigned shard)
{
    w->outbox.shards[shard].news = true;
}
