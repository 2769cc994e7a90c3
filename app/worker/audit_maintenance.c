/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two scans over the shards whose leases this worker holds. Aggregation reads the counters of a
 * shard by HSCAN and makes audit records of those whose minute is over. Retention reads the oldest
 * seals (links of the HMAC chain that each cover a group of audit records) and deletes a seal
 * together with its records when all of them are outdated. It also deletes outdated segments, which
 * have replaced seals in newer stores. Both scans change a shard only by Lua scripts that check
 * whether this worker still holds the lease. seal.c makes the seals, audit_segments.c the
 * segments. */
#include "app/worker/audit_maintenance.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/store/audit_counts.h"
#include "app/store/audit_seal.h"
#include "app/store/audit_segment.h"
#include "app/store/lease.h"
#include "app/store/reply.h"

/* SCAN_COUNT: about how many counters one HSCAN returns. READS_MAX: most counters that are accepted
 * in its reply, which may have more than SCAN_COUNT. */
enum { SCAN_COUNT = 100, READS_MAX = 1000 };

static const int64_t AGGREGATION_INTERVAL_US = 5000000;
static const int64_t RETENTION_INTERVAL_US = INT64_C(86400) * 1000000;
/* Pause after a step that failed: Redis was unavailable, or a key of the shard has another type. */
static const int64_t RETRY_INTERVAL_US = 5000000;
/* Time after the end of a minute before its counters become records. A process sends its counters
 * every second; the other four seconds are for a process that had to wait for Redis. */
static const int64_t MINUTE_GRACE_MS = 5000;

/* ---- a scan ---- */

/* Makes the next step of the current shard due after delay_us. That step starts with the first
 * counter of the shard (HSCAN cursor "0"), unless the caller sets another cursor afterwards. */
static void audit_scan_schedule(struct audit_scan *scan, int64_t delay_us)
{
    scan->next_us[scan->shard] = scan->schedule.worker->now_us + delay_us;
    memcpy(scan->cursor, "0", sizeof("0"));
}

/* Ends a step that failed; the shard is scanned again after a pause, other shards meanwhile.
 * Repeating is safe: a script that has already aggregated a counter or deleted a seal does not find
 * it again. */
static void audit_scan_retry_later(struct audit_scan *scan, struct task *task)
{
    audit_scan_schedule(scan, RETRY_INTERVAL_US);
    periodic_end(&scan->schedule, task);
}

/* Returns when the shard's next step is due (monotonic). 0, which is at once, if this worker has
 * obtained the lease since the latest step of the shard. INT64_MAX: this worker does not hold the
 * lease. */
static int64_t audit_scan_due_us(const struct audit_maintenance *audit,
                                 const struct audit_scan *scan, unsigned shard)
{
    if (!shards_lease_held(audit->shards, shard))
        return INT64_MAX;
    return audit->shards->v[shard].lease_begin_us > scan->scanned_us[shard] ? 0
                                                                            : scan->next_us[shard];
}

/* Starts the next step of the scan and returns its task. Returns NULL if no step can start now:
 * none is due, one is running, the worker is draining, or there is no memory. The shard of the
 * latest step comes first, because its scan may not be complete; for another shard the scan starts
 * again at cursor "0". */
static struct task *audit_scan_begin_step(struct audit_maintenance *audit, struct audit_scan *scan)
{
    const struct worker_context *w = audit->worker;

    if (worker_draining(w) || !periodic_due(&scan->schedule))
        return NULL;
    for (unsigned i = 0; i < SHARDS; i++) {
        unsigned shard = (scan->shard + i) % SHARDS;
        int64_t due_us = audit_scan_due_us(audit, scan, shard);

        if (due_us > w->now_us) {
            worker_wake_at(audit->worker, due_us);
            continue;
        }
        if (shard != scan->shard)
            memcpy(scan->cursor, "0", sizeof("0"));
        scan->shard = shard;
        scan->scanned_us[shard] = w->now_us;
        return periodic_begin(&scan->schedule, shard, audit);
    }
    return NULL;
}

/* ---- aggregation ---- */

/* Returns the details of the audit record (a JSON object) with the counted minute as its first
 * member: {"minute":"2026-01-15T10:00:00.000Z",...}. The stored details are an object too, at least
 * "{}", and follow the new member without their "{". The text's p is NULL when out of memory. */
