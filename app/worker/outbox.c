/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/outbox.h"

#include <stdio.h>

#include "app/store/lease.h"
#include "app/worker/dead_letter.h"

enum {
    TRIES = 5, /* of an event that the broker does not take */
    PAUSES_MAX = 4,
};
enum { WAS_PUBLISHED, HAS_FAILED, IS_DEAD }; /* the words of METRIC_OUTBOX */

static const int64_t AWAY_US = 1000000;

/* ---- a try and its end ---- */

static void end_try(struct outbox *outbox, struct outbox_shard *s)
{
    outbox->shards->v[s->task->shard].outbox_busy = s->remove_id[0] != '\0';
    task_end(s->task);
    s->task = NULL;
}

static void pause_shard(struct outbox *outbox, struct outbox_shard *s, int64_t us)
{
    s->next_run_us = outbox->worker->now_us + us;
    worker_wake_at(outbox->worker, s->next_run_us);
}

/* Four times as long each time. */
static void pause_longer(struct outbox *outbox, struct outbox_shard *s)
{
    int64_t us = outbox->worker->engine->config.dapr_retry_ms * INT64_C(1000);

    for (int i = 0; i < s->backoffs && i < PAUSES_MAX; i++)
        us *= 4;
    s->backoffs++;
    pause_shard(outbox, s, us);
}

/* It is removed when the next one is read. */
static void entry_done(struct outbox_shard *s)
{
    memcpy(s->remove_id, s->tried_id, sizeof(s->remove_id));
    s->next_run_us = 0;
}

/* ---- burying ---- */

/* Without what the sidecar said: it may quote the event, and that names the student. */
static void tell_dead(struct outbox *outbox, unsigned shard)
{
    const struct outbox_shard *s = &outbox->v[shard];
    struct jw *jw = log_begin(outbox->worker->engine->log, LOG_ERROR, "outbox.dead");

    jw_int(jw, "shard", shard);
    jw_bool(jw, "readable", s->entry.message.event.p != NULL);
    jw_int(jw, "status", s->http_status);
    jw_int(jw, "tries", s->tries);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(outbox->worker->engine->log);
}

static void on_buried(struct task *task, enum dead_letter_result end)
{
    struct outbox *outbox = task->owner;
    struct outbox_shard *s = &outbox->v[task->shard];

    switch (end) {
    case DEAD_LETTER_STORED:
        metrics_add(outbox->worker->engine->metrics, METRIC_OUTBOX, IS_DEAD, 0, 1);
        tell_dead(outbox, task->shard);
        entry_done(s);
        break;
    case DEAD_LETTER_ENTRY_GONE: break;
    case DEAD_LETTER_FAILED: pause_shard(outbox, s, WORKER_RETRY_US); break;
    }
    end_try(outbox, s);
}

static void bury(struct outbox *outbox, unsigned shard, struct str reason)
{
    struct outbox_shard *s = &outbox->v[shard];
    struct str stream = key_shard_record(s->task->arena, shard, SHARD_KEY_OUTBOX);
    struct str event = s->entry.message.event;
    struct dead_letter_item dead = {.stream = stream,
                                    .id = s->entry.id,
                                    .reason = reason,
                                    .source = stream,
                                    .payload = event.p ? event : STR("null")};

    dead_letter_put(s->task, &dead, on_buried);
}

static void bury_refused(struct outbox *outbox, unsigned shard, const struct publish_result *result)
{
    struct outbox_shard *s = &outbox->v[shard];

    s->http_status = result->status;
    bury(outbox, shard,
         arena_printf(s->task->arena, "publish: %ld after %d tries: %s", result->status, s->tries,
                      result->excerpt));
}

/* ---- publishing ---- */

static void resume_all(struct outbox *outbox)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct outbox_shard *s = &outbox->v[shard];

        if (s->waits_for_sidecar)
            s->next_run_us = 0;
        s->waits_for_sidecar = false;
    }
}

static bool may_send(void *owner, unsigned shard)
{
    const struct outbox *outbox = owner;

    return shards_lease_held_now(outbox->shards, shard) &&
           metrics_erasures(outbox->worker->engine->metrics) == outbox->v[shard].erasures_seen;
}

static void on_result(void *owner, unsigned shard, const struct publish_result *result)
{
    struct outbox *outbox = owner;
    enum publish_outcome outcome = result->outcome;
    struct outbox_shard *s = &outbox->v[shard];

    if (result->recovered)
        resume_all(outbox);
    if (outcome == PUBLISH_FAILED || outcome == PUBLISH_UNREACHABLE)
        metrics_add(outbox->worker->engine->metrics, METRIC_OUTBOX, HAS_FAILED, 0, 1);
    if (outcome == PUBLISH_FAILED || outcome == PUBLISH_REFUSED)
        s->tries++;
    if (outcome == PUBLISH_REFUSED || (outcome == PUBLISH_FAILED && s->tries >= TRIES)) {
        bury_refused(outbox, shard, result);
        return;
    }
    switch (outcome) {
    case PUBLISH_OK:
        metrics_add(outbox->worker->engine->metrics, METRIC_OUTBOX, WAS_PUBLISHED, 0, 1);
        entry_done(s);
        break;
    case PUBLISH_FAILED: pause_longer(outbox, s); break;
    case PUBLISH_MISCONFIGURED:
        s->backoffs = PAUSES_MAX - 1;
        pause_longer(outbox, s);
        break;
    case PUBLISH_UNREACHABLE: /* the circuit sees to it that it is not asked too often */
        s->waits_for_sidecar = true;
        pause_shard(outbox, s, AWAY_US);
        break;
    case PUBLISH_REFUSED:
    case PUBLISH_CANCELLED: break;
    }
    end_try(outbox, s);
}

