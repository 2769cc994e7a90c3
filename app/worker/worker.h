/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-worker: one loop, and parts that each look after one thing. Any number of workers may
 * run: each looks after the shards whose leases it has (leases.h), and takes jobs from one queue.
 *
 * A part has a tick, called once a turn: it begins what is due and says by worker_wake_at when it
 * wants to be called again if nothing happens before. What answers (the store, a sidecar) does so
 * between the ticks. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "app/base/ids.h"
#include "app/runtime/signal_watch.h"
#include "app/service/engine.h"
#include "app/store/store_watch.h"
#include "app/worker/audit_maintenance.h"
#include "app/worker/erasures.h"
#include "app/worker/heartbeat.h"
#include "app/worker/jobs.h"
#include "app/worker/journal.h"
#include "app/worker/journal_wait.h"
#include "app/worker/leases.h"
#include "app/worker/outbox.h"
#include "app/worker/retention.h"
#include "app/worker/seal.h"
#include "app/worker/sidecar.h"
#include "app/worker/task.h"

/* How long a part waits after the store has failed it. */
#define WORKER_RETRY_US INT64_C(200000)

struct worker {
    struct engine *engine;
    struct ev_loop *loop;
    char id_text[UUID_TEXT_SIZE];
    struct str id;             /* new for each process: holder of leases, consumer of the queue */
    int64_t now_us, now_ms;    /* monotonic, wall: of this turn */
    int64_t wake_us;           /* when the next turn must begin, at the latest */
    int64_t drain_deadline_us; /* 0: not draining */
    bool deregistered;         /* leases given back, name taken out: nothing is left to do */
    struct store_watch store_watch;
    struct signal_watch signals;
    ev_timer timer;
    struct tasks tasks;
    struct http *http;
    struct heartbeat heartbeat;
    struct leases leases;
    struct journal_wait journal_wait;
    struct journal journal;
    struct outbox outbox;
    struct sidecar sidecar;
    struct jobs jobs;
    struct retention retention;
    struct audit_maintenance audit;
    struct seals seals;
    struct erasures erasures;
};

/* Runs until it is told to drain and has; the status for exit. */
int worker_run(struct engine *engine);

void worker_wake_at(struct worker *w, int64_t us);
bool worker_draining(const struct worker *w);
/* Publishing is configured. */
bool worker_publishes(const struct worker *w);

#endif
