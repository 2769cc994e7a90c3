/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An attempt to publish one event: read the oldest entry of the shard, send it to the sidecar
 * (Dapr), and act on the result. A published event is removed from Redis together with the next
 * read. A refused event becomes a dead letter. After any other result the event stays in Redis and
 * is tried again after a pause. If a worker dies between publishing and removing an event, the next
 * worker publishes it again: an event is published at least once. */
#include "app/worker/outbox.h"

#include <stdio.h>

#include "app/store/lease.h"
#include "app/worker/dead_letter.h"

enum { BACKOFFS_MAX = 3 }; /* how many times the pause after failures of one event grows */

/* ---- the end of an attempt ---- */

/* Counts the result of an attempt in METRIC_OUTBOX; status is the label of the metric. */
static void outbox_count(struct outbox *outbox, const char *status)
{
    metrics_add(outbox->worker->engine->metrics, METRIC_OUTBOX, status, NULL, 1);
}

/* Ends the task of an attempt; the shard can start its next one. While outbox_busy is true, the
 * lease is not given back: also while a published entry waits for its removal, since a worker
 * without the lease could not remove it. */
static void outbox_end_attempt(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *state = &outbox->each[shard];

    outbox->shards->v[shard].outbox_busy = state->remove_id[0] != '\0';
    task_end(state->task);
    state->task = NULL;
}

/* Delays the next attempt of the shard by delay_us or more, counted from the start of this loop
 * iteration. */
static void outbox_pause(struct outbox *outbox, unsigned shard, int64_t delay_us)
{
    struct outbox_shard *state = &outbox->each[shard];

    state->next_run_us = outbox->worker->now_us + delay_us;
    worker_wake_at(outbox->worker, state->next_run_us);
}

/* Pauses the shard after a failure, DAPR_RETRY_MS at first. Each further pause in succession is
 * four times as long, up to 4^BACKOFFS_MAX times DAPR_RETRY_MS. */
static void outbox_back_off(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *state = &outbox->each[shard];
    int64_t pause_us = outbox->worker->engine->config.dapr_retry_ms * INT64_C(1000);

    for (int i = 0; i < state->backoffs && i < BACKOFFS_MAX; i++)
        pause_us *= 4;
    state->backoffs++;
    outbox_pause(outbox, shard, pause_us);
}

/* Marks the entry of the last attempt as done: the next attempt removes it from Redis in the same
 * round trip that reads the entry after it, and may start at once. */
static void outbox_mark_for_removal(struct outbox_shard *state)
{
    memcpy(state->remove_id, state->tried_id, sizeof(state->remove_id));
    state->next_run_us = 0;
}

/* ---- dead letters ---- */

/* Logs that an event became a dead letter. The log line omits the response of the sidecar, which
 * may quote the event and so name the student. */
static void outbox_log_dead(const struct outbox *outbox, unsigned shard)
{
    const struct outbox_shard *state = &outbox->each[shard];
    struct log *log = outbox->worker->engine->log;
    struct jw *jw = log_begin(log, LOG_ERROR, "outbox.dead");

    jw_int(jw, "shard", shard);
    jw_bool(jw, "readable", state->entry.message.event.p != NULL);
    jw_int(jw, "status", state->http_status);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(log);
}

/* Called when writing the dead letter has succeeded or failed; ends the attempt. If an erasure has
 * removed the entry, nothing is left to do. */
static void outbox_on_dead_letter(struct task *task, enum dead_letter_result result)
{
    struct outbox *outbox = task->owner;
    unsigned shard = task->shard;

    switch (result) {
    case DEAD_LETTER_STORED:
        outbox_count(outbox, "dead");
        outbox_log_dead(outbox, shard);
        outbox_mark_for_removal(&outbox->each[shard]);
        break;
    case DEAD_LETTER_ENTRY_GONE: break;
    case DEAD_LETTER_FAILED: outbox_pause(outbox, shard, WORKER_RETRY_US); break;
    }
    outbox_end_attempt(outbox, shard);
}

/* Writes the entry of the running attempt to the dead letters; an unreadable entry has the payload
 * null. */
static void outbox_put_dead_letter(struct outbox *outbox, unsigned shard, struct str reason)
{
    struct outbox_shard *state = &outbox->each[shard];
    struct str stream = key_shard_record(state->task->arena, shard, SHARD_KEY_OUTBOX);
    struct str event = state->entry.message.event;
    struct dead_letter_item item = {.stream = stream,
                                    .id = state->entry.id,
                                    .reason = reason,
                                    .source = stream,
                                    .payload = event.p ? event : STR("null")};

    dead_letter_put(state->task, &item, outbox_on_dead_letter);
}