static bool publish(struct outbox *outbox, unsigned shard)
{
    struct publication publication = {.message = &outbox->v[shard].entry.message,
                                      .may_send = may_send,
                                      .on_result = on_result,
                                      .owner = outbox,
                                      .shard = shard};

    return sidecar_publish(outbox->sidecar, &publication);
}

/* ---- reading ---- */

static void deal_with(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *s = &outbox->v[shard];

    if (!str_equal(str_of(s->tried_id), s->entry.id)) {
        (void)snprintf(s->tried_id, sizeof(s->tried_id), "%.*s", STR_ARG(s->entry.id));
        s->tries = s->backoffs = 0;
        s->http_status = 0;
    }
    if (!s->entry.message.event.p) {
        bury(outbox, shard, STR("not an entry of the outbox"));
    } else if (!sidecar_can_publish(outbox->sidecar, 0)) {
        end_try(outbox, s);
    } else if (!publish(outbox, shard)) {
        end_try(outbox, s);
        pause_shard(outbox, s, WORKER_RETRY_US);
    }
}

static bool read_removed(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *s = &outbox->v[shard];
    int64_t removed;

    if (!s->remove_cmd)
        return true;
    if (reply_int(s->remove_cmd->reply, &removed) != REPLY_OK)
        return false;
    if (removed == LEASE_LOST)
        shards_lease_lost(outbox->shards, shard);
    s->remove_id[0] = '\0';
    return true;
}

static void on_read(struct task *task)
{
    struct outbox *outbox = task->owner;
    struct outbox_shard *s = &outbox->v[task->shard];
    struct problem p = {.code = PROBLEM_NONE};
    bool there = true;

    outbox->reading--;
    if (task_failed(task) || !read_removed(outbox, task->shard) ||
        !outbox_parse_next(s->read_cmd, &s->entry, &there, &p))
        pause_shard(outbox, s, WORKER_RETRY_US);
    else if (there && shards_lease_held(outbox->shards, task->shard) &&
             !worker_draining(outbox->worker)) {
        outbox->shards->v[task->shard].outbox_pending = true;
        deal_with(outbox, task->shard);
        return;
    }
    if (there)
        outbox->shards->v[task->shard].outbox_pending = true;
    end_try(outbox, s);
}

/* What has been dealt with is removed, in the same round. If that fails it is known to be done all
 * the same, as long as this worker lives: only another one would publish it once more. */
static void begin_try(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *s = &outbox->v[shard];
    struct str done = str_of(s->remove_id);

    s->task = task_begin(outbox->worker, shard, outbox);
    if (!s->task) {
        pause_shard(outbox, s, WORKER_RETRY_US);
        return;
    }
    outbox->shards->v[shard].outbox_pending = false;
    outbox->shards->v[shard].outbox_busy = true;
    s->erasures_seen = metrics_erasures(outbox->worker->engine->metrics);
    s->remove_cmd =
        done.n > 0 ? outbox_cmd_remove(&s->task->pipeline, shard, outbox->worker->id, done) : NULL;
    s->read_cmd = outbox_cmd_next(&s->task->pipeline, shard, done);
    outbox->reading++;
    task_submit(s->task, on_read);
}

/* ---- the turn ---- */

static void tick_shard(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *s = &outbox->v[shard];
    bool must_remove = s->remove_id[0] != '\0';

    if (s->task || !shards_lease_held(outbox->shards, shard))
        return;
    if (!must_remove &&
        (!outbox->shards->v[shard].outbox_pending || worker_draining(outbox->worker)))
        return;
    if (outbox->worker->now_us < s->next_run_us)
        worker_wake_at(outbox->worker, s->next_run_us);
    else if (must_remove || sidecar_can_publish(outbox->sidecar, outbox->reading))
        begin_try(outbox, shard);
}

void outbox_tick(struct outbox *outbox)
{
    unsigned first = outbox->rr_cursor++;

    if (!worker_publishes(outbox->worker))
        return;
    for (unsigned i = 0; i < SHARDS; i++)
        tick_shard(outbox, (first + i) % SHARDS);
}

/* Only what has been begun counts: what waits is in the store all the same. */
bool outbox_busy(const struct outbox *outbox)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (outbox->v[shard].task)
            return true;
    }
    return false;
}
