/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/outbox.h"

#include <stdio.h>

#include "app/store/lease.h"
#include "app/worker/dead_letter.h"
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
    s->next_run_us = w->now_us + us;
    worker_wake_at(w, s->next_run_us);
}

/* Four times as long each time. */
static void pause_longer(struct worker *w, struct outbox_shard *s)
{
    int64_t us = w->engine->config.dapr_retry_ms * INT64_C(1000);

    for (int i = 0; i < s->backoffs && i < PAUSES_MAX; i++)
        us *= 4;
    s->backoffs++;
    pause_shard(w, s, us);
}

/* It is removed when the next one is read. */
static void entry_done(struct outbox_shard *s)
{
    memcpy(s->remove_id, s->tried_id, sizeof(s->remove_id));
    s->next_run_us = 0;
}

/* ---- burying ---- */

/* Without what the sidecar said: it may quote the event, and that names the student. */
static void tell_dead(struct worker *w, unsigned shard)
{
    const struct outbox_shard *s = &w->outbox.shards[shard];
    struct jw *jw = log_begin(w->engine->log, LOG_ERROR, "outbox.dead");

    jw_int(jw, "shard", shard);
    jw_bool(jw, "readable", s->entry.message.event.p != NULL);
    jw_int(jw, "status", s->http_status);
    jw_int(jw, "tries", s->tries);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(w->engine->log);
}

static void on_buried(struct worker *w, struct task *task, enum dead_letter_result end)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];

    switch (end) {
    case DEAD_LETTER_STORED:
        metrics_add(w->engine->metrics, METRIC_OUTBOX, IS_DEAD, 0, 1);
        tell_dead(w, task->shard);
        entry_done(s);
        break;
    case DEAD_LETTER_ENTRY_GONE: break;
    case DEAD_LETTER_FAILED: pause_shard(w, s, WORKER_RETRY_US); break;
    }
    end_try(w, s);
}

static void bury(struct worker *w, unsigned shard, struct str reason)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    struct str outbox = key_shard_record(s->task->arena, shard, SHARD_KEY_OUTBOX);
    struct str event = s->entry.message.event;
    struct dead_letter_item dead = {.stream = outbox,
                                    .id = s->entry.id,
                                    .reason = reason,
                                    .source = outbox,
                                    .payload = event.p ? event : STR("null")};

    dead_letter_put(w, s->task, &dead, on_buried);
}

static void bury_refused(struct worker *w, unsigned shard, const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    s->http_status = call->status;
    bury(w, shard,
         arena_printf(s->task->arena, "publish: %ld after %d tries: %s", call->status, s->tries,
                      call->excerpt));
}

/* ---- publishing ---- */

bool outbox_may_send(const struct worker *w, unsigned shard)
{
    return metrics_erasures(w->engine->metrics) == w->outbox.shards[shard].erasures_seen;
}

void outbox_on_result(struct worker *w, unsigned shard, enum publish_outcome outcome,
                      const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (outcome == PUBLISH_FAILED || outcome == PUBLISH_UNREACHABLE)
        metrics_add(w->engine->metrics, METRIC_OUTBOX, HAS_FAILED, 0, 1);
    if (outcome == PUBLISH_FAILED || outcome == PUBLISH_REFUSED)
        s->tries++;
    if (outcome == PUBLISH_REFUSED || (outcome == PUBLISH_FAILED && s->tries >= TRIES)) {
        bury_refused(w, shard, call);
        return;
    }
    switch (outcome) {
    case PUBLISH_OK:
        metrics_add(w->engine->metrics, METRIC_OUTBOX, WAS_PUBLISHED, 0, 1);
        entry_done(s);
        break;
    case PUBLISH_FAILED: pause_longer(w, s); break;
    case PUBLISH_MISCONFIGURED:
        s->backoffs = PAUSES_MAX - 1;
        pause_longer(w, s);
        break;
    case PUBLISH_UNREACHABLE: /* the circuit sees to it that it is not asked too often */
        s->waits_for_sidecar = true;
        pause_shard(w, s, AWAY_US);
        break;
    case PUBLISH_REFUSED:
    case PUBLISH_CANCELLED: break;
    }
    end_try(w, s);
}

void outbox_resume_all(struct worker *w)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct outbox_shard *s = &w->outbox.shards[shard];

        if (s->waits_for_sidecar)
            s->next_run_us = 0;
        s->waits_for_sidecar = false;
    }
}

/* ---- reading ---- */

static void deal_with(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (!str_equal(str_of(s->tried_id), s->entry.id)) {
        (void)snprintf(s->tried_id, sizeof(s->tried_id), "%.*s", STR_ARG(s->entry.id));
        s->tries = s->backoffs = 0;
        s->http_status = 0;
    }
    if (!s->entry.message.event.p) {
        bury(w, shard, STR("not an entry of the outbox"));
    } else if (!sidecar_can_publish(w, 0)) {
        end_try(w, s);
    } else if (!sidecar_publish(w, shard, &s->entry.message)) {
        end_try(w, s);
        pause_shard(w, s, WORKER_RETRY_US);
    }
}

static bool read_removed(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    int64_t removed;

    if (!s->remove_cmd)
        return true;
    if (reply_int(s->remove_cmd->reply, &removed) != REPLY_OK)
        return false;
    if (removed == LEASE_LOST)
        lease_mark_lost(w, shard);
    s->remove_id[0] = '\0';
    return true;
}

static void on_read(struct worker *w, struct task *task)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];
    struct problem p = {.code = PROBLEM_NONE};
    bool there = true;

    w->outbox.reading--;
    if (task_failed(task) || !read_removed(w, task->shard) ||
        !outbox_parse_next(s->read_cmd, &s->entry, &there, &p))
        pause_shard(w, s, WORKER_RETRY_US);
    else if (there && lease_held(w, task->shard) && !worker_draining(w)) {
        s->pending = true;
        deal_with(w, task->shard);
        return;
    }
    s->pending = s->pending || there;
    end_try(w, s);
}

/* What has been dealt with is removed, in the same round. If that fails it is known to be done all
 * the same, as long as this worker lives: only another one would publish it once more. */
static void begin_try(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    struct str done = str_of(s->remove_id);

    s->task = task_begin(w, shard, NULL);
    if (!s->task) {
        pause_shard(w, s, WORKER_RETRY_US);
        return;
    }
    s->pending = false;
    s->erasures_seen = metrics_erasures(w->engine->metrics);
    s->remove_cmd = done.n > 0 ? outbox_cmd_remove(&s->task->pipeline, shard, w->id, done) : NULL;
    s->read_cmd = outbox_cmd_next(&s->task->pipeline, shard, done);
    w->outbox.reading++;
    task_submit(w, s->task, on_read);
}

/* ---- the turn ---- */

static void tick_shard(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    bool must_remove = s->remove_id[0] != '\0';

    if (s->task || !lease_held(w, shard))
        return;
    if (!must_remove && (!s->pending || worker_draining(w)))
        return;
    if (w->now_us < s->next_run_us)
        worker_wake_at(w, s->next_run_us);
    else if (must_remove || sidecar_can_publish(w, w->outbox.reading))
        begin_try(w, shard);
}

void outbox_tick(struct worker *w)
{
    unsigned first = w->outbox.rr_cursor++;

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
bool outbox_shard_busy(const struct worker *w, unsigned shard)
{
    const struct outbox_shard *s = &w->outbox.shards[shard];

    return s->task || s->remove_id[0] != '\0';
}

void outbox_mark_pending(struct worker *w, unsigned shard)
{
    w->outbox.shards[shard].pending = true;
}
