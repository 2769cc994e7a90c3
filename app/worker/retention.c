/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletes outdated data, in three ways. (1) Once an hour each worker reads the lists of the shards
 * whose leases it holds (app/store/retention.h): which students have data that is too old. It
 * removes from the keys of these students what app/store/keys.def says is too old. (2) Once a day
 * the worker with the lease of shard 0 trims the dead letters (and the outboxes, if events are not
 * published). (3) It then scans the keys of all students, some hundred a second, and adds to the
 * lists the students who are missing there, since a list may be incomplete. While records are
 * written in the forms of schema 1 (of version 0.1.0), there are no lists, and the scan itself
 * removes what is too old. All is done in small steps with pauses, so that requests are not
 * delayed. audit_maintenance.c trims the audit log. */
#include "app/worker/retention.h"

#include <assert.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ingest/event_input.h"
#include "app/store/dead_letter.h"
#include "app/store/outbox.h"
#include "app/store/retention.h"
#include "app/store/schema.h"
#include "app/store/schema_1.h"
#include "app/store/student_days.h"
#include "app/store/student_marks.h"

/* SCAN_COUNT: keys requested of one SCAN. SCAN_REPLY_MAX: most keys that are accepted in its reply.
 * DUE_SHARDS: shards whose lists a step reads. DUE_STUDENTS: students that it reads of each
 * list. */
enum { SCAN_COUNT = 200, SCAN_REPLY_MAX = 100000, DUE_SHARDS = 32, DUE_STUDENTS = 2 };
static_assert(SHARDS % DUE_SHARDS == 0, "the last step would read lists that do not exist");

static const int64_t FIRST_RUN_US = 2000000;     /* first pass, after the start of the process */
static const int64_t SCAN_INTERVAL_US = 1000000; /* pause between two steps of a scan */
static const int64_t STEP_INTERVAL_US = 50000;   /* pause between two steps over the lists */
/* pause between the end of a pass over all keys and the next one */
static const int64_t PASS_INTERVAL_US = INT64_C(86400) * 1000000;
/* pause between two passes over the lists of the shards, if the first has found no names */
static const int64_t DUE_INTERVAL_US = INT64_C(3600) * 1000000;
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

/* Ends a step of the scan that failed; the next step starts after WORKER_RETRY_US. It repeats a
 * SCAN that failed. What could not be done about keys that were found is left to the next pass. */
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

/* ---- the pages of a key ---- */

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
 * copied first, because pipeline_clear removes it from the pipeline. Returns true if nothing was
 * queued: every key is finished, or its command has failed. */
static bool retention_queue_next_pages(struct task *task)
{
    struct pipeline completed = task->pipeline;
    struct str cursor;

    pipeline_clear(&task->pipeline);
    for (const struct command *command = completed.first; command; command = command->next) {
        if (reply_text(command->reply, &cursor) == REPLY_OK && !str_equal(cursor, STR("0")))
            retention_queue_page(&task->pipeline, command->argv[0], cursor, task->worker->now_ms);
    }
    return task->pipeline.count == 0;
}

/* ---- the lists ---- */

/* The students who are due, as one step has found them in the lists of DUE_SHARDS shards. */
struct retention_due {
    struct str students[DUE_SHARDS * DUE_STUDENTS];
    unsigned shards[DUE_SHARDS * DUE_STUDENTS]; /* the shard of each student */
    /* of each student: retention_cmd_plan, which sets the day on which the student is due next */
    const struct command *plans[DUE_SHARDS * DUE_STUDENTS];
    size_t n;
    /* read the lists; NULL: this worker does not hold the lease of the shard */
    const struct command *list_cmds[DUE_SHARDS];
};

/* Ends a step of the pass over the lists that has failed; the next step starts after
 * WORKER_RETRY_US. It repeats a failed read of lists. Students whose keys could not be trimmed are
 * still in the lists, for the next pass. */
static void retention_retry_due(struct task *task)
{
    struct retention *retention = task->owner;

    periodic_schedule(&retention->due_schedule, WORKER_RETRY_US);
    periodic_end(&retention->due_schedule, task);
}

/* Called when the script of retention_cmd_plan has set the day on which each student is due next:
 * ends the step. A student whose script failed is still due, and would be found again at once; so
 * the next step waits for WORKER_RETRY_US. */
