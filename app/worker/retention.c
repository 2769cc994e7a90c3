/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/retention.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/ingest/event_input.h"
#include "app/store/keys.h"
#include "app/store/outbox.h"
#include "app/store/student.h"
#include "app/worker/worker.h"

enum { KEYS_A_STEP = 1000, KEYS_A_STEP_MAX = 100000 };

static const int64_t FIRST_US = 2000000; /* after the start */
static const int64_t STEP_US = 50000;    /* between steps, so that nobody notices */
static const int64_t ROUND_US = INT64_C(86400) * 1000000;
static const int64_t DEAD_LETTER_AGE_MS = EVENT_AGE_MAX_MS;
static const int64_t OUTBOX_AGE_MS = INT64_C(86400) * 1000; /* when nobody publishes */

static void ask_trim(struct pipeline *a, struct str key, int64_t before_ms)
{
    (void)pipeline_add(a, COMMAND_WRITE, 4,
                       (struct str[]){STR("XTRIM"), key, STR("MINID"),
                                      arena_printf(a->arena, "%lld", (long long)before_ms)});
}

static void on_trimmed(struct worker *w, struct task *task)
{
    w->retention.busy = false;
    task_end(w, task);
}

static void fail(struct worker *w, struct task *task)
{
    w->retention.next_run_us = w->now_us + WORKER_RETRY_US;
    on_trimmed(w, task);
}

static void end_walk(struct worker *w)
{
    struct retention *r = &w->retention;
    struct jw *jw = log_begin(w->engine->log, LOG_INFO, "retention.done");

    jw_int(jw, "records", (int64_t)r->scanned);
    log_end(w->engine->log);
    r->cursor[0] = '\0';
    r->next_run_us = w->now_us + ROUND_US;
}

/* ---- what the walks over all keys look for ---- */

/* A round of pieces is over: those records that are not at their end get another. */
static void on_marks_trimmed(struct worker *w, struct task *task)
{
    struct pipeline done = task->pipeline;
    struct str cursor;

    if (task_failed(task)) {
        fail(w, task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (const struct command *command = done.first; command; command = command->next) {
        if (reply_text(command->reply, &cursor) == REPLY_OK && !str_equal(cursor, STR("0")))
            student_cmd_trim_marks(&task->pipeline, command->argv[0], cursor,
                                   day_of_ms(w->now_ms) - MARK_DAYS);
    }
    if (task->pipeline.count > 0)
        task_submit(w, task, on_marks_trimmed);
    else
        on_trimmed(w, task);
}

static void trim_marks(struct worker *w, struct pipeline *a, struct str key)
{
    (void)student_cmd_trim_marks(a, key, STR("0"), day_of_ms(w->now_ms) - MARK_DAYS);
}

static void trim_events(struct worker *w, struct pipeline *a, struct str key)
{
    ask_trim(a, key, w->now_ms - EVENT_AGE_MAX_MS);
}

/* One walk after the other. */
static const struct {
    const struct str *pattern;
    const char *type;
    void (*trim)(struct worker *w, struct pipeline *a, struct str key);
    task_on_replies *trimmed;
} walks[] = {
    {&key_pattern_events, "stream", trim_events, on_trimmed},
    {&key_pattern_marks, "hash", trim_marks, on_marks_trimmed},
};
enum { WALKS = sizeof(walks) / sizeof(walks[0]) };

static void on_scanned(struct worker *w, struct task *task)
{
    struct retention *r = &w->retention;
    const redisReply *reply = ((struct command *)task->data)->reply;
    task_on_replies *trimmed = walks[r->scan].trimmed;
    struct str cursor, key;
    size_t n;

    if (task_failed(task) || reply_text(reply_at(reply, 0), &cursor) != REPLY_OK ||
        cursor.n >= sizeof(r->cursor) ||
        reply_array(reply_at(reply, 1), KEYS_A_STEP_MAX, &n) != REPLY_OK) {
        fail(w, task);
        return;
    }
    (void)snprintf(r->cursor, sizeof(r->cursor), "%.*s", STR_ARG(cursor));
    pipeline_clear(&task->pipeline);
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(reply_at(reply, 1), i), &key) == REPLY_OK)
            walks[r->scan].trim(w, &task->pipeline, key);
    }
    r->scanned += n;
    r->next_run_us = w->now_us + STEP_US;
    if (str_equal(cursor, STR("0")) && ++r->scan == WALKS)
        end_walk(w);
    task_submit(w, task, trimmed);
}

static void scan(struct worker *w, struct task *task)
{
    struct str cursor = arena_copy(task->arena, str_of(w->retention.cursor));

    task->data = pipeline_add(&task->pipeline, COMMAND_READ, 8,
                              (struct str[]){STR("SCAN"), cursor, STR("MATCH"),
                                             *walks[w->retention.scan].pattern, STR("COUNT"),
                                             arena_printf(task->arena, "%d", KEYS_A_STEP),
                                             STR("TYPE"), str_of(walks[w->retention.scan].type)});
    task_submit(w, task, on_scanned);
}

/* Dead letters hold what people did, too; outboxes fill only while somebody publishes. */
static void begin_walk(struct worker *w, struct task *task)
{
    struct retention *r = &w->retention;

    memcpy(r->cursor, "0", sizeof("0"));
    r->scanned = 0;
    r->scan = 0;
    ask_trim(&task->pipeline, key_dead_letters, w->now_ms - DEAD_LETTER_AGE_MS);
    for (unsigned shard = 0; shard < SHARDS && !worker_publishes(w); shard++)
        outbox_cmd_trim(&task->pipeline, shard, w->now_ms - OUTBOX_AGE_MS);
    task_submit(w, task, on_trimmed);
}

void retention_tick(struct worker *w)
{
    struct retention *r = &w->retention;
    struct task *task;

    if (r->next_run_us == 0)
        r->next_run_us = w->now_us + FIRST_US;
    if (r->busy || worker_draining(w) || !lease_held(w, 0))
        return;
    if (w->now_us < r->next_run_us) {
        worker_wake_at(w, r->next_run_us);
        return;
    }
    task = task_begin(w, 0, NULL);
    if (!task)
        return;
    r->busy = true;
    if (*r->cursor)
        scan(w, task);
    else
        begin_walk(w, task);
}

bool retention_busy(const struct worker *w)
{
    return w->retention.busy;
}
