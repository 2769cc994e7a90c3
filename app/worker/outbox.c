/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/outbox.h"

#include <stdio.h>

#include "app/store/lease.h"
#include "app/worker/dead.h"
#include "app/worker/worker.h"

enum {
    TRIES = 5, /* of an event that the broker does not take */
    PAUSES_MAX = 4,
};
enum { WAS_PUBLISHED, HAS_FAILED, IS_DEAD }; /* the words of METRIC_OUTBOX */

static const int64_t AWAY_US = 1000000;

/* ---- a try and its end ---- */

static void end_try(struct worker *w, struct outbox_shard *s)
{
    task_end(w, s->task);
    s->task = NULL;
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

/* It is removed when the next one is read. */
static void entry_done(struct outbox_shard *s)
{
    memcpy(s->done, s->id, sizeof(s->done));
    s->again_us = 0;
}

/* ---- burying ---- */

/* Without what the sidecar said: it may quote the event, and that names the student. */
static void tell_dead(struct worker *w, unsigned shard)
{
    const struct outbox_shard *s = &w->outbox.shards[shard];
    struct jw *jw = log_begin(w->engine->log, LOG_ERROR, "outbox.dead");

    jw_int(jw, "shard", shard);
    jw_bool(jw, "readable", s->entry.message.event.p != NULL);
    jw_int(jw, "status", s->status);
    jw_int(jw, "tries", s->tries);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(w->engine->log);
}

static void on_buried(struct worker *w, struct task *task, enum dead_end end)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];

    switch (end) {
    case DEAD_KEPT:
        metrics_add(w->engine->metrics, METRIC_OUTBOX, IS_DEAD, 0, 1);
        tell_dead(w, task->shard);
        entry_done(s);
        break;
    case DEAD_GONE: break;
    case DEAD_FAILED: pause_shard(w, s, WORKER_PAUSE_US); break;
    }
    end_try(w, s);
}

static void bury(struct worker *w, unsigned shard, struct str reason)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    struct str outbox = key_shard_record(s->task->arena, shard, SHARD_KEY_OUTBOX);
    struct str event = s->entry.message.event;
    struct dead dead = {.stream = outbox,
                        .id = s->entry.id,
                        .reason = reason,
                        .source = outbox,
                        .payload = event.p ? event : STR("null")};

    dead_bury(w, s->task, &dead, on_buried);
}

static void bury_refused(struct worker *w, unsigned shard, const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    s->status = call->status;
    bury(w, shard,
         arena_printf(s->task->arena, "publish: %ld after %d tries: %s", call->status, s->tries,
                      call->answer));
}

/* ---- publishing ---- */

bool outbox_may_send(const struct worker *w, unsigned shard)
{
    return metrics_erasures(w->engine->metrics) == w->outbox.shards[shard].erasures;
}

void outbox_published(struct worker *w, unsigned shard, enum publish_outcome outcome,
                      const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (outcome == FAILED || outcome == AWAY)
        metrics_add(w->engine->metrics, METRIC_OUTBOX, HAS_FAILED, 0, 1);
    if (outcome == FAILED || outcome == REFUSED)
        s->tries++;
    if (outcome == REFUSED || (outcome == FAILED && s->tries >= TRIES)) {
        bury_refused(w, shard, call);
        return;
    }
    switch (outcome) {
    case PUBLISHED:
        metrics_add(w->engine->metrics, METRIC_OUTBOX, WAS_PUBLISHED, 0, 1);
        entry_done(s);
        break;
    case FAILED: pause_longer(w, s); break;
    case MISCONFIGURED:
        s->pauses = PAUSES_MAX - 1;
        pause_longer(w, s);
        break;
    case AWAY: /* the circuit sees to it that it is not asked too often */
        s->was_away = true;
        pause_shard(w, s, AWAY_US);
        break;
    case REFUSED:
    case CALLED_OFF: break;
    }
    end_try(w, s);
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

/* ---- reading ---- */

static void deal_with(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (!str_equal(str_of(s->id), s->entry.id)) {
        (void)snprintf(s->id, sizeof(s->id), "%.*s", STR_ARG(s->entry.id));
        s->tries = s->pauses = 0;
        s->status = 0;
    }
    if (!s->entry.message.event.p) {
        bury(w, shard, STR("not an entry of the outbox"));
    } else if (!sidecar_permits(w, 0)) {
        end_try(w, s);
    } else if (!sidecar_publish(w, shard, &s->entry.message)) {
        end_try(w, s);
        pause_shard(w, s, WORKER_PAUSE_US);
    }
}

static bool read_removed(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    int64_t removed;

    if (!s->removed)
        return true;
    if (reply_int(s->removed->reply, &removed) != REPLY_THERE)
        return false;
    if (removed == LEASE_LOST)
        lease_lost(w, shard);
    s->done[0] = '\0';
    return true;
}

static void on_read(struct worker *w, struct task *task)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];
    struct problem p = {.code = PROBLEM_NONE};
    bool there = true;

    w->outbox.reading--;
    if (task_failed(task) || !read_removed(w, task->shard) ||
        !outbox_read_next(s->read, &s->entry, &there, &p))
        pause_shard(w, s, WORKER_PAUSE_US);
    else if (there && lease_held(w, task->shard) && !worker_draining(w)) {
        s->news = true;
        deal_with(w, task->shard);
        return;
    }
    s->news = s->news || there;
    end_try(w, s);
}

/* What has been dealt with is removed, in the same round. If that fails it is known to be done all
 * the same, as long as this worker lives: only another one would publish it once more. */
static void begin_try(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    struct str done = str_of(s->done);

    s->task = task_begin(w, shard, NULL);
    if (!s->task) {
        pause_shard(w, s, WORKER_PAUSE_US);
        return;
    }
    s->news = false;
    s->erasures = metrics_erasures(w->engine->metrics);
    s->removed = done.n > 0 ? outbox_ask_remove(&s->task->asks, shard, w->id, done) : NULL;
    s->read = outbox_ask_next(&s->task->asks, shard, done);
    w->outbox.reading++;
    task_submit(w, s->task, on_read);
}

/* ---- the turn ---- */

static void tick_shard(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    bool must_remove = s->done[0] != '\0';

    if (s->task || !lease_held(w, shard))
        return;
    if (!must_remove && (!s->news || worker_draining(w)))
        return;
    if (w->now_us < s->again_us)
        worker_wake_at(w, s->again_us);
    else if (must_remove || sidecar_permits(w, w->outbox.reading))
        begin_try(w, shard);
}

void outbox_tick(struct worker *w)
{
    unsigned first = w->outbox.first++;

    if (!worker_publishes(w))
        return;
    for (unsigned i = 0; i < SHARDS; i++)
        tick_shard(w, (first + i) % SHARDS);
}

/* Only what has been begun counts: what waits is in the store all the same. */
bool outbox_busy(const struct worker *w)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (w->outbox.shards[shard].task)
            return true;
    }
    return false;
}

/* What is only to be removed yet counts too: without the lease nobody would. */
bool outbox_busy_with(const struct worker *w, unsigned shard)
{
    const struct outbox_shard *s = &w->outbox.shards[shard];

    return s->task || s->done[0] != '\0';
}

void outbox_news(struct worker *w, unsigned shard)
{
    w->outbox.shards[shard].news = true;
}
