/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/journal.h"

#include "app/ingest/event_input.h"
#include "app/service/journal_entry.h"
#include "app/store/lease.h"
#include "app/worker/dead_letter.h"
#include "app/worker/task.h"

enum { SHARDS_AT_ONCE = 16 };
enum { TURNED, UNREADABLE }; /* the words of METRIC_JOURNAL */
/* Whatever should have gone unheard is found so soon. */
static const int64_t SWEEP_US = 5000000;

/* One batch of a shard. */
struct batch {
    struct journal_record records[JOURNAL_ENTRIES_MAX];
    struct journal_effects turns[JOURNAL_ENTRIES_MAX];
    const char *reasons[JOURNAL_ENTRIES_MAX]; /* of those that cannot be read; else NULL */
    size_t n, messages, unreadable;
    size_t burying; /* which one is next */
    struct command *read, *turned;
    int64_t lag_ms;
};

int64_t journal_consume_lag_ms(struct journal *journal)
{
    int64_t lag_ms = journal->lag_max_ms;

    journal->lag_max_ms = 0;
    return lag_ms;
}

bool journal_busy(const struct journal *journal)
{
    return journal->busy_shards > 0;
}

static void end(struct task *task)
{
    struct journal *journal = task->owner;

    journal->shards->v[task->shard].journal_busy = false;
    journal->busy_shards--;
    task_end(task);
}

static void try_later(struct task *task)
{
    struct journal *journal = task->owner;

    journal->shards->v[task->shard].journal_pending = true;
    journal->next_run_us[task->shard] = journal->worker->now_us + WORKER_RETRY_US;
    end(task);
}

static void tell_unreadable(struct journal *journal, unsigned shard, const char *reason)
{
    struct jw *jw = log_begin(journal->worker->engine->log, LOG_ERROR, "journal.unreadable");

    jw_int(jw, "shard", shard);
    jw_text(jw, "reason", reason);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(journal->worker->engine->log);
}

static void turn_one(struct task *task, struct batch *b, size_t i)
{
    struct journal *journal = task->owner;
    const struct journal_record *record = &b->records[i];
    struct journal_source source = {.shard = task->shard,
                                    .id = record->id,
                                    .text = record->text,
                                    .publish = worker_publishes(journal->worker)};
    struct journal_effects *turn = &b->turns[i];
    int64_t written_ms;

    *turn = (struct journal_effects){.id = record->id, .student_event = STR("")};
    if (!journal_entry_effects(&source, task->arena, turn, &b->reasons[i]))
        return;
    b->reasons[i] = NULL;
    b->messages += turn->message_count;
    /* when it was written, not what it is about: a history that is seeded is about the past */
    if (stream_id_time(record->id, &written_ms) && journal->worker->now_ms - written_ms > b->lag_ms)
        b->lag_ms = journal->worker->now_ms - written_ms;
}

static void count(struct journal *journal, const struct batch *b, int64_t turned)
{
    uint64_t unreadable = b->unreadable;

    if (turned > (int64_t)unreadable)
        metrics_add(journal->worker->engine->metrics, METRIC_JOURNAL, TURNED, 0,
                    (uint64_t)turned - unreadable);
    if (unreadable > 0)
        metrics_add(journal->worker->engine->metrics, METRIC_JOURNAL, UNREADABLE, 0, unreadable);
    if (b->lag_ms > journal->lag_max_ms)
        journal->lag_max_ms = b->lag_ms;
}

static void on_turned(struct task *task)
{
    struct journal *journal = task->owner;
    struct batch *b = task->data;
    struct problem p = {.code = PROBLEM_NONE};
    int64_t turned;

    if (task_failed(task) || !journal_parse_processed(b->turned, &turned, &p)) {
        try_later(task);
        return;
    }
    if (turned == LEASE_LOST) {
        shards_lease_lost(journal->shards, task->shard);
    } else {
        count(journal, b, turned);
        if (b->messages > 0)
            journal->shards->v[task->shard].outbox_pending = true;
        if (b->n == JOURNAL_ENTRIES_MAX)
            journal->shards->v[task->shard].journal_pending = true;
    }
    end(task);
}

