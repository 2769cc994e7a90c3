/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks once a second whether Redis accepts writes and which workers run, for /ready, and whether
 * a student was erased by any process. The check is one pipeline: a write that changes nothing, the
 * read of the heartbeats by which workers show that they run, the read of the erasure epoch (a
 * number that each erasure changes), TIME, by which this process corrects its clock
 * (store/clock_skew.h), and, while it may still rise, the read of the schema number. */
#include "app/service/readiness.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/store/clock_skew.h"
#include "app/store/erasure.h"
#include "app/store/reply.h"
#include "app/store/schema.h"

/* bytes of the arena of a check: at first, and at most */
enum { READINESS_ARENA_SIZE = 4096, READINESS_ARENA_MAX = 1 << 20 };
/* Pause between two checks after a check that succeeded. */
static const int64_t READINESS_INTERVAL_US = 1000000;
/* Pause after a check that failed: shorter, so that a Redis that is available again is used within
 * two seconds. */
static const int64_t READINESS_RETRY_US = 250000;

struct readiness {
    struct arena *arena; /* memory of the commands and replies of one check of Redis */
    struct pipeline pipeline;
    struct command *write_cmds[STORE_SPREAD_MAX]; /* one, or in a cluster one for each node */
    size_t write_count;
    struct command *workers_cmd, *epoch_cmd, *time_cmd, *schema_cmd;
    char refusal[64];            /* memory of the text last.problem when Redis refused the write */
    struct readiness_state last; /* result of the latest check */
    bool is_sent;                /* a check has been sent, its replies are awaited */
    /* the first check of Redis has ended, so `last` is a result */
    bool is_known;
    int64_t next_us; /* monotonic time at which the next check of Redis is due */
};

static const char not_reached[] = "Redis cannot be reached or does not reply in time";

/* next_us is 0, so the first check is due at once. */
struct readiness *readiness_new(void)
{
    struct readiness *readiness = calloc(1, sizeof(*readiness));

    if (readiness)
        readiness->arena = arena_new(READINESS_ARENA_SIZE, READINESS_ARENA_MAX);
    if (readiness && readiness->arena) {
        readiness->last.problem = not_reached;
        return readiness;
    }
    readiness_free(readiness);
    return NULL;
}

void readiness_free(struct readiness *readiness)
{
    if (readiness)
        arena_free(readiness->arena);
    free(readiness);
}

/* Queues the writes that change nothing. In a cluster each node gets one, to the key {ss}:lease of
 * a shard on this node, whose value is a text, as schema_cmd_try_write_of requires. */
static void readiness_add_writes(struct engine *engine)
{
    struct readiness *readiness = engine->readiness;
    unsigned shards[STORE_SPREAD_MAX];
    size_t n = store_spread(engine->store, shards);

    readiness->write_count = n > 0 ? n : 1;
    readiness->write_cmds[0] = n > 0 ? NULL : schema_cmd_try_write(&readiness->pipeline);
    for (size_t i = 0; i < n; i++)
        readiness->write_cmds[i] = schema_cmd_try_write_of(
            &readiness->pipeline, key_shard_record(readiness->arena, shards[i], SHARD_KEY_LEASE));
}

/* Sends at most one check at a time, because all checks use the same arena and pipeline. Even when
 * the check fails, the store returns the pipeline to readiness_on_replies, which ends the check. */
void readiness_tick(struct engine *engine, int64_t now_us)
{
    struct readiness *readiness = engine->readiness;

    if (readiness->is_sent || now_us < readiness->next_us)
        return;
    arena_reset(readiness->arena);
    pipeline_init(&readiness->pipeline, readiness->arena, readiness);
    readiness_add_writes(engine);
    readiness->workers_cmd = workers_cmd_get(&readiness->pipeline);
    readiness->epoch_cmd = erasure_cmd_get_epoch(&readiness->pipeline);
    readiness->time_cmd = clock_skew_cmd(&readiness->pipeline);
    readiness->schema_cmd = schema_cmd_watch(&readiness->pipeline);
    readiness->is_sent = true;
    store_submit(engine->store, &readiness->pipeline, now_us);
}

/* Returns why Redis did not accept a write of the check; NULL when it did. Of an error reply only
 * the code is shown, such as OOM or MISCONF, because /ready may be read by all. */
