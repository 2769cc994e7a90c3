/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/listener.h"

#include "app/base/clock.h"
#include "app/store/reply.h"
#include "app/worker/worker.h"

enum { BLOCK_MS = 1000, ARENA_FIRST = 65536, ARENA_CAP = 16 << 20 };
/* After news we wait a little: under load a wake-up is then worth many entries. */
static const int64_t GATHER_US = 100000;

bool listener_open(struct worker *w, char ret_error[200])
{
    struct listener *l = &w->listener;

    l->arena = arena_new(ARENA_FIRST, ARENA_CAP);
    l->store = l->arena ? store_new(&w->engine->config, ret_error) : NULL;
    if (!l->store)
        return false;
    store_may_block(l->store, BLOCK_MS);
    store_watch_init(&l->watch, w->loop, l->store);
    return true;
}

void listener_close(struct worker *w)
{
    if (w->listener.store)
        store_watch_stop(&w->listener.watch);
    store_free(w->listener.store);
    arena_free(w->listener.arena);
}

/* XREAD ... STREAMS key... id...: from what we have read ourselves on, an entry of each. */
static void begin_listening(struct worker *w)
{
    struct listener *l = &w->listener;
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
    l->listening = true;
    l->heard = ask_command(&l->asks, ASK_READ, n, argv);
    store_submit(l->store, &l->asks, w->now_us);
}

static void hear(struct worker *w, const redisReply *reply)
{
    size_t n;
    unsigned shard;
    struct str key;

    if (reply_array(reply, SHARDS, &n) != REPLY_THERE)
        return; /* the time is over */
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(reply_at(reply, i), 0), &key) == REPLY_THERE &&
            key_read_shard(key, &shard))
            journal_news(w, shard);
    }
    w->listener.again_us = w->now_us + GATHER_US;
}

/* After a failure anything may have gone unheard: the sweep of journal.c finds it. */
static void take_heard(struct worker *w)
{
    struct listener *l = &w->listener;
    const struct asks *done = store_next_done(l->store);

    if (!done)
        return;
    l->listening = false;
    if (done->status == ASKS_ANSWERED && reply_error_of(l->heard->reply) == REPLY_NO_ERROR)
        hear(w, l->heard->reply);
    else
        l->again_us = w->now_us + WORKER_PAUSE_US;
}

void listener_tick(struct worker *w)
{
    struct listener *l = &w->listener;
    int64_t next_us;

    take_heard(w);
    if (!l->listening && !worker_draining(w)) {
        if (w->now_us < l->again_us) {
            worker_wake_at(w, l->again_us);
        } else {
            arena_reset(l->arena);
            asks_init(&l->asks, l->arena, NULL);
            begin_listening(w);
        }
    }
    store_flush(l->store, w->now_us);
    next_us = store_tick(l->store, w->now_us);
    worker_wake_at(w, w->now_us + next_us);
    store_watch_update(&l->watch);
}
