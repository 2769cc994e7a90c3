/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte of the input chooses a command, the rest is what Redis replies to it: through the
 * store's connection to the parser of that kind of record. What is parsed must keep the promises of
 * the parser; what is not must be a problem. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/base/config.h"
#include "app/store/cohort.h"
#include "app/store/dead_letter.h"
#include "app/store/idempotency.h"
#include "app/store/lease.h"
#include "app/store/outbox.h"
#include "app/store/prediction.h"
#include "app/store/queue.h"
#include "app/store/recommendation.h"
#include "app/store/schema.h"
#include "app/store/store.h"
#include "app/store/student.h"
#include "app/store/student_days.h"
#include "app/store/students.h"
#include "app/store/topics.h"
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

/* A parser returns true, or sets a problem. */
static bool parsed_or_problem(bool read, const struct problem *p)
{
    require(read == (p->code == PROBLEM_NONE));
    return read;
}

static void touch(struct str text)
{
    unsigned sum = 0;

    for (size_t i = 0; i < text.n; i++)
        sum += (unsigned char)text.p[i];
    require(sum <= 255 * text.n); /* the sanitizer checks each byte that is read */
}

static void touch_all(const struct str_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        touch(list->v[i]);
}

/* ---- commands and their parsers ---- */

static struct command *queue_cohort(struct pipeline *pipeline)
{
    return cohort_cmd_get(pipeline, STR("c"));
}

static void parse_cohort(const struct command *command, struct arena *arena)
{
    struct problem p = {0};
    struct cohort cohort;

    if (!parsed_or_problem(cohort_parse(command, arena, STR("c"), &cohort, &p), &p) ||
        !cohort.exists)
        return;
    require(cohort.students.n <= COHORT_STUDENTS_MAX && cohort.teachers.n <= COHORT_TEACHERS_MAX);
    touch(cohort.name);
    touch_all(&cohort.students);
    touch_all(&cohort.teachers);
}

static struct command *queue_set(struct pipeline *pipeline)
{
    return cohort_cmd_of_student(pipeline, STR("s"));
}

static void parse_set(const struct command *command, struct arena *arena)
{
    struct problem p = {0}, q = {0};
    struct str_list ids;
    bool taught = false;

    if (parsed_or_problem(cohort_parse_ids(command, arena, &ids, &p), &p))
        touch_all(&ids);
    if (parsed_or_problem(cohort_parse_teaches(command, command, &taught, &q), &q))
        require(!taught || ids.n > 0);
    else
        require(!taught);
}

static struct command *queue_dead_letters(struct pipeline *pipeline)
{
    return dead_letter_cmd_list(pipeline, STR("-"), 3);
}

static void parse_dead_letters(const struct command *command, struct arena *arena)
{
    struct dead_letter letters[3];
    struct problem p = {0};
    size_t n = 0;

    if (!parsed_or_problem(dead_letter_parse_list(command, arena, 3, letters, &n, &p), &p))
        return;
    require(n <= 3);
    for (size_t i = 0; i < n; i++) {
        touch(letters[i].id);
        touch(letters[i].event);
        touch(letters[i].reason);
    }
}

static struct command *queue_idempotency(struct pipeline *pipeline)
{
    return idempotency_cmd_acquire(pipeline, STR("idempotency:x"), STR("digest"), STR("owner"),
                                   1000);
}

static void parse_idempotency(const struct command *command, struct arena *arena)
{
    struct idempotency_record record;
    struct problem p = {0};

    (void)arena;
    if (!parsed_or_problem(idempotency_parse_acquire(command, STR("owner"), &record, &p), &p))
        return;
    require(record.state != IDEMPOTENCY_DONE || (record.status >= 200 && record.status <= 299));
    touch(record.body);
    touch(record.student);
    touch(record.location);
}

static struct command *queue_journal(struct pipeline *pipeline)
{
    return journal_cmd_oldest(pipeline, SHARD);
}

static void parse_journal(const struct command *command, struct arena *arena)
{
    struct journal_record records[JOURNAL_ENTRIES_MAX];
    struct problem p = {0}, q = {0};
    bool unusable[JOURNAL_ENTRIES_MAX];
    int64_t turned;
    size_t n = 0;

    (void)arena;
    (void)parsed_or_problem(journal_parse_processed(command, &turned, unusable, &q), &q);
    if (!parsed_or_problem(journal_parse(command, records, &n, &p), &p))
        return;
    require(n <= JOURNAL_ENTRIES_MAX);
    for (size_t i = 0; i < n; i++)
        touch(records[i].text);
}

