/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/audit_maintenance.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/store/audit.h"
#include "app/store/audit_seal.h"
#include "app/store/lease.h"
#include "app/worker/worker.h"

enum { READS_A_STEP = 1000 };

static const int64_t FOLD_US = 5000000;
static const int64_t TRIM_US = INT64_C(86400) * 1000000;
static const int64_t FIRST_US = 3000000; /* after the start */
/* A process hands its counts over within a second; this is for those that had to wait. */
static const int64_t GRACE_MS = 5000;

/* ---- a walk ---- */

/* The next shard of ours, or the end of the walk. */
static void go_on(struct worker *w, struct audit_scan *walk, int64_t round_us)
{
    do
        walk->shard++;
    while (walk->shard < SHARDS && !lease_held(w, walk->shard));
    memcpy(walk->cursor, "0", sizeof("0"));
    walk->running = walk->shard < SHARDS;
    walk->next_run_us = walk->running ? w->now_us : w->now_us + round_us;
}

/* The same step once more, after a while. */
static void try_later(struct worker *w, struct audit_scan *walk, struct task *task)
{
    walk->next_run_us = w->now_us + WORKER_RETRY_US;
    walk->busy = false;
    task_end(w, task);
}

/* False: nothing to do at the moment. */
static bool begin(struct worker *w, struct audit_scan *walk, int64_t round_us)
{
    if (walk->next_run_us == 0)
        walk->next_run_us = w->now_us + FIRST_US;
    if (walk->busy || worker_draining(w))
        return false;
    if (w->now_us < walk->next_run_us) {
        worker_wake_at(w, walk->next_run_us);
        return false;
    }
    if (!walk->running) {
        walk->shard = UINT32_MAX; /* before the first */
        go_on(w, walk, round_us);
    }
    return walk->running;
}

/* ---- counts become records ---- */

static bool is_over(const struct worker *w, const struct audit_counted_read *read)
{
    return read->minute < (w->now_ms - GRACE_MS) / 60000;
}

/* {"minute":"...", and what the details have besides. */
static struct str with_minute(struct arena *arena, const struct audit_counted_read *read)
{
    char minute[TIME_TEXT_SIZE];
    struct str own = read->record.details;

    time_print(read->minute * 60000, minute);
    return arena_printf(arena, "{\"minute\":\"%s\"%s%.*s", minute, own.n > 2 ? "," : "",
                        (int)(own.n - 1), own.p + 1);
}

static void on_folded(struct worker *w, struct task *task)
{
    struct audit_scan *walk = &w->audit.aggregate;
    struct problem p = {.code = PROBLEM_NONE};
    const struct command *fold = task->data;
    int64_t folded = 0;

    if (task_failed(task) || (fold && !journal_parse_processed(fold, &folded, &p))) {
        try_later(w, walk, task);
        return;
    }
    if (folded == LEASE_LOST)
        lease_mark_lost(w, walk->shard);
    if (folded == LEASE_LOST || str_equal(str_of(walk->cursor), STR("0")))
        go_on(w, walk, FOLD_US);
    walk->busy = false;
    task_end(w, task);
}

static bool ask_fold(struct worker *w, struct task *task, struct audit_counted_read *reads,
                     size_t n)
{
    size_t over = 0;

    for (size_t i = 0; i < n; i++) {
        if (!reads[i].valid || !is_over(w, &reads[i]))
            continue;
        reads[over] = reads[i];
        reads[over].record.details = with_minute(task->arena, &reads[i]);
        if (!reads[over++].record.details.p)
            return false;
    }
    pipeline_clear(&task->pipeline);
    task->data = over > 0 ? audit_cmd_aggregate(&task->pipeline, w->audit.aggregate.shard, w->id,
                                                reads, over)
                          : NULL;
    task_submit(w, task, on_folded);
    return true;
}

static void on_reads(struct worker *w, struct task *task)
{
    struct audit_scan *walk = &w->audit.aggregate;
    struct audit_counted_read *reads = arena_array(task->arena, READS_A_STEP, sizeof(*reads));
    struct problem p = {.code = PROBLEM_NONE};
    struct str cursor;
    size_t n;

    if (!reads || task_failed(task) ||
        !audit_parse_reads(task->data, READS_A_STEP, &cursor, reads, &n, &p) ||
        cursor.n >= sizeof(walk->cursor)) {
        try_later(w, walk, task);
        return;
    }
    (void)snprintf(walk->cursor, sizeof(walk->cursor), "%.*s", STR_ARG(cursor));
    if (!ask_fold(w, task, reads, n))
        try_later(w, walk, task);
}

static void fold(struct worker *w)
{
    struct audit_scan *walk = &w->audit.aggregate;
    struct task *task;

    if (!begin(w, walk, FOLD_US) || !(task = task_begin(w, walk->shard, NULL)))
        return;
    walk->busy = true;
    task->data = audit_cmd_scan_reads(&task->pipeline, walk->shard,
                                      arena_copy(task->arena, str_of(walk->cursor)));
    task_submit(w, task, on_reads);
}

/* ---- retention ---- */

static void on_trimmed(struct worker *w, struct task *task)
{
    struct audit_scan *walk = &w->audit.trim;

    if (task_failed(task)) {
        try_later(w, walk, task);
        return;
    }
    if (!task->data) /* there is nothing more to trim in this shard */
        go_on(w, walk, TRIM_US);
    walk->busy = false;
    task_end(w, task);
}

/* How many seals from the front have nothing but old records under them. */
static size_t count_old(const struct worker *w, const struct audit_seal *seals, size_t n)
{
    int64_t before_ms = w->now_ms - w->engine->config.audit_days * INT64_C(86400000), at_ms;
    size_t old = 0;

    while (old < n && stream_id_time(seals[old].v[SEAL_LAST], &at_ms) && at_ms < before_ms)
        old++;
    return old;
}

/* The latest seal always stays: the next one is made upon it. */
static void on_seals(struct worker *w, struct task *task)
{
    struct audit_seal *seals = arena_array(task->arena, AUDIT_SEALS_PAGE, sizeof(*seals));
    struct problem p = {.code = PROBLEM_NONE};
    size_t n, old;

    if (!seals || task_failed(task) ||
        !audit_seal_parse(task->data, AUDIT_SEALS_PAGE, seals, &n, &p)) {
        try_later(w, &w->audit.trim, task);
        return;
    }
    pipeline_clear(&task->pipeline);
    task->data = NULL;
    old = count_old(w, seals, n);
    if (old == n && n > 0)
        old--;
    if (old > 0)
        task->data = audit_seal_cmd_trim(&task->pipeline, w->audit.trim.shard, w->id,
                                         seals[old].v[SEAL_FIRST], seals[old].id);
    if (n < AUDIT_SEALS_PAGE)
        task->data = NULL;
    task_submit(w, task, on_trimmed);
}

static void trim(struct worker *w)
{
    struct audit_scan *walk = &w->audit.trim;
    struct task *task;

    if (!begin(w, walk, TRIM_US) || !(task = task_begin(w, walk->shard, NULL)))
        return;
    walk->busy = true;
    task->data = audit_seal_cmd_range(&task->pipeline, walk->shard, STR("-"), AUDIT_SEALS_PAGE);
    task_submit(w, task, on_seals);
}

void audit_maintenance_tick(struct worker *w)
{
    fold(w);
    trim(w);
}

bool audit_maintenance_busy(const struct worker *w)
{
    return w->audit.aggregate.busy || w->audit.trim.busy;
}
