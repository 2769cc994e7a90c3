/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holds this worker's share of the shards. Once a second, one pipeline renews the leases of this
 * worker that need it, tries to acquire as many further ones as its share allows, and gives back
 * those that exceed the share. The share is the number of shards divided by the number of living
 * workers (heartbeat.c). Scripts check the lease again in Redis before they change anything; what
 * this process knows of its leases only avoids useless work. */
#include "app/worker/leases.h"

#include "app/base/clock.h"
#include "app/store/lease.h"
#include "app/store/schema.h"

static const int64_t INTERVAL_US = 1000000; /* microseconds between two renewals of the leases */
/* A held lease is renewed when less than this is left of it: with INTERVAL_US every two seconds, so
 * that one renewal that fails within 2.5 s (STORE_ROUND_TIMEOUT_MS), and the pause before the next,
 * do not end it. */
static const int64_t RENEW_LEFT_US = 4000000;
/* This process treats a lease as ended this much earlier than Redis does, since the clocks of the
 * two machines run at slightly different rates. */
static const int64_t MARGIN_US = 500000;

/* Starts without leases; the first call of leases_tick acquires some. rr_cursor is the shard with
 * which the search for free leases begins; a random byte is one of the SHARDS = 256 numbers. */
void leases_init(struct leases *leases, struct worker_context *worker, struct shards *shards,
                 const struct heartbeat *heartbeat)
{
    /* random, so that workers that start at the same time try different shards first */
    uint8_t first;

    random_bytes(&first, sizeof(first));
    *leases = (struct leases){
        .worker = worker, .shards = shards, .heartbeat = heartbeat, .rr_cursor = first};
    periodic_init(&leases->schedule, worker, /* delay_us */ 0);
}

/* Returns the key of a shard's lease. It is in the same cluster slot as the shard's journal and
 * outbox, so the scripts that process these compare the holder in the same step. A worker that was
 * stopped for longer than its lease therefore changes nothing. */
static struct str leases_key(struct pipeline *pipeline, unsigned shard)
{
    return key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE);
}

/* Logs the number of held leases if it has changed since the last log line. */
static void leases_log(struct leases *leases)
{
    struct log *log = leases->worker->engine->log;
    size_t held = leases->shards->held_count;
    struct jw *jw;

    if (leases->logged_count == held)
        return;
    leases->logged_count = held;
    jw = log_begin(log, LOG_INFO, "worker.leases");
    jw_int(jw, "shards", (int64_t)held);
    jw_int(jw, "workers", (int64_t)heartbeat_live_workers(leases->heartbeat));
    log_end(log);
}

/* Returns true if the command has acquired or renewed the lease. The reason of a failure is not
 * needed: the next interval tries again. */
static bool leases_parse_acquire(const struct command *command)
{
    struct problem unused_problem = {.code = PROBLEM_NONE};
    int64_t unused_until_ms; /* not used: scripts compare the holder instead of the time */

    return lease_parse_acquire(command, &unused_until_ms, &unused_problem);
}

/* Called with the replies to the pipeline of one interval. The end of a lease is computed from the
 * time at which its command was sent, the earliest time at which Redis can have started the lease;
 * the time of the reply would be too late. Of a pipeline that has failed only some replies may be
 * missing: those of a node of a cluster that is away. Nothing is known about the leases there. */
static void leases_on_replies(struct task *task)
{
    struct leases *leases = task->owner;
    int64_t end_us = task->pipeline.submitted_us + LEASE_MS * INT64_C(1000) - MARGIN_US;

    if (task_failed(task))
        periodic_schedule(&leases->schedule, WORKER_RETRY_US);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct command *command = leases->acquire_cmds[shard];

        if (!command || (task_failed(task) && !command->reply))
            continue;
        if (leases_parse_acquire(command))
            shards_lease_gained(leases->shards, shard, end_us);
        else
            shards_lease_lost(leases->shards, shard);
    }
    leases_log(leases);
    periodic_end(&leases->schedule, task);
}

/* Queues the command for one shard, or none. A held lease is renewed when little is left of it, or
 * given back if this worker holds more than its share and no task works on the shard. A lease that
 * is not held is tried while *expected_count, which is the number of held leases plus those tried
 * in this call of leases_tick, is below the share. A draining worker has the share 0: it acquires
 * no lease, but renews those that it holds until its started work is complete. */
static void leases_queue_shard(struct leases *leases, struct pipeline *pipeline, unsigned shard,
                               size_t share, size_t *expected_count)
{
    const struct worker_context *worker = leases->worker;
    const struct shard *shard_state = &leases->shards->v[shard];

    leases->acquire_cmds[shard] = NULL;
    if (shard_state->lease_end_us == 0) {
        if (*expected_count >= share)
            return;
        (*expected_count)++;
        leases->rr_cursor = shard + 1; /* the next search goes on after the shards tried now */
    } else if (shard_state->lease_end_us - worker->now_us > RENEW_LEFT_US &&
               leases->shards->held_count <= share) {
        return;
    } else if (leases->shards->held_count > share && !worker_draining(worker) &&
               !shard_state->journal_busy && !shard_state->outbox_busy) {
        shards_lease_lost(leases->shards, shard);
        lease_cmd_release(pipeline, leases_key(pipeline, shard), worker->id);
        return;
    }
    /* by this mark, processes that cannot read the schema number learn of packed forms */
    if (shard_state->lease_end_us == 0 && schema_writes_packed())
        (void)schema_cmd_mark(pipeline, shard);
    leases->acquire_cmds[shard] =
        lease_cmd_acquire(pipeline, leases_key(pipeline, shard), worker->id, LEASE_MS);
}

/* Sends the commands of one interval for all shards. A worker's share of the shards is rounded up,
 * so that all shards have a holder. The search starts at rr_cursor, after the shards that the last
 * search tried: those are probably held by others. leases_queue_shard moves rr_cursor. */
void leases_tick(struct leases *leases)
{
    size_t live = heartbeat_live_workers(leases->heartbeat);
    size_t share = worker_draining(leases->worker) ? 0 : (SHARDS + live - 1) / live;
    size_t expected_count = leases->shards->held_count; /* grows by each free lease that is tried */
    unsigned first = leases->rr_cursor;
    struct task *task = periodic_begin(&leases->schedule, NO_SHARD, leases);

    if (!task)
        return;
    periodic_schedule(&leases->schedule, INTERVAL_US);
    for (unsigned i = 0; i < SHARDS; i++)
        leases_queue_shard(leases, &task->pipeline, (first + i) % SHARDS, share, &expected_count);
    task_submit(task, leases_on_replies);
}

/* Gives back all held leases at the end of the worker, so that other workers need not wait until
 * they expire. The caller submits the pipeline; if it fails, the leases expire. */
void leases_queue_release(struct leases *leases, struct pipeline *pipeline)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (leases->shards->v[shard].lease_end_us == 0)
            continue;
        shards_lease_lost(leases->shards, shard);
        lease_cmd_release(pipeline, leases_key(pipeline, shard), leases->worker->id);
    }
}
