/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte chooses what Redis is asked, the rest is what it says: through the store's own
 * connection into whoever reads that kind of record. What is read must keep the reader's promises,
 * and what is not must be a problem. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/store/cohort.h"
#include "app/store/dead_letter.h"
#include "app/store/idempotency.h"
#include "app/store/lease.h"
#include "app/store/outbox.h"
#include "app/store/prediction.h"
#include "app/store/queue.h"
#include "app/store/recommendation.h"
#include "app/store/student.h"
#include "app/store/students.h"
#include "app/store/workers.h"
#include "tests/unit/fake_redis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TODAY = 20000, INPUT_MAX = 32768, SHARD = 7 };
static const int64_t NOW_US = 100000000;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Either it was read, or there is a problem that says why not. */
static bool was_read(bool read, const struct problem *p)
{
    require(read == (p->code == PROBLEM_NONE));
    return read;
}

static void touch(struct str text)
{
    unsigned sum = 0;

    for (size_t i = 0; i < text.n; i++)
        sum += (unsigned char)text.p[i];
    require(sum <= 255 * text.n); /* for the sanitizer, which sees every byte read */
}

static void touch_all(const struct str_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        touch(list->v[i]);
}

/* ---- what is asked, and how it is read ---- */

static struct command *ask_cohort(struct pipeline *a)
{
    return cohort_cmd_get(a, STR("c"));
}

static void read_cohort(const struct command *command, struct arena *arena)
{
    struct problem p = {0};
    struct cohort cohort;

    if (!was_read(cohort_parse(command, arena, STR("c"), &cohort, &p), &p) || !cohort.exists)
        return;
    require(cohort.students.n <= COHORT_STUDENTS_MAX && cohort.teachers.n <= COHORT_TEACHERS_MAX);
    touch(cohort.name);
    touch_all(&cohort.students);
    touch_all(&cohort.teachers);
}

static struct command *ask_set(struct pipeline *a)
{
    return cohort_cmd_of_student(a, STR("s"));
}

static void read_set(const struct command *command, struct arena *arena)
{
    struct problem p = {0}, q = {0};
    struct str_list ids;
    bool taught = false;

    if (was_read(cohort_parse_ids(command, arena, &ids, &p), &p))
        touch_all(&ids);
    if (was_read(cohort_parse_teaches(command, command, &taught, &q), &q))
        require(!taught || ids.n > 0);
    else
        require(!taught);
}

static struct command *ask_letters(struct pipeline *a)
{
    return dead_letter_cmd_list(a, STR("-"), 3);
}

static void read_letters(const struct command *command, struct arena *arena)
{
    struct dead_letter letters[3];
    struct problem p = {0};
    size_t n = 0;

    if (!was_read(dead_letter_parse_list(command, arena, 3, letters, &n, &p), &p))
        return;
    require(n <= 3);
    for (size_t i = 0; i < n; i++) {
        touch(letters[i].id);
        touch(letters[i].event);
        touch(letters[i].reason);
    }
}

static struct command *ask_idempotency(struct pipeline *a)
{
    return idempotency_cmd_acquire(a, STR("idempotency:x"), STR("digest"), STR("owner"), 1000);
}

static void read_idempotency(const struct command *command, struct arena *arena)
{
    struct idempotency_record record;
    struct problem p = {0};

    (void)arena;
    if (!was_read(idempotency_parse_acquire(command, &record, &p), &p))
        return;
    require(record.state != IDEMPOTENCY_DONE || (record.status >= 200 && record.status <= 299));
    touch(record.body);
    touch(record.student);
    touch(record.location);
}

static struct command *ask_journal(struct pipeline *a)
{
    return journal_cmd_oldest(a, SHARD);
}

static void read_journal(const struct command *command, struct arena *arena)
{
    struct journal_record records[JOURNAL_ENTRIES_MAX];
    struct problem p = {0}, q = {0};
    int64_t turned;
    size_t n = 0;

    (void)arena;
    (void)was_read(journal_parse_processed(command, &turned, &q), &q);
    if (!was_read(journal_parse(command, records, &n, &p), &p))
        return;
    require(n <= JOURNAL_ENTRIES_MAX);
    for (size_t i = 0; i < n; i++)
        touch(records[i].text);
}