static struct command *queue_lease(struct pipeline *pipeline)
{
    return lease_cmd_acquire(pipeline, STR("lease"), STR("holder"), 1000);
}

static void parse_lease(const struct command *command, struct arena *arena)
{
    struct problem p = {0};
    int64_t until_ms;

    (void)arena;
    (void)parsed_or_problem(lease_parse_acquire(command, &until_ms, &p), &p);
}

static struct command *queue_outbox(struct pipeline *pipeline)
{
    return outbox_cmd_next(pipeline, SHARD, STR(""));
}

static void parse_outbox(const struct command *command, struct arena *arena)
{
    struct outbox_entry entry;
    struct problem p = {0};
    bool there = false;

    (void)arena;
    if (parsed_or_problem(outbox_parse_next(command, &entry, &there, &p), &p) && there)
        touch(entry.message.event);
}

static struct command *queue_predictions(struct pipeline *pipeline)
{
    return prediction_cmd_list(pipeline, STR("s"), PREDICTIONS_READ_MAX);
}

static void parse_predictions(const struct command *command, struct arena *arena)
{
    struct prediction_record *records;
    struct problem p = {0};
    size_t n = 0;

    if (!parsed_or_problem(prediction_parse_list(command, arena, &records, &n, &p), &p))
        return;
    require(n <= PREDICTIONS_READ_MAX);
    for (size_t i = 0; i < n; i++) {
        require(records[i].score >= 0 && records[i].score <= 1);
        touch(records[i].model);
    }
}

static struct command *queue_jobs(struct pipeline *pipeline)
{
    return queue_cmd_read(pipeline, STR("w"), 4, (size_t[QUEUE_PRIORITIES]){1, 1, 1});
}

static void parse_jobs(const struct command *command, struct arena *arena)
{
    struct queue_job jobs[QUEUE_READ_MAX];
    struct problem p = {0};
    size_t n = 0;

    (void)arena;
    if (!parsed_or_problem(queue_parse_jobs(command, jobs, &n, &p), &p))
        return;
    require(n <= QUEUE_READ_MAX);
    for (size_t i = 0; i < n; i++) {
        require(jobs[i].priority < QUEUE_PRIORITIES && jobs[i].attempts >= 0);
        touch(jobs[i].body);
    }
}

static struct command *queue_day(struct pipeline *pipeline)
{
    return recommendation_cmd_get(pipeline, STR("s"), TODAY, true);
}

static void parse_day(const struct command *command, struct arena *arena)
{
    struct recommendations r;
    struct problem p = {0};

    if (!parsed_or_problem(recommendation_parse(command, arena, TODAY, 2, &r, &p), &p))
        return;
    require(r.feedback_count <= FEEDBACK_HISTORY_MAX);
    for (size_t i = 0; i < r.n; i++)
        require(r.v[i].number == (int)i + 1 && r.v[i].score >= 0 && r.v[i].score <= 1);
    touch(r.path);
    touch(r.token);
}

static struct command *queue_recommendations(struct pipeline *pipeline)
{
    return recommendation_cmd_days(pipeline, STR("s"), TODAY - 2, 3);
}

static void parse_recommendations(const struct command *command, struct arena *arena)
{
    struct recommendation_record *given;
    struct problem p = {0};
    struct str token;
    size_t n = 0;

    if (!parsed_or_problem(
            recommendation_parse_days(command, arena, TODAY - 2, &given, &n, &token, &p), &p))
        return;
    for (size_t i = 0; i < n; i++)
        require(given[i].day > TODAY - 3 && given[i].day <= TODAY);
}

static struct command *queue_profile(struct pipeline *pipeline)
{
    return student_cmd_state(pipeline, STR("s"));
}

static void require_state(const struct mastery_state *s)
{
    struct mastery_state again;
    unsigned char packed[STATE_PACKED_MAX];

    require(state_unpack((struct str){(char *)packed, state_pack(s, packed)}, &again));
}

static void parse_profile(const struct command *command, struct arena *arena)
{
    struct student_profile profile;
    struct problem p = {0}, q = {0};
    struct str packed;

    (void)arena;
    (void)student_parse_change(command, &packed, &q);
    (void)student_parse_known_mark(command, 0, &packed);
    if (!parsed_or_problem(student_parse_profile(command, &profile, &p), &p) || !profile.exists)
        return;
    require_state(&profile.state);
    touch(profile.packed);
}

static struct command *queue_topics(struct pipeline *pipeline)
{
    return student_cmd_topics(pipeline, STR("s"));
}

