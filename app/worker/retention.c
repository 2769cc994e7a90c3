/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletes outdated data once a day. A pass first trims the dead letters (and the outboxes, if
 * events are not published). It then scans all keys for streams, hashes and strings of students,
 * and removes what app/store/keys.def says is too old. The pass is a sequence of small steps with
 * pauses, so that requests are not delayed. audit_maintenance.c trims the audit log. */
#include "app/worker/retention.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/ingest/event_input.h"
#include "app/store/dead_letter.h"
#include "app/store/outbox.h"
#include "app/store/schema_1.h"
#include "app/store/student_days.h"
#include "app/store/student_marks.h"

/* Keys in the reply of one SCAN: the number that is requested, and the most that are accepted. */
enum { SCAN_COUNT = 1000, SCAN_REPLY_MAX = 100000 };

static const int64_t FIRST_RUN_US = 2000000;   /* first pass, after the start of the process */
static const int64_t STEP_INTERVAL_US = 50000; /* pause between two steps of a pass */
/* pause between the end of a pass and the next pass */
static const int64_t PASS_INTERVAL_US = INT64_C(86400) * 1000000;
/* dead letters may contain learning events, so they have the same age limit */
static const int64_t DEAD_LETTER_AGE_MS = EVENT_AGE_MAX_MS;
/* age limit of events to publish, used only without a sidecar: then no worker publishes them */
static const int64_t OUTBOX_AGE_MS = INT64_C(86400) * 1000;

/* Called when the deletions of a step were executed. Their replies are ignored: the next pass
 * repeats those that failed. */
static void retention_on_trimmed(struct task *task)
{
    struct retention *retention = task->owner;

    periodic_end(&retention->schedule, task);
}

/* Ends a step that failed before its deletions; it is repeated after WORKER_RETRY_US. */
static void retention_retry_later(struct task *task)
{
    struct retention *retention = task->owner;

    periodic_schedule(&retention->schedule, WORKER_RETRY_US);
    periodic_end(&retention->schedule, task);
}

/* Ends a pass: logs how many keys it has found, and schedules the next pass. */
static void retention_end_pass(struct retention *retention)
{
    struct log *log = retention->worker->engine->log;
    struct jw *jw = log_begin(log, LOG_INFO, "retention.done");

    jw_int(jw, "records", (int64_t)retention->scanned);
    log_end(log);
    retention->cursor[0] = '\0';
    periodic_schedule(&retention->schedule, PASS_INTERVAL_US);
}

/* ---- the scans ---- */

/* Queues the script that removes one page of old entries (of a stream) or fields (of a hash) from a
 * student's key, after the cursor. Nothing is queued for a key that Redis expires as a whole, or
 * that is kept for ever. */
static void retention_queue_page(struct pipeline *pipeline, struct str key, struct str cursor,
                                 int64_t now_ms)
{
    struct str student;
    enum student_key kind;
    int32_t oldest;

    if (!key_parse_student(key, pipeline->arena, &student, &kind))
        return;
    oldest = day_of_ms(now_ms) - student_kinds[kind].days;
    switch (student_kinds[kind].retention) {
    case RETAIN_ENTRIES: (void)student_cmd_trim_entries(pipeline, key, cursor, oldest); break;
    case RETAIN_FIELDS: (void)schema_1_cmd_trim_marks(pipeline, key, cursor, oldest); break;
    case RETAIN_MARKS: (void)student_cmd_trim_marks(pipeline, key, oldest); break;
    case RETAIN_DAYS: (void)student_cmd_trim_days(pipeline, key, oldest); break;
    case RETAIN_ALWAYS:
    case RETAIN_EXPIRY: break;
    }
}

/* Called with the replies to the commands of retention_queue_page. Each command has processed one
 * page of one key and returns the cursor of the next page ("0": the key is finished). For each key
 * that is not finished, the next command is queued, all in one round trip. The list of commands is
 * copied first, because pipeline_clear removes it from the pipeline. */