static struct command *ask_lease(struct pipeline *a)
{
    return lease_cmd_acquire(a, SHARD, STR("holder"), 1000);
}

static void read_lease(const struct command *command, struct arena *arena)
{
    (void)arena;
    (void)lease_parse_acquire(command);
}

static struct command *ask_outbox(struct pipeline *a)
{
    return outbox_cmd_next(a, SHARD, STR(""));
}

static void read_outbox(const struct command *command, struct arena *arena)
{
    struct outbox_entry entry;
    struct problem p = {0};
    bool there = false;

    (void)arena;
    if (was_read(outbox_parse_next(command, &entry, &there, &p), &p) && there)
        touch(entry.message.event);
}

static struct command *ask_predictions(struct pipeline *a)
{
    return prediction_cmd_list(a, STR("s"));
}

static void read_predictions(const struct command *command, struct arena *arena)
{
    struct prediction_record *records;
    struct problem p = {0};
    size_t n = 0;

    if (!was_read(prediction_parse_list(command, arena, &records, &n, &p), &p))
        return;
    require(n <= PREDICTIONS_READ_MAX);
    for (size_t i = 0; i < n; i++) {
        require(records[i].score >= 0 && records[i].score <= 1);
        touch(records[i].model);
    }
}

static struct command *ask_jobs(struct pipeline *a)
{
    return queue_cmd_read(a, STR("w"), 4, (size_t[QUEUE_PRIORITIES]){1, 1, 1});
}

static void read_jobs(const struct command *command, struct arena *arena)
{
    struct queue_job jobs[QUEUE_READ_MAX];
    struct problem p = {0};
    size_t n = 0;

    (void)arena;
    if (!was_read(queue_parse_jobs(command, jobs, &n, &p), &p))
        return;
    require(n <= QUEUE_READ_MAX);
    for (size_t i = 0; i < n; i++) {
        require(jobs[i].priority < QUEUE_PRIORITIES && jobs[i].attempts >= 0);
        touch(jobs[i].body);
    }
}

static struct command *ask_day(struct pipeline *a)
{
    return recommendation_cmd_get(a, STR("s"), TODAY, true);
}

static void read_day(const struct command *command, struct arena *arena)
{
    struct recommendations r;
    struct problem p = {0};

    if (!was_read(recommendation_parse(command, arena, TODAY, 2, &r, &p), &p))
        return;
    require(r.feedback_count <= FEEDBACK_HISTORY_MAX);
    for (size_t i = 0; i < r.n; i++)
        require(r.v[i].number == (int)i + 1 && r.v[i].score >= 0 && r.v[i].score <= 1);
    touch(r.path);
    touch(r.token);
}

static struct command *ask_given(struct pipeline *a)
{
    return recommendation_cmd_days(a, STR("s"), TODAY - 2, 3);
}

static void read_given(const struct command *command, struct arena *arena)
{
    struct recommendation_record *given;
    struct problem p = {0};
    struct str token;
    size_t n = 0;

    if (!was_read(recommendation_parse_days(command, arena, TODAY - 2, &given, &n, &token, &p), &p))
        return;
    for (size_t i = 0; i < n; i++)
        require(given[i].day > TODAY - 3 && given[i].day <= TODAY);
}

static struct command *ask_profile(struct pipeline *a)
{
    return student_cmd_profile(a, STR("s"));
}

static void require_state(const struct mastery_state *s)
{
    struct mastery_state again;
    unsigned char packed[STATE_PACKED_MAX];

    require(state_unpack((struct str){(char *)packed, state_pack(s, packed)}, &again));
}

static void read_profile(const struct command *command, struct arena *arena)
{
    struct student_profile profile;
    struct problem p = {0}, q = {0};
    struct str packed;

    (void)arena;
    (void)student_parse_change(command, &packed, &q);
    if (!was_read(student_parse_profile(command, &profile, &p), &p) || !profile.exists)
        return;
    require_state(&profile.state);
    touch(profile.result_json);
}