static const char *readiness_problem(struct readiness *readiness, const redisReply *reply)
{
    int64_t ignored;

    if (!reply)
        return not_reached;
    if (reply_int(reply, &ignored) == REPLY_OK)
        return NULL;
    (void)snprintf(readiness->refusal, sizeof(readiness->refusal), "Redis refuses writes (%.*s)",
                   reply->type == REDIS_REPLY_ERROR ? (int)strcspn(reply->str, " ") : 0,
                   reply->type == REDIS_REPLY_ERROR ? reply->str : "");
    return readiness->refusal;
}

/* Sets `problem` and is_degraded of the result from the replies to the check's writes. When the
 * pipeline has failed, some replies may nevertheless have arrived: those of the reachable nodes of
 * a cluster. */
static void readiness_apply_writes(struct readiness *readiness)
{
    size_t accepted = 0;

    for (size_t i = 0; i < readiness->write_count; i++) {
        const char *problem = readiness_problem(readiness, readiness->write_cmds[i]->reply);

        accepted += !problem;
        readiness->last.problem = problem ? problem : readiness->last.problem;
    }
    readiness->last.is_degraded = accepted > 0 && accepted < readiness->write_count;
    if (accepted > 0)
        readiness->last.problem = NULL;
}

/* Stores the erasure epoch (a number that each erasure changes) that the check has read. When it
 * could not be read, the previous one stays. */
static void readiness_apply_epoch(struct engine *engine, const struct command *command)
{
    int64_t epoch = erasure_parse_epoch(command);

    if (epoch >= 0)
        engine->erasures.epoch = epoch; /* engine_apply_erasures notices the change */
}

/* Sets the result of the check and the time of the next one. A failed pipeline counts as "Redis did
 * not reply", except in a cluster of which only a part failed (is_degraded), because the other
 * nodes have replied. Heartbeats that cannot be parsed count as "no workers". The state of the
 * sidecar (Dapr's process) is the worst that a worker reports: the one with the highest number in
 * the enum. */
bool readiness_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us)
{
    struct readiness *readiness = engine->readiness;
    struct worker_heartbeat heartbeats[WORKERS_MAX];

    if (completed->owner != readiness)
        return false;
    readiness->is_sent = false;
    readiness->is_known = true;
    readiness->last = (struct readiness_state){.dapr = DAPR_NOT_CONFIGURED};
    readiness_apply_writes(readiness);
    if (completed->status == PIPELINE_COMPLETE || readiness->last.is_degraded) {
        (void)workers_parse(readiness->workers_cmd, heartbeats, &readiness->last.workers);
        store_measure_clock(engine->store, readiness->time_cmd);
        schema_parse_watch(readiness->schema_cmd);
        readiness_apply_epoch(engine, readiness->epoch_cmd);
        for (size_t i = 0; i < readiness->last.workers; i++) {
            if (heartbeats[i].dapr > readiness->last.dapr)
                readiness->last.dapr = heartbeats[i].dapr;
        }
    }
    readiness->next_us =
        now_us + (readiness->last.problem ? READINESS_RETRY_US : READINESS_INTERVAL_US);
    return true;
}

int64_t readiness_wait_us(const struct engine *engine, int64_t now_us)
{
    const struct readiness *readiness = engine->readiness;

    if (readiness->is_sent)
        return INT64_MAX;
    return readiness->next_us > now_us ? readiness->next_us - now_us : 0;
}

bool readiness_is_known(const struct engine *engine)
{
    return engine->readiness->is_known;
}

/* Returns the result of the latest check, unless Redis has become unavailable since then: the store
 * has no connection to the master, or a reply is overdue. */
struct readiness_state readiness_get(const struct engine *engine, int64_t now_us)
{
    const char *known = store_public_error(engine->store);
    struct readiness_state state = engine->readiness->last;

    state.is_degraded = state.is_degraded || store_is_degraded(engine->store, now_us);
    if (store_has_master(engine->store) && store_responsive(engine->store, now_us))
        return state;
    return (struct readiness_state){.problem = known ? known : not_reached,
                                    .dapr = DAPR_NOT_CONFIGURED};
}