static struct str audit_details_with_minute(struct arena *arena,
                                            const struct audit_counted_read *read)
{
    char minute[TIME_TEXT_SIZE];
    struct str details = read->record.details;

    time_print(read->minute * 60000, minute);
    return arena_printf(arena, "{\"minute\":\"%s\"%s%.*s", minute, details.n > 2 ? "," : "",
                        (int)(details.n - 1), details.p + 1);
}

/* Called when the counters of one step were aggregated. HSCAN has returned the cursor "0" if they
 * were the last counters of the shard: its next scan is then due after the interval. LEASE_LOST:
 * another worker holds the lease, and the script has changed nothing. */
static void audit_on_aggregated(struct task *task)
{
    struct audit_maintenance *audit = task->owner;
    struct audit_scan *scan = &audit->aggregation;
    struct problem p = {.code = PROBLEM_NONE};
    const struct command *command = task->data; /* NULL: no minute was over, nothing was sent */
    int64_t count = 0;

    if (task_failed(task) || (command && !reply_expect_int(command->reply, &count, &p))) {
        audit_scan_retry_later(scan, task);
        return;
    }
    if (count == LEASE_LOST)
        shards_lease_lost(audit->shards, scan->shard);
    if (str_equal(str_of(scan->cursor), STR("0")))
        audit_scan_schedule(scan, AGGREGATION_INTERVAL_US);
    periodic_end(&scan->schedule, task);
}

/* Sends the script that aggregates the n counters, without invalid ones and those whose minute is
 * not over yet (minute: minutes since the epoch). The array is compacted in place: its first `due`
 * elements are those that are sent. Without a due counter the task is submitted with no command, so
 * that it continues the same way. Returns false when out of memory. */
static bool audit_aggregate(struct task *task, struct audit_counted_read *reads, size_t n)
{
    int64_t minute_now = (task->worker->now_ms - MINUTE_GRACE_MS) / 60000;
    size_t due = 0;

    for (size_t i = 0; i < n; i++) {
        if (!reads[i].valid || reads[i].minute >= minute_now)
            continue;
        reads[due] = reads[i];
        reads[due].record.details = audit_details_with_minute(task->arena, &reads[i]);
        if (!reads[due++].record.details.p)
            return false;
    }
    pipeline_clear(&task->pipeline);
    task->data = NULL;
    if (due > 0)
        task->data =
            audit_cmd_aggregate(&task->pipeline, task->shard, task->worker->id, reads, due);
    task_submit(task, audit_on_aggregated);
    return true;
}

/* Called with the reply to HSCAN, which has a cursor and some counters of reads: stores the cursor
 * for the next step, and aggregates the counters. Counters that could not be aggregated stay in the
 * hash until the next scan of the shard. */
static void audit_on_reads(struct task *task)
{
    struct audit_maintenance *audit = task->owner;
    struct audit_scan *scan = &audit->aggregation;
    struct audit_counted_read *reads = arena_array(task->arena, READS_MAX, sizeof(*reads));
    struct problem p = {.code = PROBLEM_NONE};
    struct str cursor;
    size_t n;

    if (!reads || task_failed(task) ||
        !audit_parse_counts(task->data, AUDIT_STREAM_SCHEMA_1, READS_MAX, &cursor, reads, &n, &p) ||
        cursor.n >= sizeof(scan->cursor)) {
        audit_scan_retry_later(scan, task);
        return;
    }
    (void)snprintf(scan->cursor, sizeof(scan->cursor), "%.*s", STR_ARG(cursor));
    if (!audit_aggregate(task, reads, n))
        audit_scan_retry_later(scan, task);
}

/* Starts a step of the aggregation if one is due: it reads about 100 counters of one shard. */
static void audit_tick_aggregation(struct audit_maintenance *audit)
{
    struct audit_scan *scan = &audit->aggregation;
    struct task *task = audit_scan_begin_step(audit, scan);

    if (!task)
        return;
    task->data = audit_cmd_scan_counts(&task->pipeline, AUDIT_STREAM_SCHEMA_1, scan->shard,
                                       arena_copy(task->arena, str_of(scan->cursor)), SCAN_COUNT);
    task_submit(task, audit_on_reads);
}

/* ---- retention ---- */

/* Called at the end of a step of retention. task->data is the command that has deleted outdated
 * seals, or NULL if the shard needs no further step. A lost lease is treated like a failure: the
 * pause does no harm, because a shard without the lease is left out anyway. */