static struct command *ask_days(struct pipeline *a)
{
    return student_cmd_days(a, STR("s"), TODAY - 3, 4);
}

static void read_days(const struct command *command, struct arena *arena)
{
    struct mastery_state days[STUDENT_DAYS_MAX], one;
    struct problem p = {0};
    size_t n = 0;

    (void)arena;
    require(student_parse_day(command, 4, &one) == REPLY_ERROR);
    if (!was_read(student_parse_days(command, days, &n, &p), &p))
        return;
    require(n <= 4);
    for (size_t i = 0; i < n; i++)
        require_state(&days[i]);
}

static struct command *ask_students(struct pipeline *a)
{
    return students_cmd_page(a, STR("0"));
}

static void read_students(const struct command *command, struct arena *arena)
{
    struct str_list students;
    struct problem p = {0};
    struct str cursor;

    if (!was_read(students_parse_page(command, arena, &cursor, &students, &p), &p))
        return;
    touch(cursor);
    touch_all(&students);
}

static void read_workers(const struct command *command, struct arena *arena)
{
    struct worker_heartbeat signs[WORKERS_MAX];
    size_t n = 0;

    (void)arena;
    if (workers_parse(command, signs, &n))
        require(n <= WORKERS_MAX);
    for (size_t i = 0; i < n; i++)
        require(signs[i].dapr < DAPR_STATES);
}

static const struct {
    struct command *(*command)(struct pipeline *a);
    void (*read)(const struct command *command, struct arena *arena);
} questions[] = {
    {ask_cohort, read_cohort},       {ask_set, read_set},
    {ask_letters, read_letters},     {ask_idempotency, read_idempotency},
    {ask_journal, read_journal},     {ask_lease, read_lease},
    {ask_outbox, read_outbox},       {ask_predictions, read_predictions},
    {ask_jobs, read_jobs},           {ask_day, read_day},
    {ask_given, read_given},         {ask_profile, read_profile},
    {ask_days, read_days},           {ask_students, read_students},
    {workers_cmd_get, read_workers},
};
enum { QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

/* ---- Redis ---- */

static struct fake_redis redis;
static struct config config = {.store_round_timeout_ms = 200,
                               .store_connect_timeout_ms = 200,
                               .store_breaker_failures = 3,
                               .store_breaker_open_ms = 500};

static void close_redis(void)
{
    fake_redis_close(&redis);
}

static bool open_redis(void)
{
    static char url[128];

    if (config.redis_url)
        return true;
    (void)signal(SIGPIPE, SIG_IGN);
    if (!fake_redis_open(&redis) || atexit(close_redis) != 0)
        return false;
    (void)snprintf(url, sizeof(url), "unix://%s", redis.path);
    config.redis_url = url;
    return true;
}

/* The greeting's answers, then the input, then nothing more. */
static void say(struct store *store, const uint8_t *bytes, size_t n)
{
    const struct script *const *scripts;

    require(fake_redis_accept(&redis));
    for (size_t i = 0; i <= scripts_all(&scripts); i++)
        fake_redis_say(&redis, "+OK\r\n");
    require(n == 0 || write(redis.peers[0], bytes, n) == (ssize_t)n);
    store_on_ready(store, NOW_US);
    fake_redis_hang_up(&redis);
    store_on_ready(store, NOW_US);
    while (fake_redis_accept(&redis)) /* it may have come again */
        fake_redis_hang_up(&redis);
    redis.count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096, 32 << 20);
    char error[200];
    struct store *store;
    struct pipeline pipeline;

    if (size > 0 && size <= INPUT_MAX && arena && open_redis()) {
        store = store_new(&config, error);
        require(store != NULL);
        pipeline_init(&pipeline, arena, NULL);
        const struct command *command = questions[data[0] % QUESTIONS].command(&pipeline);
        store_submit(store, &pipeline, NOW_US);
        store_flush(store, NOW_US);
        say(store, data + 1, size - 1);
        if (pipeline.status == PIPELINE_COMPLETE || pipeline.status == PIPELINE_FAILED)
            questions[data[0] % QUESTIONS].read(command, arena);
        store_free(store);
    }
    arena_free(arena);
    return 0;
}
