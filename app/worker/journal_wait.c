/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/journal_wait.h"

#include "app/base/clock.h"
#include "app/store/reply.h"

enum { BLOCK_MS = 1000, ARENA_FIRST = 65536, ARENA_CAP = 16 << 20 };
/* After news we wait a little: under load a wake-up is then worth many entries. */
static const int64_t GATHER_US = 100000;

bool journal_wait_open(struct journal_wait *wait, char ret_error[200])
{
    wait->arena = arena_new(ARENA_FIRST, ARENA_CAP);
    wait->store = wait->arena ? store_new(&wait->worker->engine->config, ret_error) : NULL;
    if (!wait->store)
        return false;
    store_allow_blocking(wait->store, BLOCK_MS);
    store_watch_init(&wait->watch, wait->worker->loop, wait->store);
    return true;
}

void journal_wait_close(struct journal_wait *wait)
{
    if (wait->store)
        store_watch_stop(&wait->watch);
    store_free(wait->store);
    arena_free(wait->arena);
}

/* XREAD ... STREAMS key... id...: from what we have read ourselves on, an entry of each. */
static void begin_listening(struct journal_wait *wait)
{
    struct str argv[6 + 2 * SHARDS] = {STR("XREAD"),
                                       STR("COUNT"),
                                       STR("1"),
                                       STR("BLOCK"),
                                       arena_printf(wait->arena, "%d", BLOCK_MS),
                                       STR("STREAMS")};
    int n = 6, count = 0;

    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (shards_lease_held(wait->shards, shard)) {
            argv[n++] = key_shard_record(wait->arena, shard, SHARD_KEY_JOURNAL);
            count++;
        }
    }
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (shards_lease_held(wait->shards, shard))
            argv[n++] = arena_copy(wait->arena, str_of(wait->shards->v[shard].journal_last_id));
    }
    if (count == 0)
        return;
    wait->waiting = true;
    wait->read_cmd = pipeline_add(&wait->pipeline, COMMAND_READ, n, argv);
    store_submit(wait->store, &wait->pipeline, wait->worker->now_us);
}

static void hear(struct journal_wait *wait, const redisReply *reply)
{
    size_t n;
    unsigned shard;
    struct str key;

    if (reply_array(reply, SHARDS, &n) != REPLY_OK)
        return; /* the time is over */
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(reply_at(reply, i), 0), &key) == REPLY_OK &&
            key_parse_hash_tag(key, &shard))
            wait->shards->v[shard].journal_pending = true;
    }
    wait->next_run_us = wait->worker->now_us + GATHER_US;
}

/* After a failure anything may have gone unheard: the sweep of journal.c finds it. */
static void take_heard(struct journal_wait *wait)
{
    const struct pipeline *done = store_next_done(wait->store);

    if (!done)
        return;
    wait->waiting = false;
    if (done->status == PIPELINE_COMPLETE &&
        reply_error_of(wait->read_cmd->reply) == REPLY_NO_ERROR)
        hear(wait, wait->read_cmd->reply);
    else
        wait->next_run_us = wait->worker->now_us + WORKER_RETRY_US;
}

void journal_wait_tick(struct journal_wait *wait)
{
    int64_t next_us;

    take_heard(wait);
    if (!wait->waiting && !worker_draining(wait->worker)) {
        if (wait->worker->now_us < wait->next_run_us) {
            worker_wake_at(wait->worker, wait->next_run_us);
        } else {
            arena_reset(wait->arena);
            pipeline_init(&wait->pipeline, wait->arena, NULL);
            begin_listening(wait);
        }
    }
    store_flush(wait->store, wait->worker->now_us);
    next_us = store_tick(wait->store, wait->worker->now_us);
    worker_wake_at(wait->worker, wait->worker->now_us + next_us);
    store_watch_update(&wait->watch);
}
