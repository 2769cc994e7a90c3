/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/journal_wait.h"

#include "app/base/clock.h"
#include "app/store/reply.h"
#include "app/worker/worker.h"

enum { BLOCK_MS = 1000, ARENA_FIRST = 65536, ARENA_CAP = 16 << 20 };
/* After news we wait a little: under load a wake-up is then worth many entries. */
static const int64_t GATHER_US = 100000;

bool journal_wait_open(struct worker *w, char ret_error[200])
{
    struct journal_wait *l = &w->journal_wait;

    l->arena = arena_new(ARENA_FIRST, ARENA_CAP);
    l->store = l->arena ? store_new(&w->engine->config, ret_error) : NULL;
    if (!l->store)
        return false;
    store_allow_blocking(l->store, BLOCK_MS);
    store_watch_init(&l->watch, w->loop, l->store);
    return true;
}

void journal_wait_close(struct worker *w)
{
    if (w->journal_wait.store)
        store_watch_stop(&w->journal_wait.watch);
    store_free(w->journal_wait.store);
    arena_free(w->journal_wait.arena);
}

/* XREAD ... STREAMS key... id...: from what we have read ourselves on, an entry of each. */
static void begin_listening(struct worker *w)
{
    struct journal_wait *l = &w->journal_wait;
    struct str argv[6 + 2 * SHARDS] = {
        STR("XREAD"),  STR("COUNT"), STR("1"), STR("BLOCK"), arena_printf(l->arena, "%d", BLOCK_MS),
        STR("STREAMS")};
    int n = 6, count = 0;

    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (lease_held(w, shard)) {
            argv[n++] = key_shard_record(l->arena, shard, SHARD_KEY_JOURNAL);
            count++;
        }
    }
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (lease_held(w, shard))
            argv[n++] = arena_copy(l->arena, journal_last_id(w, shard));
    }
    if (count == 0)
        return;
    l->waiting = true;
    l->read_cmd = pipeline_add(&l->pipeline, COMMAND_READ, n, argv);
    store_submit(l->store, &l->pipeline, w->now_us);
}

static void hear(struct worker *w, const redisReply *reply)
{
    size_t n;
    unsigned shard;
    struct str key;

    if (reply_array(reply, SHARDS, &n) != REPLY_OK)
        return; /* the time is over */
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(reply_at(reply, i), 0), &key) == REPLY_OK &&
            key_parse_hash_tag(key, &shard))
            journal_mark_pending(w, shard);
    }
    w->journal_wait.next_run_us = w->now_us + GATHER_US;
}

/* After a failure anything may have gone unheard: the sweep of journal.c finds it. */
static void take_heard(struct worker *w)
{
    struct journal_wait *l = &w->journal_wait;
    const struct pipeline *done = store_next_done(l->store);

    if (!done)
        return;
    l->waiting = false;
    if (done->status == PIPELINE_COMPLETE && reply_error_of(l->read_cmd->reply) == REPLY_NO_ERROR)
        hear(w, l->read_cmd->reply);
    else
        l->next_run_us = w->now_us + WORKER_RETRY_US;
}

void journal_wait_tick(struct worker *w)
{
    struct journal_wait *l = &w->journal_wait;
    int64_t next_us;

    take_heard(w);
    if (!l->waiting && !worker_draining(w)) {
        if (w->now_us < l->next_run_us) {
            worker_wake_at(w, l->next_run_us);
        } else {
            arena_reset(l->arena);
            pipeline_init(&l->pipeline, l->arena, NULL);
            begin_listening(w);
        }
    }
    store_flush(l->store, w->now_us);
    next_us = store_tick(l->store, w->now_us);
    worker_wake_at(w, w->now_us + next_us);
    store_watch_update(&l->watch);
}