static void audit_on_trimmed(struct task *task)
{
    struct audit_maintenance *audit = task->owner;
    struct audit_scan *scan = &audit->retention;
    struct problem p = {.code = PROBLEM_NONE};
    const struct command *command = task->data;
    int64_t count = 0;

    if (task_failed(task) || (command && !reply_expect_int(command->reply, &count, &p)) ||
        count == LEASE_LOST) {
        audit_scan_retry_later(scan, task);
        return;
    }
    if (!task->data) /* nothing more to delete in this shard */
        audit_scan_schedule(scan, RETENTION_INTERVAL_US);
    periodic_end(&scan->schedule, task);
}

/* Returns the time (epoch ms) before which records are deleted. */
static int64_t audit_retained_since_ms(const struct worker_context *w)
{
    return w->now_ms - w->engine->config.audit_days * INT64_C(86400000);
}

/* Returns how many of the n seals, counted from the oldest, cover only records older than
 * AUDIT_DAYS: the id of the last record under a seal contains the record's time. */
static size_t audit_count_outdated(const struct worker_context *w, const struct audit_seal *seals,
                                   size_t n)
{
    int64_t before_ms = audit_retained_since_ms(w), at_ms;
    size_t outdated = 0;

    while (outdated < n && stream_id_time(seals[outdated].v[SEAL_LAST], &at_ms) &&
           at_ms < before_ms)
        outdated++;
    return outdated;
}

/* Called when the oldest seals of a shard were read. Deletes the outdated ones with their records,
 * except the latest seal of the shard, since the next seal is chained to it. The trim deletes what
 * precedes seals[outdated], the oldest seal that stays. Outdated segments are deleted by one more
 * command. Its reply is ignored: what could not be deleted is deleted by the next scan. A full page
 * of seals (AUDIT_SEALS_PAGE) means that there may be more: then task->data stays set, and the next
 * step reads the same shard again. */
static void audit_on_seals(struct task *task)
{
    struct audit_maintenance *audit = task->owner;
    struct audit_seal *seals = arena_array(task->arena, AUDIT_SEALS_PAGE, sizeof(*seals));
    struct problem p = {.code = PROBLEM_NONE};
    size_t n, outdated;

    if (!seals || task_failed(task) ||
        !audit_seal_parse(task->data, AUDIT_SEALS_PAGE, seals, &n, &p)) {
        audit_scan_retry_later(&audit->retention, task);
        return;
    }
    pipeline_clear(&task->pipeline);
    task->data = NULL;
    (void)audit_segment_cmd_trim(&task->pipeline, task->shard, task->worker->id,
                                 audit_retained_since_ms(task->worker));
    outdated = audit_count_outdated(task->worker, seals, n);
    if (outdated == n && n > 0) /* the last seal of this page may be the latest of the shard */
        outdated--;
    if (outdated > 0)
        task->data = audit_seal_cmd_trim(&task->pipeline, task->shard, task->worker->id,
                                         seals[outdated].v[SEAL_FIRST], seals[outdated].id);
    if (n < AUDIT_SEALS_PAGE) /* the last page: the command is sent, but no step follows */
        task->data = NULL;
    task_submit(task, audit_on_trimmed);
}

/* Starts a step of retention if one is due: it reads the oldest seals of one shard. */
static void audit_tick_retention(struct audit_maintenance *audit)
{
    struct audit_scan *scan = &audit->retention;
    struct task *task = audit_scan_begin_step(audit, scan);

    if (!task)
        return;
    task->data = audit_seal_cmd_range(&task->pipeline, scan->shard, STR("-"), AUDIT_SEALS_PAGE);
    task_submit(task, audit_on_seals);
}

void audit_maintenance_init(struct audit_maintenance *audit, struct worker_context *w,
                            struct shards *shards)
{
    memset(audit, 0, sizeof(*audit));
    audit->worker = w;
    audit->shards = shards;
    memcpy(audit->aggregation.cursor, "0", sizeof("0"));
    periodic_init(&audit->aggregation.schedule, w, /* delay_us */ 0);
    periodic_init(&audit->retention.schedule, w, /* delay_us */ 0);
}

void audit_maintenance_tick(struct audit_maintenance *audit)
{
    audit_tick_aggregation(audit);
    audit_tick_retention(audit);
}