/* ---- publishing ---- */

/* Called when the connection to the sidecar is established, before the first byte is sent;
 * returning false cancels the attempt, and the event is read again. It is cancelled if the lease is
 * lost, or if any erasure has ended since the event was read: that erasure may be of the student in
 * the event. */
static bool outbox_may_send(void *owner, unsigned shard)
{
    const struct outbox *outbox = owner;

    return shards_lease_held_now(outbox->shards, shard) &&
           metrics_erasures(outbox->worker->engine->metrics) == outbox->each[shard].erasures_seen;
}

/* Called when the sidecar is available again: ends the pauses of all shards that have waited for
 * it. */
static void outbox_resume_all(struct outbox *outbox)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct outbox_shard *state = &outbox->each[shard];

        if (state->waits_for_sidecar)
            state->next_run_us = 0;
        state->waits_for_sidecar = false;
    }
}

/* Called with the outcome of an attempt to publish: decides whether the entry is done, becomes a
 * dead letter, or is tried again after a pause. PUBLISH_CANCELLED has no pause. */
static void outbox_on_result(void *owner, unsigned shard, const struct publish_result *result)
{
    struct outbox *outbox = owner;
    struct outbox_shard *state = &outbox->each[shard];

    if (result->recovered)
        outbox_resume_all(outbox);
    switch (result->outcome) {
    case PUBLISH_OK:
        outbox_count(outbox, "published");
        outbox_mark_for_removal(state);
        break;
    case PUBLISH_REFUSED:
        state->http_status = result->status;
        outbox_put_dead_letter(
            outbox, shard,
            arena_printf(state->task->arena, "publish: %ld: %s", result->status, result->excerpt));
        return;
    case PUBLISH_AWAY:
        outbox_count(outbox, "failed");
        state->waits_for_sidecar = true;
        outbox_back_off(outbox, shard);
        break;
    case PUBLISH_MISCONFIGURED: /* an operator has to act: the longest pause at once */
        outbox_count(outbox, "failed");
        state->backoffs = BACKOFFS_MAX;
        outbox_back_off(outbox, shard);
        break;
    case PUBLISH_CANCELLED: break;
    }
    outbox_end_attempt(outbox, shard);
}

/* Publishes the entry that was read. If it is another entry than that of the last attempt, its
 * pauses start from the shortest again. An unreadable entry becomes a dead letter. If the sidecar
 * may get no further event now, the attempt ends without a pause: the next tick that may publish
 * starts another one. An event whose publication cannot begin, for lack of memory, is tried again
 * after a pause. */
static void outbox_publish(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *state = &outbox->each[shard];
    struct publication publication = {.message = &state->entry.message,
                                      .may_send = outbox_may_send,
                                      .on_result = outbox_on_result,
                                      .owner = outbox,
                                      .shard = shard};

    if (!str_equal(str_of(state->tried_id), state->entry.id)) {
        (void)snprintf(state->tried_id, sizeof(state->tried_id), "%.*s", STR_ARG(state->entry.id));
        state->backoffs = 0;
        state->http_status = 0;
    }
    if (!state->entry.message.event.p) {
        outbox_put_dead_letter(outbox, shard, STR("not an entry of the outbox"));
    } else if (!sidecar_can_publish(outbox->sidecar, /* reads_pending */ 0)) {
        outbox_end_attempt(outbox, shard);
    } else if (!sidecar_publish(outbox->sidecar, &publication)) {
        outbox_end_attempt(outbox, shard);
        outbox_pause(outbox, shard, WORKER_RETRY_US);
    }
}

/* ---- reading ---- */

/* Processes the reply to the removal of a published entry, if one was sent. Returns false if Redis
 * may not have removed the entry; the next attempt then repeats the removal. After LEASE_LOST this
 * worker must not remove it: remove_id is cleared, and the new holder publishes the entry again. */
static bool outbox_parse_removed(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *state = &outbox->each[shard];
    int64_t removed;

    if (!state->remove_cmd)
        return true;
    if (reply_int(state->remove_cmd->reply, &removed) != REPLY_OK)
        return false;
    if (removed == LEASE_LOST)
        shards_lease_lost(outbox->shards, shard);
    state->remove_id[0] = '\0';
    return true;
}

