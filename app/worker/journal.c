/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/journal.h"

#include "app/ingest/event_input.h"
#include "app/service/journal_entry.h"
#include "app/store/lease.h"
#include "app/worker/dead_letter.h"
#include "app/worker/worker.h"

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

void journal_init(struct worker *w)
{
    for (unsigned shard = 0; shard < SHARDS; shard++)
        memcpy(w->journal.shards[shard].last_id, "0-0", sizeof("0-0"));
}

void journal_mark_pending(struct worker *w, unsigned shard)
{
    w->journal.shards[shard].pending = true;
}

struct str journal_last_id(const struct worker *w, unsigned shard)
{
    return str_of(w->journal.shards[shard].last_id);
}

int64_t journal_consume_lag_ms(struct worker *w)
{
    int64_t lag_ms = w->journal.lag_max_ms;

    w->journal.lag_max_ms = 0;
    return lag_ms;
}

bool journal_busy(const struct worker *w)
{
    return w->journal.busy_shards > 0;
}

bool journal_shard_busy(const struct worker *w, unsigned shard)
{
    return w->journal.shards[shard].busy;
}

static void end(struct worker *w, struct task *task)
{
    w->journal.shards[task->shard].busy = false;
    w->journal.busy_shards--;
    task_end(w, task);
}

static void try_later(struct worker *w, struct task *task)
{
    struct journal_shard *s = &w->journal.shards[task->shard];

    s->pending = true;
    s->next_run_us = w->now_us + WORKER_RETRY_US;
    end(w, task);
}

static void tell_unreadable(struct worker *w, unsigned shard, const char *reason)
{
    struct jw *jw = log_begin(w->engine->log, LOG_ERROR, "journal.unreadable");

    jw_int(jw, "shard", shard);
    jw_text(jw, "reason", reason);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(w->engine->log);
}

static void turn_one(struct worker *w, struct task *task, struct batch *b, size_t i)
{
    const struct journal_record *record = &b->records[i];
    struct journal_source source = {.shard = task->shard,
                                    .id = record->id,
                                    .text = record->text,
                                    .publish = worker_publishes(w)};
    struct journal_effects *turn = &b->turns[i];
    int64_t written_ms;

    *turn = (struct journal_effects){.id = record->id, .student_event = STR("")};
    if (!journal_entry_effects(&source, task->arena, turn, &b->reasons[i]))
        return;
    b->reasons[i] = NULL;
    b->messages += turn->message_count;
    /* when it was written, not what it is about: a history that is seeded is about the past */
    if (stream_id_time(record->id, &written_ms) && w->now_ms - written_ms > b->lag_ms)
        b->lag_ms = w->now_ms - written_ms;
}

static void count(struct worker *w, const struct batch *b, int64_t turned)
{
    uint64_t unreadable = b->unreadable;

    if (turned > (int64_t)unreadable)
        metrics_add(w->engine->metrics, METRIC_JOURNAL, TURNED, 0, (uint64_t)turned - unreadable);
    if (unreadable > 0)
        metrics_add(w->engine->metrics, METRIC_JOURNAL, UNREADABLE, 0, unreadable);
    if (b->lag_ms > w->journal.lag_max_ms)
        w->journal.lag_max_ms = b->lag_ms;
}

static void on_turned(struct worker *w, struct task *task)
{
    struct batch *b = task->data;
    struct problem p = {.code = PROBLEM_NONE};
    int64_t turned;

    if (task_failed(task) || !journal_parse_processed(b->turned, &turned, &p)) {
        try_later(w, task);
        return;
    }
    if (turned == LEASE_LOST) {
        lease_mark_lost(w, task->shard);
    } else {
        count(w, b, turned);
        if (b->messages > 0)
            outbox_mark_pending(w, task->shard);
        if (b->n == JOURNAL_ENTRIES_MAX)
            journal_mark_pending(w, task->shard);
    }
    end(w, task);
}

