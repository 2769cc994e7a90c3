/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each worker increments its heartbeat counter in the Redis hash `workers` once a second. A worker
 * is dead if its counter has not changed for WORKERS_EXPIRE_MS. The reader measures this time with
 * its monotonic clock, so that clocks of different machines are never compared. The first worker
 * that notices a dead one removes it from the hash. With the heartbeat a worker also reads the
 * clock of Redis, by which it corrects the times that it stores, and the schema number (of the
 * format of all records), which `mastery-ctl migrate` raises. */
#include "app/worker/heartbeat.h"

#include "app/store/clock_skew.h"
#include "app/store/queue.h"
#include "app/store/schema.h"

static const int64_t INTERVAL_US = 1000000; /* microseconds between two heartbeats */
static const int64_t DEAD_AFTER_US = WORKERS_EXPIRE_MS * INT64_C(1000);

/* Returns whether the worker that sent the heartbeat is alive: its counter was seen to change
 * within DEAD_AFTER_US, or it is seen for the first time. Fills *ret_peer. Returns false, and fills
 * nothing, if the id is too long to be a worker's. */
static bool heartbeat_peer_lives(const struct heartbeat *heartbeat,
                                 const struct worker_heartbeat *beat, struct peer *ret_peer)
{
    int64_t now_us = heartbeat->worker->now_us;

    if (beat->id.n >= sizeof(ret_peer->id))
        return false;
    *ret_peer = (struct peer){.beats = beat->beats, .last_beat_us = now_us};
    memcpy(ret_peer->id, beat->id.p, beat->id.n);
    for (size_t i = 0; i < heartbeat->count; i++) {
        const struct peer *known = &heartbeat->peers[i];

        if (str_equal(beat->id, str_of(known->id)) && known->beats == beat->beats)
            ret_peer->last_beat_us = known->last_beat_us;
    }
    return now_us - ret_peer->last_beat_us < DEAD_AFTER_US;
}

/* Removes a dead worker from the hash `workers`, and from the consumers of the job queue if it has
 * no jobs left there. The replies do not matter. */
static void heartbeat_remove_peer(struct heartbeat *heartbeat, struct str id)
{
    struct task *task = task_begin(heartbeat->worker, NO_SHARD, heartbeat);

    if (!task)
        return; /* no memory: the next heartbeat tries again */
    id = arena_copy(task->arena, id);
    workers_cmd_remove(&task->pipeline, id);
    queue_cmd_remove_consumer(&task->pipeline, id);
    task_submit(task, task_end);
}

/* Replaces the list of living peers by those of the n <= WORKERS_MAX heartbeats that were read now,
 * and removes the dead ones from Redis. A peer lives if its counter has changed within
 * DEAD_AFTER_US. The new list is built apart, because the counters are compared with the old one.
 */
static void heartbeat_update_peers(struct heartbeat *heartbeat,
                                   const struct worker_heartbeat *beats, size_t n)
{
    struct peer peers[WORKERS_MAX] = {{.beats = 0}};
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (str_equal(beats[i].id, heartbeat->worker->id))
            continue;
        if (heartbeat_peer_lives(heartbeat, &beats[i], &peers[count]))
            count++;
        else
            heartbeat_remove_peer(heartbeat, beats[i].id);
    }
    memcpy(heartbeat->peers, peers, count * sizeof(peers[0]));
    heartbeat->count = count;
}

/* Called with the replies to a heartbeat. If a command failed, nothing is known about the other
 * workers, and the list of living peers stays as it was. The reply to time_cmd, the time of Redis,
 * corrects the times that this process stores. The reply to schema_cmd, the schema number, decides
 * in which form this process writes records. */
static void heartbeat_on_replies(struct task *task)
{
    struct heartbeat *heartbeat = task->owner;
    struct worker_heartbeat beats[WORKERS_MAX];
    size_t n;

    if (!task_failed(task) && workers_parse(task->data, beats, &n))
        heartbeat_update_peers(heartbeat, beats, n);
    if (!task_failed(task)) {
        store_measure_clock(heartbeat->worker->engine->store, heartbeat->time_cmd);
        schema_parse_watch(heartbeat->schema_cmd);
    }
    periodic_end(&heartbeat->schedule, task);
}

/* Sends a heartbeat if one is due. A draining worker continues to send heartbeats, because it still
 * holds leases. */
void heartbeat_tick(struct heartbeat *heartbeat)
{
    struct worker_context *worker = heartbeat->worker;
    struct task *task = periodic_begin(&heartbeat->schedule, NO_SHARD, heartbeat);
    struct worker_heartbeat beat;

    if (!task)
        return;
    periodic_schedule(&heartbeat->schedule, INTERVAL_US);
    beat = (struct worker_heartbeat){.id = worker->id,
                                     .beats = ++heartbeat->beats,
                                     .shards = (int64_t)heartbeat->shards->held_count,
                                     .lag_ms = journal_consume_lag_ms(heartbeat->journal),
                                     .dapr = sidecar_state(heartbeat->sidecar)};
    metrics_gauge_set(worker->engine->metrics, GAUGE_JOURNAL_LAG_MS, beat.lag_ms);
    workers_cmd_beat(&task->pipeline, &beat);
    task->data = workers_cmd_get(&task->pipeline);
    heartbeat->time_cmd = clock_skew_cmd(&task->pipeline);
    heartbeat->schema_cmd = schema_cmd_watch(&task->pipeline);
    task_submit(task, heartbeat_on_replies);
}

size_t heartbeat_live_workers(const struct heartbeat *heartbeat)
{
    return 1 + heartbeat->count;
}