static void retention_on_planned(struct task *task)
{
    struct retention *retention = task->owner;
    const struct retention_due *due = task->data;
    int64_t day;

    for (size_t i = 0; i < due->n; i++) {
        if (reply_int(due->plans[i]->reply, &day) != REPLY_OK)
            periodic_schedule(&retention->due_schedule, WORKER_RETRY_US);
    }
    periodic_end(&retention->due_schedule, task);
}

/* Called when a page of each key was trimmed: trims the next pages. When all keys are finished,
 * sends the script that sets the day on which each student is due next. */
static void retention_on_due_trimmed(struct task *task)
{
    struct retention_due *due = task->data;

    if (task_failed(task)) {
        retention_retry_due(task);
        return;
    }
    if (!retention_queue_next_pages(task)) {
        task_submit(task, retention_on_due_trimmed);
        return;
    }
    for (size_t i = 0; i < due->n; i++)
        due->plans[i] = retention_cmd_plan(&task->pipeline, due->shards[i], due->students[i],
                                           day_of_ms(task->worker->now_ms));
    task_submit(task, retention_on_planned);
}

/* Queues the removal of what is too old from the student's keys, the first page of each. Keys that
 * Redis expires as a whole, or that are kept for ever, are left out; so are marks of schema 1 when
 * none can exist any more. */
static void retention_queue_student(struct task *task, unsigned shard, struct str student)
{
    for (size_t kind = 0; kind < STUDENT_KEY_COUNT; kind++) {
        struct str key;

        if (student_kinds[kind].retention == RETAIN_ALWAYS ||
            student_kinds[kind].retention == RETAIN_EXPIRY ||
            (kind == STUDENT_KEY_SCHEMA_1_MARKS && !schema_has_old_forms()))
            continue;
        key = key_student_in_shard(task->arena, shard, student, (enum student_key)kind);
        retention_queue_page(&task->pipeline, key, STR("0"), task->worker->now_ms);
    }
}

/* Adds the students in the reply, the first names of the list of a shard, to those of the step. A
 * name that the engine does not use for a student was written by another program. It is removed
 * from the list, since it would be read again and again in the place of students. Returns the
 * number of names in the reply. */
static size_t retention_add_due(struct task *task, unsigned shard, const redisReply *reply)
{
    struct retention_due *due = task->data;
    struct str name, student;
    size_t n;

    if (reply_array(reply, DUE_STUDENTS, &n) != REPLY_OK)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(reply, i), &name) != REPLY_OK)
            continue;
        if (!key_parse_student_part(name, task->arena, &student) ||
            !str_equal(key_student_part(task->arena, student), name)) {
            (void)retention_cmd_remove_name(&task->pipeline, shard, arena_copy(task->arena, name));
            continue;
        }
        due->shards[due->n] = shard;
        due->students[due->n++] = student;
    }
    return n;
}

/* Called with the first names of the lists of some shards: trims the keys of those students. After
 * the last shard the pass begins again if a list had a name, else in an hour. */
