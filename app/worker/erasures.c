/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/erasures.h"

#include <stdio.h>

#include "app/worker/worker.h"

static const int64_t LOOK_US = 5000000;
static const int64_t LEFT_ALONE_MS = 60000; /* its own process may still be at it */

static void end(struct worker *w, struct task *task, int64_t again_us)
{
    w->erasures.busy = false;
    w->erasures.again_us = w->now_us + again_us;
    task_end(w, task);
}

/* ---- one that was cut short ---- */

static void on_step(struct worker *w, struct task *task);

static void log_completed(struct worker *w, const struct erase *e)
{
    char hash[LOG_HASH_SIZE];

    log_hash(w->engine->log, e->student, hash);
    jw_text(log_begin(w->engine->log, LOG_WARNING, "erasure.completed"), "student", hash);
    log_end(w->engine->log);
}

static void step(struct worker *w, struct task *task)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct erase *e = &w->erasures.erase;

    if (erase_step(e, &task->asks, &p) == STEP_MORE) {
        task_submit(w, task, on_step);
        return;
    }
    if (p.code == PROBLEM_NONE)
        log_completed(w, e);
    erase_release(e);
    end(w, task, p.code == PROBLEM_NONE ? 0 : LOOK_US);
}

static void on_step(struct worker *w, struct task *task)
{
    step(w, task);
}

/* The tombstone is there, or was about to be: what the operator asked for is done either way. */
static void complete(struct worker *w, struct task *task, struct str student)
{
    struct erasures *r = &w->erasures;

    (void)snprintf(r->student, sizeof(r->student), "%.*s", STR_ARG(student));
    r->erase = (struct erase){.engine = w->engine,
                              .student = str_of(r->student),
                              .actor = STR("worker"),
                              .role = STR("service"),
                              .correlation_id = w->id,
                              .now_ms = w->now_ms,
                              .begun_before = true};
    asks_clear(&task->asks);
    if (erase_begin(&r->erase)) {
        step(w, task);
    } else {
        erase_release(&r->erase);
        end(w, task, LOOK_US);
    }
}

/* ---- looking ---- */

static void on_rewritten(struct worker *w, struct task *task)
{
    if (!task_failed(task) && !erasure_read_rewrite(task->own)) {
        asks_clear(&task->asks);
        erasure_ask_rewrite_later(&task->asks);
        task_submit(w, task, task_over);
        w->erasures.busy = false;
        w->erasures.again_us = w->now_us + LOOK_US;
        return;
    }
    end(w, task, LOOK_US);
}

static void on_looked(struct worker *w, struct task *task)
{
    const struct ask *unfinished = task->asks.first, *rewrite = unfinished->next;
    struct str student;

    if (task_failed(task)) {
        end(w, task, WORKER_PAUSE_US);
    } else if (erasure_read_unfinished(unfinished, &student)) {
        complete(w, task, student); /* which ends with writing the file anew */
    } else if (erasure_read_rewrite_due(rewrite)) {
        struct ask *asked;

        asks_clear(&task->asks);
        erasure_ask_traces(&task->asks, &asked);
        task->own = asked;
        task_submit(w, task, on_rewritten);
    } else {
        end(w, task, LOOK_US);
    }
}

void erasures_tick(struct worker *w)
{
    struct erasures *r = &w->erasures;
    struct task *task;

    if (r->busy || worker_draining(w) || !lease_held(w, 0))
        return;
    if (w->now_us < r->again_us) {
        worker_wake_at(w, r->again_us);
        return;
    }
    task = task_begin(w, 0, NULL);
    if (!task)
        return;
    r->busy = true;
    (void)erasure_ask_unfinished(&task->asks, w->now_ms - LEFT_ALONE_MS);
    (void)erasure_ask_rewrite_due(&task->asks);
    task_submit(w, task, on_looked);
}

bool erasures_busy(const struct worker *w)
{
    return w->erasures.busy;
}