static void ask_turn(struct task *task)
{
    struct journal *journal = task->owner;
    struct batch *b = task->data;

    pipeline_clear(&task->pipeline);
    b->turned = journal_cmd_process(&task->pipeline, task->shard, journal->worker->id, b->turns,
                                    b->n, journal->worker->now_ms, EVENT_AGE_MAX_MS);
    task_submit(task, on_turned);
}

static void bury_next(struct task *task);

static void on_buried(struct task *task, enum dead_letter_result end)
{
    struct journal *journal = task->owner;
    struct batch *b = task->data;

    if (end == DEAD_LETTER_FAILED) {
        try_later(task);
        return;
    }
    if (end == DEAD_LETTER_STORED) {
        b->unreadable++;
        tell_unreadable(journal, task->shard, b->reasons[b->burying]);
    }
    b->burying++;
    bury_next(task);
}

/* What cannot be read is kept as a dead letter, and then turned into nothing. */
static void bury_next(struct task *task)
{
    struct batch *b = task->data;
    struct str stream = key_shard_record(task->arena, task->shard, SHARD_KEY_JOURNAL);
    struct dead_letter_item dead = {.stream = stream, .source = stream};

    while (b->burying < b->n && !b->reasons[b->burying])
        b->burying++;
    if (b->burying == b->n) {
        ask_turn(task);
        return;
    }
    dead.id = b->records[b->burying].id;
    dead.payload = b->records[b->burying].text;
    dead.reason = arena_printf(task->arena, "journal entry %s", b->reasons[b->burying]);
    dead_letter_put(task, &dead, on_buried);
}

static void on_read(struct task *task)
{
    struct journal *journal = task->owner;
    struct batch *b = task->data;
    struct problem p = {.code = PROBLEM_NONE};

    if (task_failed(task) || !journal_parse(b->read, b->records, &b->n, &p)) {
        try_later(task);
        return;
    }
    if (b->n == 0 || !shards_lease_held(journal->shards, task->shard)) {
        end(task);
        return;
    }
    (void)snprintf(journal->shards->v[task->shard].journal_last_id, STREAM_ID_SIZE, "%.*s",
                   STR_ARG(b->records[b->n - 1].id));
    for (size_t i = 0; i < b->n; i++)
        turn_one(task, b, i);
    bury_next(task);
}

static void begin(struct journal *journal, unsigned shard)
{
    struct shard *s = &journal->shards->v[shard];
    struct task *task = task_begin(journal->worker, shard, journal);
    struct batch *b = task ? arena_zalloc(task->arena, sizeof(*b)) : NULL;

    if (!b) {
        journal->next_run_us[shard] = journal->worker->now_us + WORKER_RETRY_US;
        task_end(task);
        return;
    }
    s->journal_pending = false;
    s->journal_busy = true;
    journal->busy_shards++;
    task->data = b;
    b->read = journal_cmd_oldest(&task->pipeline, shard);
    task_submit(task, on_read);
}

static void sweep(struct journal *journal)
{
    if (journal->worker->now_us < journal->next_sweep_us)
        return;
    journal->next_sweep_us = journal->worker->now_us + SWEEP_US;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        journal->shards->v[shard].journal_pending = true;
        journal->shards->v[shard].outbox_pending = true;
    }
}

static void tick_shard(struct journal *journal, unsigned shard)
{
    const struct shard *s = &journal->shards->v[shard];

    if (!s->journal_pending || s->journal_busy || !shards_lease_held(journal->shards, shard))
        return;
    if (journal->worker->now_us < journal->next_run_us[shard])
        worker_wake_at(journal->worker, journal->next_run_us[shard]);
    else if (journal->busy_shards < SHARDS_AT_ONCE)
        begin(journal, shard);
}

void journal_tick(struct journal *journal)
{
    unsigned first = journal->rr_cursor++;

    if (worker_draining(journal->worker))
        return;
    sweep(journal);
    for (unsigned i = 0; i < SHARDS; i++)
        tick_shard(journal, (first + i) % SHARDS);
}