static void retention_on_lists(struct task *task)
{
    struct retention *retention = task->owner;
    struct retention_due *due = task->data;
    size_t names = 0;

    if (task_failed(task)) {
        retention_retry_due(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (unsigned i = 0; i < DUE_SHARDS; i++) {
        if (due->list_cmds[i])
            names += retention_add_due(task, retention->due_shard + i, due->list_cmds[i]->reply);
    }
    for (size_t i = 0; i < due->n; i++)
        retention_queue_student(task, due->shards[i], due->students[i]);
    retention->has_found_due |= names > 0;
    retention->due_shard = (retention->due_shard + DUE_SHARDS) % SHARDS;
    periodic_schedule(&retention->due_schedule, retention->due_shard > 0 || retention->has_found_due
                                                    ? STEP_INTERVAL_US
                                                    : DUE_INTERVAL_US);
    if (retention->due_shard == 0)
        retention->has_found_due = false;
    task_submit(task, retention_on_due_trimmed);
}

/* Starts a step of the pass over the lists if one is due: reads the names of students who are due
 * from the lists of DUE_SHARDS shards. */
static void retention_tick_due(struct retention *retention)
{
    struct task *task = periodic_begin(&retention->due_schedule, NO_SHARD, retention);
    struct retention_due *due = task ? arena_zalloc(task->arena, sizeof(*due)) : NULL;

    if (!due) {
        if (task)
            retention_retry_due(task);
        return;
    }
    task->data = due;
    for (unsigned i = 0; i < DUE_SHARDS; i++) {
        unsigned shard = retention->due_shard + i;

        if (shards_lease_held(retention->shards, shard))
            due->list_cmds[i] = retention_cmd_due(&task->pipeline, shard,
                                                  day_of_ms(task->worker->now_ms), DUE_STUDENTS);
    }
    task_submit(task, retention_on_lists);
}

/* ---- the scan ---- */

/* Called with the replies to the commands that a step of the scan has queued. If students were
 * added to a list, the next step of the pass over the lists starts at once, unless one is running;
 * after the last shard the pass begins again (has_found_due). */
static void retention_on_scan_replies(struct task *task)
{
    struct retention *retention = task->owner;
    bool has_added = false;
    int64_t added;

    if (task_failed(task)) {
        retention_retry_later(task);
        return;
    }
    for (const struct command *command = task->pipeline.first; command; command = command->next)
        has_added |= reply_int(command->reply, &added) == REPLY_OK && added == 1;
    retention->has_found_due |= has_added;
    if (has_added && !retention->due_schedule.running)
        periodic_schedule(&retention->due_schedule, /* delay_us */ 0);
    if (retention_queue_next_pages(task))
        retention_on_trimmed(task);
    else
        task_submit(task, retention_on_scan_replies);
}

/* Queues what is done about a key of a student that the scan has found: the student is added to the
 * list of the shard. But while records are written in the forms of schema 1 (there are no lists
 * then), and for marks of schema 1, what is too old is removed from the key at once. */
static void retention_queue_found(struct task *task, struct str key)
{
    struct str student;
    enum student_key kind;

    if (!key_parse_student(key, task->arena, &student, &kind) ||
        student_kinds[kind].retention == RETAIN_ALWAYS ||
        student_kinds[kind].retention == RETAIN_EXPIRY)
        return;
    if (schema_writes_packed() && kind != STUDENT_KEY_SCHEMA_1_MARKS)
        (void)retention_cmd_add(&task->pipeline, student, key);
    else
        retention_queue_page(&task->pipeline, key, STR("0"), task->worker->now_ms);
}

/* Called with the reply of SCAN: queues what is done about the keys that were found, and moves to
 * the next portion or the end of the pass, which is the cursor "0". */
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
            retention_queue_found(task, key);
    }
    retention->scanned += n;
    periodic_schedule(&retention->schedule, SCAN_INTERVAL_US);
    if (str_equal(cursor, STR("0")))
        retention_end_pass(retention); /* the commands about its last keys are sent all the same */
    task_submit(task, retention_on_scan_replies);
}

/* Sends the next SCAN. A reply without keys does not mean the end of the scan, since MATCH removes
 * keys from the reply; only the cursor "0" does. */
static void retention_scan(struct retention *retention, struct task *task)
{
    struct str cursor = arena_copy(task->arena, str_of(retention->cursor));
    struct str count = arena_printf(task->arena, "%d", SCAN_COUNT);
    const struct str argv[] = {STR("SCAN"),          cursor,       STR("MATCH"),
                               key_pattern_students, STR("COUNT"), count};

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

/* Starts a pass over all keys: trims the dead letters and, if no sidecar (Dapr's process, which
 * publishes events) is configured, the outboxes (events to publish): these may contain events of an
 * earlier configuration, which no worker publishes. The later steps of the pass scan the keys: sets
 * the cursor to the start, and `scanned`, the number of keys found, to 0. */
static void retention_start_pass(struct retention *retention, struct task *task)
{
    int64_t now_ms = task->worker->now_ms;

    memcpy(retention->cursor, "0", sizeof("0"));
    retention->scanned = 0;
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
    periodic_init(&retention->due_schedule, worker, FIRST_RUN_US);
}

void retention_tick(struct retention *retention)
{
    struct task *task;

    if (worker_draining(retention->worker))
        return;
    retention_tick_due(retention);
    if (!shards_lease_held(retention->shards, SINGLE_WORKER_SHARD))
        return;
    task = periodic_begin(&retention->schedule, NO_SHARD, retention);
    if (!task)
        return;
    if (*retention->cursor)
        retention_scan(retention, task);
    else
        retention_start_pass(retention, task);
}