static void parse_topics(const struct command *command, struct arena *arena)
{
    struct student_topics topics, again;
    struct problem p = {0};

    if (!parsed_or_problem(student_parse_topics(command, &topics, &p), &p))
        return;
    topics_rank(topics.v, topics.n, TODAY * DAY_MS);
    for (size_t i = 0; i < topics.n; i++) {
        require(topics.v[i].mastery >= 0 && topics.v[i].mastery <= 1);
        touch(topics.v[i].id);
    }
    require(topics_unpack(topics_pack(arena, topics.v, topics.n), arena, &again.v, &again.n) &&
            again.n == topics.n);
}

static struct command *queue_days(struct pipeline *pipeline)
{
    return student_cmd_days(pipeline, STR("s"), NULL, TODAY - 3, 4);
}

/* By plain commands: the state, then the closed days. */
static struct command *queue_closed_days(struct pipeline *pipeline)
{
    const struct command *state = student_cmd_state(pipeline, STR("s"));
    struct command *days;

    schema_learn(SCHEMA_PACKED);
    days = student_cmd_latest_days(pipeline, STR("s"), state, TODAY, 4);
    schema_learn(SCHEMA_OLD_FORMS); /* the other readers read all forms */
    return days;
}

static void parse_days(const struct command *command, struct arena *arena)
{
    struct mastery_state days[STUDENT_DAYS_MAX], one;
    struct student_days texts;
    struct problem p = {0};
    size_t n = 0;

    (void)arena;
    (void)student_parse_opening(command, TODAY, &one);
    if (student_parse_day_texts(command, &texts, &p))
        require(student_day_state(&texts, 4, &one) == REPLY_ERROR);
    p = (struct problem){0};
    if (!parsed_or_problem(student_parse_days(command, days, &n, &p), &p))
        return;
    require(n <= 4);
    for (size_t i = 0; i < n; i++)
        require_state(&days[i]);
}

static struct command *queue_students(struct pipeline *pipeline)
{
    return students_cmd_page(pipeline, STR("0"));
}

static void parse_students(const struct command *command, struct arena *arena)
{
    struct str_list students;
    struct problem p = {0};
    struct str cursor;

    if (!parsed_or_problem(students_parse_page(command, arena, &cursor, &students, &p), &p))
        return;
    touch(cursor);
    touch_all(&students);
}

static void parse_workers(const struct command *command, struct arena *arena)
{
    struct worker_heartbeat heartbeats[WORKERS_MAX];
    size_t n = 0;

    (void)arena;
    if (workers_parse(command, heartbeats, &n))
        require(n <= WORKERS_MAX);
    for (size_t i = 0; i < n; i++)
        require(heartbeats[i].dapr < DAPR_STATES);
}

static const struct {
    struct command *(*command)(struct pipeline *pipeline);
    void (*parse)(const struct command *command, struct arena *arena);
} readers[] = {
    {queue_cohort, parse_cohort},
    {queue_set, parse_set},
    {queue_dead_letters, parse_dead_letters},
    {queue_idempotency, parse_idempotency},
    {queue_journal, parse_journal},
    {queue_lease, parse_lease},
    {queue_outbox, parse_outbox},
    {queue_predictions, parse_predictions},
    {queue_jobs, parse_jobs},
    {queue_day, parse_day},
    {queue_recommendations, parse_recommendations},
    {queue_profile, parse_profile},
    {queue_days, parse_days},
    {queue_students, parse_students},
    {workers_cmd_get, parse_workers},
    {queue_topics, parse_topics},
    {queue_closed_days, parse_days},
};
enum { READERS = sizeof(readers) / sizeof(readers[0]) };

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

/* Writes the replies to the handshake, then the input, then closes the connection. */
static void reply_with(struct store *store, const uint8_t *bytes, size_t n)
{
    const struct script *const *scripts;

    require(fake_redis_accept(&redis));
    for (size_t i = 0; i <= scripts_all(&scripts); i++)
        fake_redis_say(&redis, "+OK\r\n");
    require(n == 0 || write(redis.peers[0], bytes, n) == (ssize_t)n);
    store_on_ready(store, NOW_US);
    fake_redis_hang_up(&redis);
    store_on_ready(store, NOW_US);
    while (fake_redis_accept(&redis)) /* a read is sent a second time */
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
        const struct command *command = readers[data[0] % READERS].command(&pipeline);
        store_submit(store, &pipeline, NOW_US);
        store_flush(store, NOW_US);
        reply_with(store, data + 1, size - 1);
        if (pipeline.status == PIPELINE_COMPLETE || pipeline.status == PIPELINE_FAILED)
            readers[data[0] % READERS].parse(command, arena);
        store_free(store);
    }
    arena_free(arena);
    return 0;
}
