/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes journal entries (changes of students' data). One task serves one shard: it reads the
 * oldest entries, computes the effects of each (app/service/journal_entry.c), and writes entries
 * that cannot be read to the dead letters. One Lua script then removes all these entries and writes
 * their effects. The script does nothing if another worker holds the lease of the shard by then;
 * each entry therefore has its effects exactly once, even if a worker dies in between. The
 * resulting events are published from the outbox (outbox.c). */
#include "app/worker/journal.h"

#include "app/ingest/event_input.h"
#include "app/service/journal_entry.h"
#include "app/store/lease.h"
#include "app/worker/dead_letter.h"

/* Most shards that one worker processes at the same time. */
enum { BUSY_SHARDS_MAX = 16 };

/* Interval of the sweep, which marks all shards as pending. It finds entries that journal_wait.c
 * has missed while its connection was broken. */
static const int64_t SWEEP_INTERVAL_US = 5000000;

/* The entries of one shard that one task processes. */
struct journal_batch {
    struct journal_record records[JOURNAL_ENTRIES_MAX];
    struct journal_effects effects[JOURNAL_ENTRIES_MAX];
    const char *reasons[JOURNAL_ENTRIES_MAX]; /* why the entry cannot be read; NULL: it can */
    /* how many entries there are; events to publish; entries that became dead letters */
    size_t count, message_count, unreadable_count;
    /* index of the entry to check next: the earlier ones need no dead letter or have one */
    size_t next;
    struct command *read_cmd, *process_cmd;
    int64_t lag_ms; /* longest time, in ms, from writing an entry to reading it here */
};

int64_t journal_consume_lag_ms(struct journal *journal)
{
    int64_t lag_ms = journal->lag_max_ms;

    journal->lag_max_ms = 0;
    return lag_ms;
}

/* Ends the task of a shard. The shard is no longer busy, so that its lease may be given back. */
static void journal_end(struct task *task)
{
    struct journal *journal = task->owner;

    journal->shards->v[task->shard].journal_busy = false;
    journal->busy_count--;
    task_end(task);
}

/* Ends the task of a shard after a failure; the shard is processed again after WORKER_RETRY_US.
 * That is safe: the script has changed either nothing or everything, and then the entries are
 * gone. */
static void journal_retry_later(struct task *task)
{
    struct journal *journal = task->owner;

    journal->shards->v[task->shard].journal_pending = true;
    journal->next_run_us[task->shard] = journal->worker->now_us + WORKER_RETRY_US;
    journal_end(task);
}

/* Computes the effects of entry i of the batch: an audit record, an event for the student's own
 * stream (student_event; "": none) and message_count events to publish. If the entry cannot be
 * read, sets the reason instead; its effects then name no student, and the Lua script that writes
 * the effects (journal_process) only removes the entry. */
static void journal_compute_effects(struct task *task, struct journal_batch *batch, size_t i)
{
    const struct worker_context *worker = task->worker;
    const struct journal_record *record = &batch->records[i];
    struct journal_source source = {.shard = task->shard,
                                    .id = record->id,
                                    .text = record->text,
                                    .publish = worker_publishes(worker)};
    struct journal_effects *effects = &batch->effects[i];
    int64_t written_ms;

    *effects = (struct journal_effects){.id = record->id, .student_event = STR("")};
    if (!journal_entry_effects(&source, task->arena, effects, &batch->reasons[i]))
        return;
    batch->reasons[i] = NULL;
    batch->message_count += effects->message_count;
    /* The lag counts from the time at which the entry was written, which its id contains. The event
     * in the entry may be much older, for example in imported history. */
    if (stream_id_time(record->id, &written_ms) && worker->now_ms - written_ms > batch->lag_ms)
        batch->lag_ms = worker->now_ms - written_ms;
}

/* Counts the entries in the metrics, and keeps the longest lag. processed: the number of entries
 * that the script found in the journal and removed, including unreadable ones. */
static void journal_count(struct journal *journal, const struct journal_batch *batch,
                          int64_t processed)
{
    struct metrics *metrics = journal->worker->engine->metrics;
    uint64_t unreadable = batch->unreadable_count;

    if (processed > (int64_t)unreadable)
        /* the label means processed; dashboards use it */
        metrics_add(metrics, METRIC_JOURNAL, "turned", NULL, (uint64_t)processed - unreadable);
    if (unreadable > 0)
        metrics_add(metrics, METRIC_JOURNAL, "unreadable", NULL, unreadable);
    if (batch->lag_ms > journal->lag_max_ms)
        journal->lag_max_ms = batch->lag_ms;
}

static void journal_process(struct task *task);

/* Sets a reason for each entry that the script could not use (unusable[i]), so that it becomes a
 * dead letter. Returns whether there is one; journal_process then writes them to the dead letters,
 * and the script that follows only removes them: their effects now name no student. The script has
 * removed the batch's other entries, which were counted, so its counts begin again at 0. */
static bool journal_set_unusable(struct journal_batch *batch, const bool *unusable)
{
    bool found = false;

    for (size_t i = 0; i < batch->count; i++) {
        batch->reasons[i] = NULL;
        if (!unusable[i])
            continue;
        batch->reasons[i] = "of a student one of whose records has another type in Redis";
        batch->effects[i] =
            (struct journal_effects){.id = batch->records[i].id, .student_event = STR("")};
        found = true;
    }
    batch->next = 0; /* journal_process checks the entries from the first one again */
    batch->message_count = batch->unreadable_count = 0;
    return found;
}

/* Called with the reply of the script that has removed the entries and written their effects. Ends
 * the task, unless the script has left entries in the journal that it could not use: they become
 * dead letters first, and the script then runs again for the batch. It counts only the entries that
 * a run has removed, so none is counted twice. LEASE_LOST: another worker holds the lease, and the
 * script has changed nothing. */
static void journal_on_processed(struct task *task)
{
    struct journal *journal = task->owner;
    struct shard *shard = &journal->shards->v[task->shard];
    struct journal_batch *batch = task->data;
    struct problem p = {.code = PROBLEM_NONE};
    bool unusable[JOURNAL_ENTRIES_MAX];
    int64_t processed;

    if (task_failed(task) ||
        !journal_parse_processed(batch->process_cmd, &processed, unusable, &p)) {
        journal_retry_later(task);
        return;
    }
    if (processed == LEASE_LOST) {
        shards_lease_lost(journal->shards, task->shard);
    } else {
        journal_count(journal, batch, processed);
        if (batch->message_count > 0)
            shard->outbox_pending = true;
        /* a read that returns as many entries as it can may have left some */
        if (batch->count == JOURNAL_ENTRIES_MAX)
            shard->journal_pending = true;
        if (journal_set_unusable(batch, unusable)) {
            journal_process(task);
            return;
        }
    }
    journal_end(task);
}

/* Called when the dead letter of entry batch->next is stored, or its entry was erased meanwhile:
 * continues with the next entry. DEAD_LETTER_FAILED: the shard is processed again later. */
static void journal_on_dead_letter(struct task *task, enum dead_letter_result result)
{
    struct journal_batch *batch = task->data;
    struct log *log = task->worker->engine->log;
    struct jw *jw;

    if (result == DEAD_LETTER_FAILED) {
        journal_retry_later(task);
        return;
    }
    if (result == DEAD_LETTER_STORED) {
        batch->unreadable_count++;
        jw = log_begin(log, LOG_ERROR, "journal.unreadable");
        jw_int(jw, "shard", task->shard);
        jw_text(jw, "reason", batch->reasons[batch->next]);
        jw_text(jw, "consequence", "kept as a dead letter");
        log_end(log);
    }
    batch->next++;
    journal_process(task);
}

/* Continues the batch: finds the next unreadable entry and writes it to the dead letters, after
 * which this function is called again. When none is left, sends the script that processes the whole
 * batch. The order matters: if the worker dies in between, an unreadable entry exists twice, but is
 * never lost. */
static void journal_process(struct task *task)
{
    struct journal_batch *batch = task->data;
    struct str stream = key_shard_record(task->arena, task->shard, SHARD_KEY_JOURNAL);
    struct dead_letter_item item = {.stream = stream, .source = stream};

    while (batch->next < batch->count && !batch->reasons[batch->next])
        batch->next++;
    if (batch->next < batch->count) {
        item.id = batch->records[batch->next].id;
        item.payload = batch->records[batch->next].text;
        item.reason = arena_printf(task->arena, "journal entry %s", batch->reasons[batch->next]);
        dead_letter_put(task, &item, journal_on_dead_letter);
        return;
    }
    pipeline_clear(&task->pipeline);
    batch->process_cmd =
        journal_cmd_process(&task->pipeline, task->shard, task->worker->id, batch->effects,
                            batch->count, task->worker->now_ms, EVENT_AGE_MAX_MS);
    task_submit(task, journal_on_processed);
}

/* Handles a journal whose key is no stream in Redis: logs it the first time, and ends the task.
 * Also called when a reply cannot be parsed, since the reply to a read of a stream always can.
 * journal_wait.c then leaves the shard out. Each sweep reads the journal again; the first read that
 * succeeds clears journal_unusable (journal_on_read). */
static void journal_set_shard_unusable(struct task *task)
{
    struct journal *journal = task->owner;
    struct shard *shard = &journal->shards->v[task->shard];
    struct jw *jw;

    if (!shard->journal_unusable) {
        jw = log_begin(task->worker->engine->log, LOG_ERROR, "journal.unusable");
        jw_int(jw, "shard", task->shard);
        jw_text(jw, "reason", "the key of the journal has another type in Redis than stream");
        jw_text(jw, "consequence", "changes of this shard are not published or audited");
        log_end(task->worker->engine->log);
    }
    shard->journal_unusable = true;
    journal_end(task);
}

/* Called when the entries of a shard were read: computes their effects (new records and events to
 * publish). The code INTERNAL_ERROR means that the key is not a stream. journal_last_id (from where
 * journal_wait.c waits for new entries) advances even if processing fails later, because
 * journal_pending is set again in that case. */
static void journal_on_read(struct task *task)
{
    struct journal *journal = task->owner;
    struct journal_batch *batch = task->data;
    struct problem p = {.code = PROBLEM_NONE};

    if (!task_failed(task) && !journal_parse(batch->read_cmd, batch->records, &batch->count, &p) &&
        p.code == PROBLEM_INTERNAL_ERROR) {
        journal_set_shard_unusable(task);
        return;
    }
    if (task_failed(task) || p.code != PROBLEM_NONE) {
        journal_retry_later(task);
        return;
    }
    journal->shards->v[task->shard].journal_unusable = false;
    if (batch->count == 0 || !shards_lease_held(journal->shards, task->shard)) {
        journal_end(task);
        return;
    }
    (void)snprintf(journal->shards->v[task->shard].journal_last_id, STREAM_ID_SIZE, "%.*s",
                   STR_ARG(batch->records[batch->count - 1].id));
    for (size_t i = 0; i < batch->count; i++)
        journal_compute_effects(task, batch, i);
    journal_process(task);
}

/* Starts a task for the shard. journal_pending is cleared before the journal is read, since entries
 * that arrive from now on set it again. */
static void journal_begin(struct journal *journal, unsigned shard)
{
    struct task *task = task_begin(journal->worker, shard, journal);
    struct journal_batch *batch = task ? arena_zalloc(task->arena, sizeof(*batch)) : NULL;

    if (!batch) {
        journal->next_run_us[shard] = journal->worker->now_us + WORKER_RETRY_US;
        task_end(task);
        return;
    }
    journal->shards->v[shard].journal_pending = false;
    journal->shards->v[shard].journal_busy = true;
    journal->busy_count++;
    task->data = batch;
    batch->read_cmd = journal_cmd_oldest(&task->pipeline, shard);
    task_submit(task, journal_on_read);
}

/* Marks the journal and the outbox of every shard as pending once in SWEEP_INTERVAL_US. The other
 * places that set these flags may miss an entry, for example while journal_wait.c has no
 * connection. */
static void journal_sweep(struct journal *journal)
{
    if (journal->worker->now_us < journal->next_sweep_us)
        return;
    journal->next_sweep_us = journal->worker->now_us + SWEEP_INTERVAL_US;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct shard *state = &journal->shards->v[shard];

        state->journal_pending = state->outbox_pending = true;
    }
}

/* Starts a task for the shard if its journal may have entries, this worker holds its lease, no task
 * processes it, and the pause after a failure is over. */
static void journal_tick_shard(struct journal *journal, unsigned shard)
{
    const struct shard *state = &journal->shards->v[shard];

    if (!state->journal_pending || state->journal_busy ||
        !shards_lease_held(journal->shards, shard))
        return;
    if (journal->worker->now_us < journal->next_run_us[shard])
        worker_wake_at(journal->worker, journal->next_run_us[shard]);
    else if (journal->busy_count < BUSY_SHARDS_MAX)
        journal_begin(journal, shard);
}

/* Starts tasks for the shards that need one. Each call begins with another shard, so that the limit
 * BUSY_SHARDS_MAX does not always exclude the same shards. */
void journal_tick(struct journal *journal)
{
    unsigned first = journal->rr_cursor++;

    if (worker_draining(journal->worker))
        return;
    journal_sweep(journal);
    for (unsigned i = 0; i < SHARDS; i++)
        journal_tick_shard(journal, (first + i) % SHARDS);
}