static void ask_turn(struct worker *w, struct task *task)
{
    struct batch *b = task->data;

    pipeline_clear(&task->pipeline);
    b->turned = journal_cmd_process(&task->pipeline, task->shard, w->id, b->turns, b->n, w->now_ms,
                                    EVENT_AGE_MAX_MS);
    task_submit(w, task, on_turned);
}

static void bury_next(struct worker *w, struct task *task);

static void on_buried(struct worker *w, struct task *task, enum dead_letter_result end)
{
    struct batch *b = task->data;

    if (end == DEAD_LETTER_FAILED) {
        try_later(w, task);
        return;
    }
    if (end == DEAD_LETTER_STORED) {
        b->unreadable++;
        tell_unreadable(w, task->shard, b->reasons[b->burying]);
    }
    b->burying++;
    bury_next(w, task);
}

/* What cannot be read is kept as a dead letter, and then turned into nothing. */
static void bury_next(struct worker *w, struct task *task)
{
    struct batch *b = task->data;
    struct str journal = key_shard_record(task->arena, task->shard, SHARD_KEY_JOURNAL);
    struct dead_letter_item dead = {.stream = journal, .source = journal};

    while (b->burying < b->n && !b->reasons[b->burying])
        b->burying++;
    if (b->burying == b->n) {
        ask_turn(w, task);
        return;
    }
    dead.id = b->records[b->burying].id;
    dead.payload = b->records[b->burying].text;
    dead.reason = arena_printf(task->arena, "journal entry %s", b->reasons[b->burying]);
    dead_letter_put(w, task, &dead, on_buried);
}

static void on_read(struct worker *w, struct task *task)
{
    struct batch *b = task->data;
    struct problem p = {.code = PROBLEM_NONE};

    if (task_failed(task) || !journal_parse(b->read, b->records, &b->n, &p)) {
        try_later(w, task);
        return;
    }
    if (b->n == 0 || !lease_held(w, task->shard)) {
        end(w, task);
        return;
    }
    (void)snprintf(w->journal.shards[task->shard].last_id, STREAM_ID_SIZE, "%.*s",
                   STR_ARG(b->records[b->n - 1].id));
    for (size_t i = 0; i < b->n; i++)
        turn_one(w, task, b, i);
    bury_next(w, task);
}

static void begin(struct worker *w, unsigned shard)
{
    struct journal_shard *s = &w->journal.shards[shard];
    struct task *task = task_begin(w, shard, NULL);
    struct batch *b = task ? arena_zalloc(task->arena, sizeof(*b)) : NULL;

    if (!b) {
        s->next_run_us = w->now_us + WORKER_RETRY_US;
        task_end(w, task);
        return;
    }
    s->pending = false;
    s->busy = true;
    w->journal.busy_shards++;
    task->data = b;
    b->read = journal_cmd_oldest(&task->pipeline, shard);
    task_submit(w, task, on_read);
}

static void sweep(struct worker *w)
{
    if (w->now_us < w->journal.next_sweep_us)
        return;
    w->journal.next_sweep_us = w->now_us + SWEEP_US;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        journal_mark_pending(w, shard);
        outbox_mark_pending(w, shard);
    }
}

static void tick_shard(struct worker *w, unsigned shard)
{
    const struct journal_shard *s = &w->journal.shards[shard];

    if (!s->pending || s->busy || !lease_held(w, shard))
        return;
    if (w->now_us < s->next_run_us)
        worker_wake_at(w, s->next_run_us);
    else if (w->journal.busy_shards < SHARDS_AT_ONCE)
        begin(w, shard);
}

void journal_tick(struct worker *w)
{
    unsigned first = w->journal.rr_cursor++;

    if (worker_draining(w))
        return;
    sweep(w);
    for (unsigned i = 0; i < SHARDS; i++)
        tick_shard(w, (first + i) % SHARDS);
}
