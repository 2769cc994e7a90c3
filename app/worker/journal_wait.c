/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Marks journals as pending when entries arrive, by a blocking XREAD on a connection of its own. In
 * a cluster the journals are in many slots, of which one XREAD may read only one: there, one XREAD
 * for each journal looks for entries at intervals, and none of them blocks. While XREAD fails,
 * entries are processed later but never lost: journal.c looks into all journals every few seconds
 * (its sweep). */
#include "app/worker/journal_wait.h"

#include "app/store/reply.h"

/* BLOCK_MS: longest time for which Redis delays the reply to XREAD while there is no entry.
 * ARENA_FIRST, ARENA_CAP: bytes of the arena, at first and at most. */
enum { BLOCK_MS = 1000, ARENA_FIRST = 65536, ARENA_CAP = 16 << 20 };

/* Pause after a reply with new entries, before the next XREAD. Under load many entries arrive in
 * this time, and one wake-up serves them all: the more journals have entries, the longer the pause,
 * up to GATHER_US + GATHER_MORE_US, because a journal costs Redis two commands each time however
 * few entries it has. */
static const int64_t GATHER_US = 100000, GATHER_MORE_US = 400000;

/* In a cluster the journals are read at this interval (by an XREAD for each that does not block),
 * because a blocking XREAD can wait only for the journals of one slot. */
static const int64_t LOOK_US = 200000;

/* Opens a connection of its own, besides that of the engine; its round trips may take BLOCK_MS
 * longer. */
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

/* Queues XREAD COUNT 1 [BLOCK ms] STREAMS key... id... for n shards: it returns at most one entry
 * of each journal, after the last id that journal.c has read there. blocks: with BLOCK, so that
 * Redis replies only when there is an entry, or after BLOCK_MS. */
static void journal_wait_add(struct journal_wait *wait, bool blocks, const unsigned *shards, int n)
{
    struct str argv[6 + 2 * SHARDS] = {STR("XREAD"), STR("COUNT"), STR("1")};
    int argc = 3;

    if (blocks) {
        argv[argc++] = STR("BLOCK");
        argv[argc++] = arena_printf(wait->arena, "%d", BLOCK_MS);
    }
    argv[argc++] = STR("STREAMS");
    for (int i = 0; i < n; i++) {
        const char *last_id = wait->shards->v[shards[i]].journal_last_id;

        argv[argc + i] = key_shard_record(wait->arena, shards[i], SHARD_KEY_JOURNAL);
        argv[argc + n + i] = arena_copy(wait->arena, str_of(last_id));
    }
    (void)pipeline_add(&wait->pipeline, COMMAND_READ, argc + 2 * n, argv);
}

/* Sends the XREAD that returns when a journal of a held shard has a new entry. In a cluster one
 * XREAD can read only the journals of one slot, so each journal has one of its own; none blocks, as
 * it would delay those after it on the connection. A journal whose key has another type would make
 * the whole command fail, and is left out. Nothing is sent while this worker holds no lease. */
static void journal_wait_send(struct journal_wait *wait)
{
    unsigned held[SHARDS];
    int n = 0;

    arena_reset(wait->arena);
    pipeline_init(&wait->pipeline, wait->arena, NULL);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (shards_lease_held(wait->shards, shard) && !wait->shards->v[shard].journal_unusable)
            held[n++] = shard;
    }
    if (n == 0)
        return;
    if (!store_is_cluster(wait->store))
        journal_wait_add(wait, /* blocks */ true, held, n);
    for (int i = 0; i < n && store_is_cluster(wait->store); i++)
        journal_wait_add(wait, /* blocks */ false, &held[i], 1);
    wait->waiting = true;
    store_submit(wait->store, &wait->pipeline, wait->worker->now_us);
}

/* Marks the journals in the reply of XREAD as pending. The reply has one element for each journal
 * with new entries: the key of the journal and one entry. The next XREAD waits, so that more
 * entries gather; in a cluster it waits for LOOK_US in any case. */
static void journal_wait_mark_pending(struct journal_wait *wait, const redisReply *reply)
{
    size_t n;
    unsigned shard;
    struct str key;

    if (reply_array(reply, SHARDS, &n) != REPLY_OK)
        return; /* the reply is nil: BLOCK_MS has passed without a new entry */
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(reply_at(reply, i), 0), &key) == REPLY_OK &&
            key_parse_hash_tag(key, &shard))
            wait->shards->v[shard].journal_pending = true;
    }
    if (!store_is_cluster(wait->store))
        wait->next_run_us = wait->worker->now_us + GATHER_US + GATHER_MORE_US * (int64_t)n / SHARDS;
}

/* Processes the replies, if they are there. After an error (Redis cannot be reached or is loading)
 * the next XREAD waits for WORKER_RETRY_US. In a cluster some of the nodes may be away. */
static void journal_wait_on_reply(struct journal_wait *wait)
{
    const struct pipeline *done = store_next_done(wait->store);
    bool has_failed;

    if (!done)
        return;
    wait->waiting = false;
    has_failed = done->status != PIPELINE_COMPLETE;
    if (store_is_cluster(wait->store))
        wait->next_run_us = wait->worker->now_us + LOOK_US;
    for (const struct command *command = done->first; command; command = command->next) {
        if (command->reply && reply_error_of(command->reply) == REPLY_NO_ERROR)
            journal_wait_mark_pending(wait, command->reply);
        else
            has_failed = true;
    }
    if (has_failed)
        wait->next_run_us = wait->worker->now_us + WORKER_RETRY_US;
}

/* Processes the reply, sends the next XREAD when its time is reached, and serves the connection. */
void journal_wait_tick(struct journal_wait *wait)
{
    struct worker_context *worker = wait->worker;

    journal_wait_on_reply(wait);
    if (!wait->waiting && !worker_draining(worker)) {
        if (worker->now_us < wait->next_run_us)
            worker_wake_at(worker, wait->next_run_us);
        else
            journal_wait_send(wait);
    }
    store_flush(wait->store, worker->now_us);
    worker_wake_at(worker, worker->now_us + store_tick(wait->store, worker->now_us));
    store_watch_update(&wait->watch);
}