static void retention_on_page_trimmed(struct task *task)
{
    struct pipeline completed = task->pipeline;
    struct str cursor;

    if (task_failed(task)) {
        retention_retry_later(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (const struct command *command = completed.first; command; command = command->next) {
        if (reply_text(command->reply, &cursor) == REPLY_OK && !str_equal(cursor, STR("0")))
            retention_queue_page(&task->pipeline, command->argv[0], cursor, task->worker->now_ms);
    }
    if (task->pipeline.count > 0)
        task_submit(task, retention_on_page_trimmed);
    else
        retention_on_trimmed(task);
}

/* The scans of a pass, in this order: one for each type of key of which app/store/keys.def has
 * entries or fields to remove. */
static const char *const scans[] = {"stream", "hash", "string"};
enum { SCANS = sizeof(scans) / sizeof(scans[0]) };

/* Called with the reply of SCAN: queues the deletions in the keys that were found, and moves to the
 * next portion, the next scan or the end of the pass. SCAN returns the cursor "0" at the end of a
 * scan, which is also the cursor that starts the next scan. */
static void retention_on_scanned(struct task *task)
{
    struct retention *retention = task->owner;
    const redisReply *reply = ((struct command *)task->data)->reply;
    const redisReply *keys = reply_at(reply, 1);
    struct str cursor, key;
    size_t n;

    if (task_failed(task) || reply_text(reply_at(reply, 0), &cursor) != REPLY_OK ||
        cursor.n >= sizeof(retention->cursor) ||
        reply_array(keys, SCAN_REPLY_MAX, &n) != REPLY_OK) {
        retention_retry_later(task);
        return;
    }
    (void)snprintf(retention->cursor, sizeof(retention->cursor), "%.*s", STR_ARG(cursor));
    pipeline_clear(&task->pipeline);
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(keys, i), &key) == REPLY_OK)
            retention_queue_page(&task->pipeline, key, STR("0"), task->worker->now_ms);
    }
    retention->scanned += n;
    periodic_schedule(&retention->schedule, STEP_INTERVAL_US);
    if (str_equal(cursor, STR("0")) && ++retention->scan == SCANS)
        retention_end_pass(retention); /* the deletions of its last keys are sent all the same */
    task_submit(task, retention_on_page_trimmed);
}

/* Sends the next SCAN. A reply without keys does not mean the end of the scan, since MATCH and TYPE
 * remove keys from the reply; only the cursor "0" does. */
static void retention_scan(struct retention *retention, struct task *task)
{
    struct str cursor = arena_copy(task->arena, str_of(retention->cursor));
    struct str count = arena_printf(task->arena, "%d", SCAN_COUNT);
    const struct str argv[] = {STR("SCAN"),  cursor, STR("MATCH"), key_pattern_students,
                               STR("COUNT"), count,  STR("TYPE"),  str_of(scans[retention->scan])};

    task->data = pipeline_add(&task->pipeline, COMMAND_READ, sizeof(argv) / sizeof(argv[0]), argv);
    task_submit(task, retention_on_scanned);
}

/* Called when a page of dead letters was trimmed. After a full page there may be more: trims the
 * next page. After an error `removed` stays 0, and the next pass trims what is left. */
static void retention_on_letters_trimmed(struct task *task)
{
    int64_t removed = 0;

    (void)reply_int(((struct command *)task->data)->reply, &removed);
    if (removed < DEAD_LETTERS_PAGE) {
        retention_on_trimmed(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    task->data = dead_letter_cmd_trim(&task->pipeline, task->worker->now_ms - DEAD_LETTER_AGE_MS);
    task_submit(task, retention_on_letters_trimmed);
}

/* Starts a pass: trims the dead letters and, if no sidecar (Dapr's process, which publishes events)
 * is configured, the outboxes (events to publish): these may contain events of an earlier
 * configuration, which no worker publishes. The steps after it scan all keys, from the cursor "0"
 * that is set here: `scan` is the number of the scan, `scanned` counts the keys that were found. */
static void retention_start_pass(struct retention *retention, struct task *task)
{
    int64_t now_ms = task->worker->now_ms;

    memcpy(retention->cursor, "0", sizeof("0"));
    retention->scanned = 0;
    retention->scan = 0;
    task->data = dead_letter_cmd_trim(&task->pipeline, now_ms - DEAD_LETTER_AGE_MS);
    for (unsigned shard = 0; shard < SHARDS && !worker_publishes(task->worker); shard++)
        outbox_cmd_trim(&task->pipeline, shard, now_ms - OUTBOX_AGE_MS);
    task_submit(task, retention_on_letters_trimmed);
}

void retention_init(struct retention *retention, struct worker_context *worker,
                    const struct shards *shards)
{
    memset(retention, 0, sizeof(*retention));
    retention->worker = worker;
    retention->shards = shards;
    periodic_init(&retention->schedule, worker, FIRST_RUN_US);
}

void retention_tick(struct retention *retention)
{
    struct task *task;

    if (worker_draining(retention->worker) ||
        !shards_lease_held(retention->shards, SINGLE_WORKER_SHARD))
        return;
    task = periodic_begin(&retention->schedule, NO_SHARD, retention);
    if (!task)
        return;
    if (*retention->cursor)
        retention_scan(retention, task);
    else
        retention_start_pass(retention, task);
}