/* Called when the oldest entry of the shard was read: publishes it. has_entry stays true if reading
 * fails, since the outbox may have entries then. While it has one, outbox_pending is set, so that
 * outbox_tick starts another attempt after this one. When the outbox is empty no event has failed,
 * so `backoffs` (failures in succession, which lengthen the pauses) is 0. */
static void outbox_on_read(struct task *task)
{
    struct outbox *outbox = task->owner;
    unsigned shard = task->shard;
    struct outbox_shard *state = &outbox->each[shard];
    struct problem p = {.code = PROBLEM_NONE};
    bool has_entry = true;

    outbox->reading--;
    if (task_failed(task) || !outbox_parse_removed(outbox, shard) ||
        !outbox_parse_next(state->read_cmd, &state->entry, &has_entry, &p)) {
        outbox_pause(outbox, shard, WORKER_RETRY_US);
    } else if (has_entry && shards_lease_held(outbox->shards, shard) &&
               !worker_draining(outbox->worker)) {
        outbox->shards->v[shard].outbox_pending = true; /* stays set until a read finds no entry */
        outbox_publish(outbox, shard);
        return;
    }
    if (has_entry)
        outbox->shards->v[shard].outbox_pending = true;
    else
        state->backoffs = 0;
    outbox_end_attempt(outbox, shard);
}

/* Starts an attempt: one round trip removes the published entry (remove_id) and reads the entry
 * after it. If the removal fails, remove_id stays set, so that this worker does not publish that
 * entry again; a worker that acquires the lease meanwhile would. */
static void outbox_begin_attempt(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *state = &outbox->each[shard];
    struct worker_context *worker = outbox->worker;
    struct str published_id = str_of(state->remove_id);

    state->task = task_begin(worker, shard, outbox);
    if (!state->task) {
        outbox_pause(outbox, shard, WORKER_RETRY_US);
        return;
    }
    outbox->shards->v[shard].outbox_pending = false;
    outbox->shards->v[shard].outbox_busy = true;
    state->waits_for_sidecar = false;
    state->erasures_seen = metrics_erasures(worker->engine->metrics);
    state->remove_cmd = published_id.n > 0 ? outbox_cmd_remove(&state->task->pipeline, shard,
                                                               worker->id, published_id)
                                           : NULL;
    state->read_cmd = outbox_cmd_next(&state->task->pipeline, shard, published_id);
    outbox->reading++;
    task_submit(state->task, outbox_on_read);
}

/* Starts an attempt for the shard if none is running, this worker holds its lease, and an entry is
 * to be removed or published. A draining worker only removes published entries. While the circuit
 * is open, sidecar_can_publish alone decides about the time of the next attempt, so a pause for the
 * sidecar does not count. `reading` is the number of attempts that are reading their event and will
 * publish it next: they count against the sidecar's limit of events at a time. */
static void outbox_tick_shard(struct outbox *outbox, unsigned shard)
{
    struct outbox_shard *state = &outbox->each[shard];
    bool must_remove = state->remove_id[0] != '\0';

    if (state->task || !shards_lease_held(outbox->shards, shard))
        return;
    if (!must_remove &&
        (!outbox->shards->v[shard].outbox_pending || worker_draining(outbox->worker)))
        return;
    if (outbox->worker->now_us < state->next_run_us &&
        !(state->waits_for_sidecar && sidecar_limits_attempts(outbox->sidecar)))
        worker_wake_at(outbox->worker, state->next_run_us);
    else if (must_remove || sidecar_can_publish(outbox->sidecar, outbox->reading))
        outbox_begin_attempt(outbox, shard);
}

/* Returns true if this worker holds the shard's lease and the last attempt with its oldest event
 * failed. The flag outbox_pending says nothing about it: the sweep (journal.c) sets it for all
 * shards every few seconds. */
static bool outbox_has_failed(const struct outbox *outbox, unsigned shard)
{
    return shards_lease_held(outbox->shards, shard) && outbox->each[shard].backoffs > 0;
}

/* Starts the attempts that are due. Each call begins with another shard, so that the limit of
 * PUBLISHERS events at a time does not always exclude the same shards. Sets events_wait when an
 * event has failed: a passed health check then does not end the trouble of the sidecar. */
void outbox_tick(struct outbox *outbox)
{
    unsigned first = outbox->rr_cursor++;

    if (!worker_publishes(outbox->worker))
        return;
    outbox->sidecar->events_wait = false;
    for (unsigned i = 0; i < SHARDS; i++) {
        outbox_tick_shard(outbox, (first + i) % SHARDS);
        outbox->sidecar->events_wait |= outbox_has_failed(outbox, i);
    }
}
