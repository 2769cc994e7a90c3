/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each worker increments a counter in the hash `workers` once a second. A worker whose counter has
 * not changed for WORKERS_EXPIRE_MS, measured by the clock of the one that looks, is dead: clocks
 * of different machines are never compared. The first worker to notice removes the dead one. */
#include "app/worker/heartbeat.h"

#include "app/store/queue.h"

static const int64_t INTERVAL_US = 1000000;
static const int64_t DEAD_AFTER_US = WORKERS_EXPIRE_MS * INT64_C(1000);

/* Whether the worker that sent the beat lives; *ret_peer is filled then. */
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

/* Also removes the dead worker from the consumers of the job queue, if it has no jobs left. */
static void heartbeat_remove_peer(struct heartbeat *heartbeat, struct str id)
{
    struct task *task = task_begin(heartbeat->worker, 0, heartbeat);

    if (!task)
        return; /* the next heartbeat tries again */
    id = arena_copy(task->arena, id);
    workers_cmd_remove(&task->pipeline, id);
    queue_cmd_remove_consumer(&task->pipeline, id);
    task_submit(task, task_end);
}

/* Replaces the list of living peers by those whose beats were read now. */
static void heartbeat_update_peers(struct heartbeat *heartbeat,
                                   const struct worker_heartbeat *beats, size_t n)
{
    struct peer peers[WORKERS_MAX];
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

/* If the beat failed, nothing is known about the others: the list stays as it was. */
static void heartbeat_on_replies(struct task *task)
{
    struct heartbeat *heartbeat = task->owner;
    struct worker_heartbeat beats[WORKERS_MAX];
    size_t n;

    if (!task_failed(task) && workers_parse(task->data, beats, &n))
        heartbeat_update_peers(heartbeat, beats, n);
    periodic_end(&heartbeat->schedule, task);
}

/* A draining worker goes on with its heartbeat: it still holds leases. */
void heartbeat_tick(struct heartbeat *heartbeat)
{
    struct worker_context *w = heartbeat->worker;
    struct task *task = periodic_begin(&heartbeat->schedule, 0, heartbeat);
    struct worker_heartbeat beat;

    if (!task)
        return;
    periodic_schedule(&heartbeat->schedule, INTERVAL_US);
    beat = (struct worker_heartbeat){.id = w->id,
                                     .beats = ++heartbeat->beats,
                                     .shards = (int64_t)heartbeat->shards->held_count,
                                     .lag_ms = journal_consume_lag_ms(heartbeat->journal),
                                     .dapr = sidecar_state(heartbeat->sidecar)};
    metrics_gauge_set(w->engine->metrics, GAUGE_JOURNAL_LAG_MS, beat.lag_ms);
    workers_cmd_beat(&task->pipeline, &beat);
    task->data = workers_cmd_get(&task->pipeline);
    task_submit(task, heartbeat_on_replies);
}

size_t heartbeat_live_workers(const struct heartbeat *heartbeat)
{
    return 1 + heartbeat->count;
}
