/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recording changes against a few keys in memory that behave as the script in Redis does. Requests
 * are interleaved step by step, as they are in a process. */
#include "app/service/record.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/domain/daily.h"
#include "app/service/record_queue.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/schema.h"
#include "app/store/student_days.h"
#include "tests/unit/reply_fixture.h"

void record_tests(void);

static const int64_t NOON = INT64_C(20700) * DAY_MS + DAY_MS / 2;
static const struct str STUDENT = STR_INIT("s_1");

static struct arena *arena;
static struct engine engine;

/* ---- the keys in memory ---- */

enum { ENTRIES = 256 };

struct entry {
    struct str key, value;
    int64_t expires_ms; /* INT64_MAX: never */
};
static struct entry entries[ENTRIES];
static size_t entry_count;
static size_t writes; /* scripts that were run */
static size_t journal_entries;
static int64_t expiry_now_ms; /* clock of the keys: they are gone from their expiry on */

static struct entry *store_entry(struct str key)
{
    for (size_t i = 0; i < entry_count; i++) {
        if (str_equal(entries[i].key, key))
            return &entries[i];
    }
    return NULL;
}

static struct str *store_find(struct str key)
{
    struct entry *entry = store_entry(key);

    return entry && entry->expires_ms > expiry_now_ms ? &entry->value : NULL;
}

/* Empty when the key does not exist. */
static struct str store_get(struct str key)
{
    const struct str *value = store_find(key);

    return value ? *value : STR("");
}

static void store_set_until(struct str key, struct str value, int64_t expires_ms)
{
    struct entry *entry = store_entry(key);

    if (!entry) {
        CU_ASSERT_TRUE_FATAL(entry_count < ENTRIES);
        entry = &entries[entry_count++];
        entry->key = arena_copy(arena, key);
    }
    entry->value = arena_copy(arena, value);
    entry->expires_ms = expires_ms;
}

static void store_set(struct str key, struct str value)
{
    store_set_until(key, value, INT64_MAX);
}

/* Each field of a hash is a key of its own here: KEY/m, KEY/s. */
static struct str hash_field(struct str key, const char *name)
{
    return arena_printf(arena, "%.*s/%s", STR_ARG(key), name);
}

static struct str profile_field(const char *name)
{
    return hash_field(key_student(arena, STUDENT, STUDENT_KEY_PROFILE), name);
}

static void append_value(struct buf *out, const struct str *value)
{
    if (value)
        buf_str(out, bulk_of(arena, *value));
    else
        buf_text(out, "$-1\r\n");
}

static void run_hmget(const struct command *command, struct buf *out)
{
    buf_printf(out, "*%d\r\n", command->argc - 2);
    for (int i = 2; i < command->argc; i++)
        append_value(out, store_find(hash_field(command->argv[1], command->argv[i].p)));
}

/* As lua/student_days.lua does. */
static void run_days(const struct command *command, struct buf *out)
{
    buf_printf(out, "*%d\r\n", command->key_count);
    append_value(out, store_find(hash_field(command->argv[0], "s")));
    for (int i = 1; i < command->key_count; i++)
        append_value(out, store_find(command->argv[i]));
}

/* Puts a record into the closed days, the newest first, in place of one of the same day, as
 * lua/lib/days.lua does. */
static struct str put_day(struct str days, struct str record)
{
    struct str rest = days, text, one = record;
    struct buf out;
    int32_t day, found;
    bool is_put = false;

    CU_ASSERT_TRUE_FATAL(student_day_cut(&one, &day, &text) && one.n == 0);
    buf_init(&out, arena);
    for (struct str from = rest; student_day_cut(&rest, &found, &text); from = rest) {
        if (!is_put && found <= day) {
            buf_str(&out, record);
            is_put = true;
        }
        if (found != day)
            buf_str(&out, (struct str){from.p, from.n - rest.n});
    }
    if (!is_put)
        buf_str(&out, record);
    return buf_view(&out);
}

/* Keeps the days from `oldest` on and the latest one before, as lua/lib/days.lua does. */
static struct str trim_days(struct str days, int64_t oldest)
{
    struct str rest = days, text;
    int32_t day;

    while (student_day_cut(&rest, &day, &text)) {
        if (day < oldest)
            break;
    }
    return (struct str){days.p, days.n - rest.n};
}

/* The mark in its record: after 8 bytes of a digest, 2 of a day, and its length. */
static struct str mark_of(struct str record)
{
    enum { HEADER = 11 };

    CU_ASSERT_FATAL(record.n >= HEADER && record.n == HEADER + (size_t)record.p[HEADER - 1]);
    return (struct str){record.p + HEADER, record.n - HEADER};
}

/* Adds what the script adds for an entry, whose arguments begin at args. A mark is stored under the
 * id of the event here, in the form in which the script replies it. */
static void add_entry(const struct str *keys, const struct str *args)
{
    struct str topics = hash_field(keys[0], "t");

    journal_entries++;
    if (args[1].n > 0)
        store_set(arena_printf(arena, "%.*s/%.*s", STR_ARG(keys[3]), STR_ARG(args[1])),
                  arena_printf(arena, "0 %.*s", STR_ARG(mark_of(args[2]))));
    if (args[3].n > 0) /* the observations, not the sum */
        store_set(topics, arena_printf(arena, "%.*s%zu ", STR_ARG(store_get(topics)), args[3].n));
}

/* The marks of the entries, of which some may be stored. */
static bool append_marks(struct str key, const struct str *args, int64_t count, struct buf *out)
{
    bool is_known = false;
    struct buf marks;

    buf_init(&marks, arena);
    buf_printf(&marks, "*%d\r\n", (int)count);
    for (int64_t i = 0; i < count; i++) {
        struct str id = args[7 + 4 * i + 1];
        const struct str *mark =
            store_find(arena_printf(arena, "%.*s/%.*s", STR_ARG(key), STR_ARG(id)));

        append_value(&marks, mark);
        is_known = is_known || mark;
    }
    if (is_known)
        buf_str(out, buf_view(&marks));
    return is_known;
}

/* The same checks in the same order as lua/student_change.lua. */
static void run_change(const struct command *command, struct buf *out)
{
    const struct str *keys = command->argv, *args = command->argv + command->key_count;
    struct str current = store_get(hash_field(keys[0], "s"));
    int64_t count = 0;

    writes++;
    CU_ASSERT_TRUE_FATAL(str_to_int64(args[2], 1, STUDENT_ENTRIES_MAX, &count));
    if (store_find(hash_field(keys[0], "c"))) {
        buf_text(out, ":-1\r\n");
    } else if (append_marks(keys[3], args, count, out)) {
        return;
    } else if (!str_equal(current, args[0])) {
        append_value(out, &current);
    } else if (current.n == 0 && store_find(keys[1])) {
        buf_text(out, ":0\r\n");
    } else {
        int first = command->key_count + 7 + 4 * (int)count;
        struct str days = store_get(keys[4]);
        int64_t oldest, expires_s;

        for (int64_t i = 0; i < count; i++)
            add_entry(keys, args + 7 + 4 * i);
        store_set(hash_field(keys[0], "s"), args[1]);
        CU_ASSERT_TRUE_FATAL(str_to_int64(args[5], 0, INT32_MAX, &oldest) &&
                             str_to_int64(args[6], 0, INT64_MAX / 1000, &expires_s));
        for (int i = first; i < command->argc; i++)
            days = put_day(days, command->argv[i]);
        if (first < command->argc)
            store_set_until(keys[4], trim_days(days, oldest), expires_s * 1000);
        buf_text(out, ":1\r\n");
    }
}

static void run_command(struct command *command)
{
    struct buf out;

    buf_init(&out, arena);
    if (command->script == &script_student_change)
        run_change(command, &out);
    else if (str_equal(command->argv[0], STR("HMGET")))
        run_hmget(command, &out);
    else if (command->script == &script_student_days)
        run_days(command, &out);
    command->reply = reply_of(arena, buf_view(&out));
    CU_ASSERT_PTR_NOT_NULL_FATAL(command->reply);
}

/* ---- jobs ---- */

struct job {
    struct record record;
    struct pipeline pipeline;
    struct problem problem;
};

static void job_step(struct job *job, enum step expected)
{
    CU_ASSERT_EQUAL_FATAL(record_step(&job->record, &engine, &job->pipeline, &job->problem),
                          expected);
}

/* The store, which completes a parked pipeline. */
static void resume(struct store *store, struct pipeline *pipeline)
{
    (void)store;
    pipeline->is_parked = false;
    pipeline->status = PIPELINE_COMPLETE;
    pipeline->limit_us = INT64_MAX / 2;
}

/* Replies to the commands; a parked pipeline has none, and does not go on. */
static void job_reply(struct job *job)
{
    if (job->pipeline.is_parked)
        return;
    for (struct command *command = job->pipeline.first; command; command = command->next)
        run_command(command);
    job->pipeline.status = PIPELINE_COMPLETE;
    job->pipeline.limit_us = INT64_MAX / 2;
}

static void job_lose(struct job *job)
{
    job->pipeline.status = PIPELINE_FAILED;
}

/* Steps until done, with replies to all commands. Returns the number of pipelines. */
static int job_finish(struct job *job)
{
    int pipelines = 0;

    while (record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_MORE) {
        job_reply(job);
        CU_ASSERT_TRUE_FATAL(++pipelines <= RECORD_ATTEMPTS_MAX);
    }
    return pipelines;
}

static struct job *new_statement(double value)
{
    struct job *job = arena_zalloc(arena, sizeof(*job));

    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    pipeline_init(&job->pipeline, arena, job);
    job->record = (struct record){
        .student = STUDENT, .now_ms = NOON, .actor = STR("t_1"), .correlation_id = STR("c")};
    for (int i = 0; i < COMPONENTS; i++)
        job->record.components[i] = value;
    return job;
}

static struct job *new_event(const char *id, int64_t at_ms, double quiz)
{
    struct job *job = new_statement(0);

    job->record.kind = RECORD_EVENT;
    job->record.event_id = arena_copy(arena, str_of(id));
    job->record.event_json = STR("{}");
    job->record.mark = STR("mark");
    job->record.event = (struct learning_event){
        .at_ms = at_ms, .observations = {{QUIZ, quiz, 1}}, .observation_count = 1, .is_quiz = true};
    return job;
}

static struct mastery_state stored_state(void)
{
    struct str packed = store_get(profile_field("s"));
    struct mastery_state s;

    mastery_state_init(&s);
    if (packed.n > 0)
        CU_ASSERT_TRUE_FATAL(state_unpack(packed, &s));
    return s;
}

/* The state of a day: that of the profile, or of the closed days. */
static bool day_is_stored(int32_t day, struct mastery_state *ret)
{
    struct str days = store_get(key_student(arena, STUDENT, STUDENT_KEY_DAYS)), text;
    int32_t found;

    if (state_unpack(store_get(profile_field("s")), ret) && ret->day == day)
        return true;
    while (student_day_cut(&days, &found, &text)) {
        if (found == day)
            return state_unpack_short(text, day, ret);
    }
    return false;
}

/* Whether no change leads or waits in the student's queue. */
static bool queue_is_empty(void)
{
    struct record *r = arena_zalloc(arena, sizeof(*r));
    bool empty;

    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    r->student = STUDENT;
    CU_ASSERT_TRUE_FATAL(record_queue_join(engine.record_queues, r, arena));
    empty = !r->queue->leader && r->queue->first == r && !r->next;
    record_queue_leave(r);
    return empty;
}

static void set_up(void)
{
    arena = arena_new(1 << 16, 64 << 20);
    engine.record_queues = record_queues_new(resume, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine.record_queues);
    entry_count = writes = journal_entries = 0;
    expiry_now_ms = NOON;
    schema_learn(SCHEMA_PACKED);
}

static void tear_down(void)
{
    arena_free(arena); /* changes that have not ended leave their queue */
    record_queues_free(engine.record_queues);
}

/* ---- sequential ---- */

static void a_first_statement_is_stored_with_its_day(void)
{
    struct job *job = new_statement(0.5);
    struct mastery_state day;

    CU_ASSERT_EQUAL(job_finish(job), 2);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(job->record.is_first);
    CU_ASSERT_EQUAL(job->record.result.score, 0.5);
    CU_ASSERT_EQUAL(stored_state().revision, 1);
    CU_ASSERT_EQUAL(stored_state().updated_at_ms, NOON);
    CU_ASSERT_TRUE(day_is_stored(20700, &day));
    CU_ASSERT_EQUAL(day.revision, 1);
    CU_ASSERT_TRUE(queue_is_empty());
}

static void a_second_builds_on_the_first(void)
{
    struct job *job = new_statement(0.9);

    (void)job_finish(new_statement(0.5));
    CU_ASSERT_EQUAL(job_finish(job), 2);
    CU_ASSERT_FALSE(job->record.is_first);
    CU_ASSERT_EQUAL(job->record.previous_level, DEVELOPING);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    CU_ASSERT_EQUAL(stored_state().samples, 2);
}

static void an_outdated_write_is_computed_from_the_new_state(void)
{
    struct job *job = new_event("e1", NOON, 1), *other = new_event("e2", NOON, 0);
    struct record_queues *ours = engine.record_queues;

    job_step(job, STEP_MORE);
    job_reply(job);
    job_step(job, STEP_MORE);
    engine.record_queues = record_queues_new(resume, NULL); /* acts as another process */
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine.record_queues);
    (void)job_finish(other);
    record_queues_free(engine.record_queues);
    engine.record_queues = ours;
    job_reply(job);
    CU_ASSERT_EQUAL(job_finish(job), 1);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(stored_state().quizzes, 2);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    CU_ASSERT_DOUBLE_EQUAL(stored_state().evidence[QUIZ].sum, 1, 1e-12);
}

static void topics_are_written_once_with_their_event_only(void)
{
    struct job *job = new_event("e1", NOON, 1), *late = new_event("e2", NOON - 3 * DAY_MS, 1);
    struct str ids[] = {STR("loops"), STR("x")};

    job->record.event.topics = (struct str_list){ids, 2};
    late->record.event.topics = (struct str_list){ids, 1};
    (void)job_finish(new_statement(0.5));
    CU_ASSERT_EQUAL(store_get(profile_field("t")).n, 0);
    (void)job_finish(job);
    (void)job_finish(late);
    (void)job_finish(new_event("e3", NOON, 1));
    CU_ASSERT_TRUE(str_equal(store_get(profile_field("t")), STR("59 32 ")));
}

static void after_too_many_attempts_the_client_must_retry(void)
{
    struct job *job = new_statement(0.5);
    int pipelines = 0;

    job_step(job, STEP_MORE);
    job_reply(job);
    while (record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_MORE) {
        struct mastery_state s = stored_state();
        unsigned char packed[STATE_PACKED_MAX];

        if (mastery_state_empty(&s))
            mastery_state_assert(&s, job->record.components, NULL, NOON);
        s.revision += 1000;
        store_set(profile_field("s"), (struct str){(const char *)packed, state_pack(&s, packed)});
        job_reply(job);
        CU_ASSERT_TRUE_FATAL(++pipelines <= RECORD_ATTEMPTS_MAX);
    }
    CU_ASSERT_EQUAL(pipelines, RECORD_ATTEMPTS_MAX);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_TRUE(job->problem.retry_after_s > 0);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* ---- concurrent ---- */

/* Steps each job that has replies or was resumed, until there is none. Returns how many are done.
 */
static int step_together(struct job **jobs, int n, bool *is_done)
{
    int done = 0;
    bool again;

    do {
        again = false;
        for (int i = 0; i < n; i++) {
            struct job *job = jobs[i];

            if (is_done[i] || job->pipeline.status != PIPELINE_COMPLETE)
                continue;
            again = true;
            is_done[i] =
                record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_DONE;
            done += is_done[i];
        }
    } while (again);
    return done;
}

/* Steps each job until all are done. Returns the number of rounds of replies. */
static int finish_together(struct job **jobs, int n)
{
    bool is_done[64] = {false};
    int done = 0, rounds = 0;

    CU_ASSERT_TRUE_FATAL(n <= 64);
    for (; done < n; rounds++) {
        CU_ASSERT_TRUE_FATAL(rounds < 20);
        for (int i = 0; i < n; i++) {
            if (!is_done[i])
                job_reply(jobs[i]);
        }
        done += step_together(jobs, n, is_done);
    }
    return rounds;
}

static void writes_of_one_process_are_made_by_one_script(void)
{
    enum { JOBS = 20 };
    struct job *jobs[JOBS];
    bool has_revision[JOBS + 1] = {false};

    for (int i = 0; i < JOBS; i++)
        job_step(jobs[i] = i % 4 ? new_event((char[]){(char)('a' + i), '\0'}, NOON, i / 20.0)
                                 : new_statement(i / 20.0),
                 STEP_MORE);
    CU_ASSERT_EQUAL(finish_together(jobs, JOBS), 3); /* reads, the first one, all others */
    CU_ASSERT_EQUAL(writes, 2);
    CU_ASSERT_EQUAL(journal_entries, JOBS);
    CU_ASSERT_EQUAL(stored_state().revision, JOBS);
    for (int i = 0; i < JOBS; i++) {
        const struct record *r = &jobs[i]->record;

        CU_ASSERT_EQUAL(jobs[i]->problem.code, PROBLEM_NONE);
        CU_ASSERT_EQUAL(r->is_first, r->state.revision == 1);
        has_revision[r->state.revision] = true;
    }
    for (int i = 1; i <= JOBS; i++)
        CU_ASSERT_TRUE(has_revision[i]);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* The response to each is what it would be if they were written one after the other. */
static void results_of_a_group_are_those_of_single_writes(void)
{
    enum { JOBS = 6 };
    struct job *jobs[JOBS], *in_order[JOBS + 1] = {NULL};
    struct str packed;

    for (int i = 0; i < JOBS; i++)
        job_step(jobs[i] = new_event((char[]){(char)('a' + i), '\0'}, NOON, i / 6.0), STEP_MORE);
    (void)finish_together(jobs, JOBS);
    CU_ASSERT_EQUAL(writes, 2);
    for (int i = 0; i < JOBS; i++)
        in_order[jobs[i]->record.state.revision] = jobs[i];
    packed = store_get(profile_field("s"));
    entry_count = 0;
    for (int i = 1; i <= JOBS; i++) {
        const struct record *r = &in_order[i]->record;
        struct job *single = new_event(r->event_id.p, NOON, r->event.observations[0].x);

        (void)job_finish(single);
        CU_ASSERT_EQUAL(r->result.score, single->record.result.score);
        CU_ASSERT_EQUAL(r->is_first, single->record.is_first);
        CU_ASSERT_EQUAL(r->previous_level, single->record.previous_level);
    }
    CU_ASSERT_TRUE(str_equal(store_get(profile_field("s")), packed));
}

/* One script for each day, so that each has its snapshot. */
static void a_group_ends_where_a_day_begins(void)
{
    struct job *jobs[] = {new_event("a", NOON, 0), new_event("b", NOON, 1),
                          new_event("c", NOON + DAY_MS, 1), new_event("d", NOON, 1)};
    struct mastery_state day;

    for (int i = 0; i < 4; i++) {
        jobs[i]->record.now_ms = NOON + DAY_MS;
        job_step(jobs[i], STEP_MORE);
    }
    (void)finish_together(jobs, 4);
    CU_ASSERT_TRUE(day_is_stored(20700, &day));
    CU_ASSERT_EQUAL(day.quizzes, 3); /* "d" is late, and corrects it */
    CU_ASSERT_TRUE(day_is_stored(20701, &day));
    CU_ASSERT_EQUAL(day.day, 20701);
    CU_ASSERT_EQUAL(stored_state().revision, 4);
    CU_ASSERT_TRUE(queue_is_empty());
}

static void those_that_lose_to_another_process_are_written_together(void)
{
    enum { JOBS = 8 };
    struct job *jobs[JOBS];
    struct record_queues *ours = engine.record_queues;

    for (int i = 0; i < JOBS; i++)
        job_step(jobs[i] = new_event((char[]){(char)('a' + i), '\0'}, NOON, 1), STEP_MORE);
    for (int i = 0; i < JOBS; i++) {
        job_reply(jobs[i]);
        job_step(jobs[i], STEP_MORE); /* the first one is sent */
    }
    engine.record_queues = record_queues_new(resume, NULL); /* acts as another process */
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine.record_queues);
    (void)job_finish(new_event("other", NOON, 1));
    record_queues_free(engine.record_queues);
    engine.record_queues = ours;
    writes = 0;
    CU_ASSERT_EQUAL(finish_together(jobs, JOBS), 2);
    CU_ASSERT_EQUAL(writes, 2); /* the first one in vain */
    CU_ASSERT_EQUAL(stored_state().revision, JOBS + 1);
    CU_ASSERT_TRUE(queue_is_empty());
}

static void events_of_a_list_are_written_by_one_script(void)
{
    struct job *first = new_event("a", NOON, 1), *second = new_event("b", NOON, 1),
               *alone = new_event("c", NOON + DAY_MS, 1);

    first->record.list = second->record.list = alone->record.list = &engine;
    second->record.follows = alone->record.follows = true;
    CU_ASSERT_FALSE(record_may_be_followed(&first->record));
    job_step(first, STEP_MORE);
    CU_ASSERT_FALSE(record_may_be_followed(&first->record)); /* it has only read */
    job_reply(first);
    CU_ASSERT_TRUE(record_may_be_followed(&first->record));
    job_step(second, STEP_MORE); /* joins the queue */
    job_step(first, STEP_MORE);
    job_step(second, STEP_MORE);
    CU_ASSERT_EQUAL(second->pipeline.count, 0);
    job_reply(first);
    job_reply(second);
    job_step(first, STEP_DONE);
    job_step(second, STEP_DONE);
    CU_ASSERT_EQUAL(writes, 1);
    job_step(alone, STEP_MORE);            /* joins the queue */
    CU_ASSERT_EQUAL(job_finish(alone), 2); /* nothing to follow: it reads and writes */
    CU_ASSERT_EQUAL(stored_state().revision, 3);
    CU_ASSERT_TRUE(queue_is_empty());
}

static void when_the_script_is_lost_nobody_knows_of_a_success(void)
{
    struct job *jobs[3];

    for (int i = 0; i < 3; i++) {
        job_step(jobs[i] = new_statement(0.5), STEP_MORE);
        job_reply(jobs[i]);
    }
    for (int i = 0; i < 3; i++)
        job_step(jobs[i], STEP_MORE);
    job_reply(jobs[0]);
    job_step(jobs[0], STEP_DONE);
    CU_ASSERT_TRUE(jobs[1]->pipeline.is_parked);
    job_step(jobs[2], STEP_MORE); /* the last one leads, and writes the second one */
    job_lose(jobs[2]);
    job_step(jobs[2], STEP_DONE);
    job_step(jobs[1], STEP_DONE);
    CU_ASSERT_EQUAL(jobs[1]->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_EQUAL(jobs[2]->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_EQUAL(stored_state().revision, 1);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* A response promises that the replicas have the write, which is asked on the connection that its
 * own commands used. */
static void a_write_on_another_connection_is_no_success(void)
{
    struct job *first = new_statement(0.5), *second = new_statement(0.5),
               *third = new_statement(0.5);

    job_step(first, STEP_MORE);
    job_reply(first);
    job_step(first, STEP_MORE);
    job_step(second, STEP_MORE);
    job_step(third, STEP_MORE);
    job_reply(second);
    job_reply(third);
    job_step(second, STEP_MORE); /* both wait */
    job_step(third, STEP_MORE);
    job_reply(first);
    job_step(first, STEP_DONE);
    job_step(third, STEP_MORE); /* leads, and writes both */
    job_reply(third);
    job_step(third, STEP_DONE);
    CU_ASSERT_EQUAL(third->problem.code, PROBLEM_NONE);
    CU_ASSERT_FALSE(second->pipeline.is_parked);
    second->pipeline.generation = 1;
    job_step(second, STEP_DONE);
    CU_ASSERT_EQUAL(second->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
}

/* Nothing was written, so the client may try again. */
static void who_has_waited_too_long_does_not_lead(void)
{
    struct job *jobs[] = {new_statement(0.5), new_statement(0.5), new_statement(0.5)};

    for (int i = 0; i < 3; i++)
        job_step(jobs[i], STEP_MORE);
    for (int i = 0; i < 3; i++) {
        job_reply(jobs[i]);
        job_step(jobs[i], STEP_MORE);
    }
    job_reply(jobs[0]);
    job_step(jobs[0], STEP_DONE);
    jobs[2]->pipeline.limit_us = 1;
    job_step(jobs[2], STEP_DONE);
    CU_ASSERT_EQUAL(jobs[2]->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    (void)finish_together(jobs + 1, 1);
    CU_ASSERT_EQUAL(jobs[1]->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* As the units of a batch do, which are sent in one pipeline: they read again instead of parking.
 */
static void changes_that_share_a_pipeline_wait_by_reading(void)
{
    struct job *jobs[3];

    for (int i = 0; i < 3; i++) {
        jobs[i] = new_event((char[]){(char)('a' + i), '\0'}, NOON, 1);
        pipeline_init(&jobs[i]->pipeline, arena, NULL);
        job_step(jobs[i], STEP_MORE);
    }
    CU_ASSERT_EQUAL(finish_together(jobs, 3), 3);
    CU_ASSERT_EQUAL(writes, 2);
    CU_ASSERT_EQUAL(stored_state().revision, 3);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* Its request has ended, by a time limit or because memory was short. */
static void a_change_that_is_given_up_leaves_the_others_to_go_on(void)
{
    struct job *jobs[3];
    struct arena *own = arena_new(4096, 1 << 20);

    CU_ASSERT_PTR_NOT_NULL_FATAL(own);
    for (int i = 0; i < 3; i++) {
        jobs[i] = new_statement(0.5);
        if (i == 0)
            pipeline_init(&jobs[i]->pipeline, own, jobs[i]);
        job_step(jobs[i], STEP_MORE);
        job_reply(jobs[i]);
    }
    for (int i = 0; i < 3; i++)
        job_step(jobs[i], STEP_MORE);
    arena_free(own); /* it leads */
    (void)finish_together(jobs + 1, 2);
    CU_ASSERT_EQUAL(jobs[1]->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(jobs[2]->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    CU_ASSERT_TRUE(queue_is_empty());
}

static void many_repeats_of_one_event_count_once_and_never_wait(void)
{
    enum { JOBS = 50 };
    struct job *jobs[JOBS];
    int duplicates = 0;

    for (int i = 0; i < JOBS; i++)
        job_step(jobs[i] = new_event("e1", NOON, 1), STEP_MORE);
    CU_ASSERT_EQUAL(finish_together(jobs, JOBS), 3); /* reads, the first one, the others' script */
    for (int i = 0; i < JOBS; i++) {
        CU_ASSERT_EQUAL(jobs[i]->problem.code, PROBLEM_NONE);
        duplicates += jobs[i]->record.duplicate;
        if (jobs[i]->record.duplicate)
            CU_ASSERT_TRUE(str_equal(jobs[i]->record.previous_mark, STR("mark")));
    }
    CU_ASSERT_EQUAL(duplicates, JOBS - 1);
    CU_ASSERT_EQUAL(stored_state().quizzes, 1);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* The event that was counted before is taken out; the others are written. */
static void a_repeated_event_does_not_hold_up_its_group(void)
{
    struct job *jobs[] = {new_event("a", NOON, 1), new_event("b", NOON, 1),
                          new_event("known", NOON, 1), new_event("c", NOON, 1),
                          new_event("c", NOON, 1)};
    int duplicates = 0;

    (void)job_finish(new_event("known", NOON, 1));
    for (int i = 0; i < 5; i++)
        job_step(jobs[i], STEP_MORE);
    (void)finish_together(jobs, 5);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(jobs[i]->problem.code, PROBLEM_NONE);
        duplicates += jobs[i]->record.duplicate;
    }
    CU_ASSERT_EQUAL(duplicates, 2);
    CU_ASSERT_TRUE(jobs[2]->record.duplicate);
    CU_ASSERT_EQUAL(stored_state().quizzes, 4);
    CU_ASSERT_EQUAL(journal_entries, 4);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* Reads, after which the job leads or waits. */
static void job_begin(struct job *job)
{
    job_step(job, STEP_MORE);
    job_reply(job);
    job_step(job, STEP_MORE);
}

/* A script is refused because of the first repeat; another one arrives before the next script. */
static void repeats_that_keep_coming_do_not_hold_up_a_new_event(void)
{
    struct job *first = new_statement(0.5), *job = new_event("new", NOON, 1);
    struct job *repeats[] = {new_event("known", NOON, 1), new_event("known", NOON, 1)};

    (void)job_finish(new_event("known", NOON, 1));
    job_begin(first);
    job_begin(repeats[0]);
    job_begin(job);
    job_reply(first);
    job_step(first, STEP_DONE);
    job_step(job, STEP_MORE);
    job_reply(job);
    job_step(job, STEP_MORE);
    job_begin(repeats[1]);
    job_reply(job);
    job_step(job, STEP_MORE);
    job_reply(job);
    job_step(job, STEP_DONE);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    CU_ASSERT_FALSE(job->record.duplicate);
    (void)finish_together(repeats, 2);
    CU_ASSERT_TRUE(repeats[0]->record.duplicate && repeats[1]->record.duplicate);
    CU_ASSERT_EQUAL(stored_state().quizzes, 2);
    CU_ASSERT_TRUE(queue_is_empty());
}

static void changes_that_are_written_alone_are_made_in_their_order(void)
{
    struct job *jobs[] = {new_event("a", NOON - DAY_MS, 1), new_event("b", NOON - DAY_MS, 1),
                          new_event("c", NOON - DAY_MS, 1)};

    (void)job_finish(new_statement(0.5));
    for (int i = 0; i < 3; i++)
        job_begin(jobs[i]);
    for (int i = 0; i < 3; i++) {
        struct job *job = jobs[i];

        do {
            CU_ASSERT_FALSE_FATAL(job->pipeline.is_parked);
            job_reply(job);
        } while (record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_MORE);
        CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    }
    CU_ASSERT_TRUE(queue_is_empty());
}

static void a_repeated_statement_shows_the_stored_result(void)
{
    struct job *first = new_statement(0.5), *again = new_statement(0.9);

    first->record.event_id = again->record.event_id = STR("key");
    (void)job_finish(first);
    (void)job_finish(again);
    CU_ASSERT_EQUAL(again->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(again->record.duplicate);
    CU_ASSERT_EQUAL(again->record.result.score, 0.5);
    CU_ASSERT_EQUAL(again->record.state.revision, first->record.state.revision);
    CU_ASSERT_EQUAL(stored_state().revision, 1);
}

/* ---- late events ---- */

static void a_late_event_corrects_its_day_and_those_after_it(void)
{
    struct job *late = new_event("late", NOON - 2 * DAY_MS, 1);
    struct mastery_state day;

    (void)job_finish(new_event("e1", NOON - 3 * DAY_MS, 0));
    (void)job_finish(new_event("e2", NOON, 0));
    CU_ASSERT_FALSE(day_is_stored(20698, &day));
    CU_ASSERT_EQUAL(job_finish(late), 3); /* state, state and days, write */
    CU_ASSERT_EQUAL(late->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(day_is_stored(20697, &day));
    CU_ASSERT_EQUAL(day.evidence[QUIZ].sum, 0);
    CU_ASSERT_TRUE(day_is_stored(20698, &day));
    CU_ASSERT_EQUAL(day.quizzes, 1);
    CU_ASSERT_TRUE(day.evidence[QUIZ].sum > 0);
    CU_ASSERT_TRUE(day_is_stored(20700, &day));
    CU_ASSERT_EQUAL(day.day, 20700);
    CU_ASSERT_TRUE(day.evidence[QUIZ].sum > 0);
    CU_ASSERT_EQUAL(day.revision, stored_state().revision);
    CU_ASSERT_EQUAL(stored_state().revision, 3);
}

/* It reads more than the state, so if others were written meanwhile each of them would outdate it.
 */
static void a_late_event_succeeds_while_others_write(void)
{
    struct job *late = new_event("late", NOON - DAY_MS, 1);
    struct job *jobs[] = {late, new_event("e2", NOON, 0), new_event("e3", NOON, 0)};

    (void)job_finish(new_event("e1", NOON, 0));
    for (int i = 0; i < 3; i++)
        job_step(jobs[i], STEP_MORE);
    writes = 0;
    (void)finish_together(jobs, 3);
    CU_ASSERT_EQUAL(writes, 2); /* the late one alone, the others together */
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(jobs[i]->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(stored_state().revision, 4);
    CU_ASSERT_TRUE(queue_is_empty());
}

/* ---- any order of arrival ---- */

enum { ARRIVALS = 16 };

/* A change, and the time at which it arrives, up to 90 days after it. */
struct arrival {
    int64_t at_ms, arrives_ms;
    double value;
    bool statement; /* arrives at its own time */
};

/* What is to be the same: the history of the last 90 days and the current state. */
struct outcome {
    struct daily history[HISTORY_DAYS];
    bool known[HISTORY_DAYS];
    struct mastery_state state;
};

static uint64_t random_state;

/* A number from 0 to below - 1 (constants of Knuth's MMIX). */
static int64_t random_below(int64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(random_state >> 33) % below;
}

/* The history is about a hundred days long. Half of the late ones arrive in the last day or two in
 * which they are accepted, or now. */
static void make_arrivals(struct arrival *arrivals)
{
    for (size_t i = 0; i < ARRIVALS; i++) {
        struct arrival *a = &arrivals[i];
        int64_t latest;

        a->at_ms = NOON - random_below(100 * 24) * (DAY_MS / 24) - random_below(1000) * 1000 - 1;
        a->value = (double)random_below(1001) / 1000;
        a->statement = random_below(8) == 0;
        a->arrives_ms = a->at_ms;
        latest = a->at_ms + 90 * DAY_MS < NOON ? a->at_ms + 90 * DAY_MS : NOON;
        if (!a->statement && random_below(3) > 0)
            a->arrives_ms = a->at_ms + random_below(latest - a->at_ms + 1);
        else if (!a->statement && random_below(2) > 0)
            a->arrives_ms = latest - random_below(latest - a->at_ms < DAY_MS ? 1 : DAY_MS);
    }
}

static int compare_times(const void *left, const void *right)
{
    const struct arrival *a = left, *b = right;

    return (a->at_ms > b->at_ms) - (a->at_ms < b->at_ms);
}

static int compare_arrivals(const void *left, const void *right)
{
    const struct arrival *a = left, *b = right;

    return a->arrives_ms == b->arrives_ms ? compare_times(a, b)
                                          : (a->arrives_ms > b->arrives_ms ? 1 : -1);
}

/* Records the changes in this order in an empty store, each at its time of arrival, and reads what
 * the store has at noon. */
static void record_all(const struct arrival *arrivals, bool in_time, struct outcome *ret)
{
    struct mastery_state day;

    *ret = (struct outcome){.known = {false}};
    entry_count = 0;
    for (size_t i = 0; i < ARRIVALS; i++) {
        struct arrival a = arrivals[i];
        struct job *job = a.statement
                              ? new_statement(a.value)
                              : new_event((char[]){(char)('a' + i), '\0'}, a.at_ms, a.value);

        job->record.now_ms = expiry_now_ms = in_time ? a.at_ms : a.arrives_ms;
        (void)job_finish(job);
        CU_ASSERT_EQUAL_FATAL(job->problem.code, PROBLEM_NONE);
    }
    expiry_now_ms = NOON;
    ret->state = stored_state();
    for (int i = 0; i < HISTORY_DAYS; i++) {
        ret->known[i] = day_is_stored(20700 - i, &day);
        if (ret->known[i])
            daily_of_state(&day, &ret->history[i]);
    }
}

static bool is_near(double a, double b)
{
    return a - b < 1e-9 && b - a < 1e-9;
}

static bool histories_are_equal(const struct outcome *a, const struct outcome *b)
{
    bool equal = true;

    for (int i = 0; i < HISTORY_DAYS; i++) {
        const struct daily *c = &a->history[i], *d = &b->history[i];

        equal = equal && a->known[i] == b->known[i] && c->day == d->day && c->known == d->known &&
                c->samples == d->samples && is_near(c->score, d->score);
        for (int k = 0; k < COMPONENTS; k++)
            equal = equal && is_near(c->components[k], d->components[k]);
    }
    return equal;
}

static bool states_are_equal(const struct mastery_state *a, const struct mastery_state *b)
{
    bool equal = a->day == b->day && a->active_days == b->active_days && a->stated == b->stated &&
                 a->stated_at_ms == b->stated_at_ms && a->last_event_ms == b->last_event_ms &&
                 a->samples == b->samples && a->quizzes == b->quizzes && a->revision == b->revision;

    for (int i = 0; i < EVIDENCE_COMPONENTS; i++)
        equal = equal && is_near(a->evidence[i].sum, b->evidence[i].sum) &&
                is_near(a->evidence[i].weight, b->evidence[i].weight);
    return equal;
}

/* hazards X13 */
static void any_order_of_arrival_gives_one_history_and_state(void)
{
    struct arrival arrivals[ARRIVALS];
    struct outcome in_time, late;

    for (uint64_t seed = 0; seed < 300; seed++) {
        bool equal;

        tear_down();
        set_up();
        random_state = seed;
        make_arrivals(arrivals);
        qsort(arrivals, ARRIVALS, sizeof(*arrivals), compare_times);
        record_all(arrivals, /* in_time */ true, &in_time);
        qsort(arrivals, ARRIVALS, sizeof(*arrivals), compare_arrivals);
        record_all(arrivals, /* in_time */ false, &late);
        equal =
            histories_are_equal(&in_time, &late) && states_are_equal(&in_time.state, &late.state);
        if (!equal)
            (void)printf("seed %" PRIu64 "\n", seed);
        CU_ASSERT_TRUE(equal);
    }
}

/* ---- times of a wrong clock ---- */

/* Both for an event of today and for one of yesterday, which changes today's state as well. */
static void a_state_of_a_clock_that_was_ahead_is_not_frozen(void)
{
    for (int days_ago = 0; days_ago < 2; days_ago++) {
        struct job *wrong, *event;
        struct mastery_state day;

        tear_down();
        set_up();
        (void)job_finish(new_event("e0", NOON - 3 * DAY_MS, 1));
        wrong = new_statement(0.5);
        wrong->record.now_ms += 30 * DAY_MS;
        (void)job_finish(wrong);
        CU_ASSERT_EQUAL(stored_state().day, 20730);
        event = new_event("e1", NOON - 1000, 1);
        (void)job_finish(event);
        CU_ASSERT_EQUAL(event->problem.code, PROBLEM_NONE);
        CU_ASSERT_EQUAL(stored_state().day, 20700);
        CU_ASSERT_EQUAL(stored_state().stated_at_ms, NOON);
        (void)job_finish(new_event("e2", NOON - days_ago * DAY_MS + 1, 1));
        CU_ASSERT_TRUE(day_is_stored(20700, &day));
        CU_ASSERT_EQUAL(stored_state().stated, days_ago == 1);
    }
}

/* ---- failures ---- */

static void without_redis_nothing_is_computed(void)
{
    struct job *job = new_statement(0.5);

    job_step(job, STEP_MORE);
    job_lose(job);
    job_step(job, STEP_DONE);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_EQUAL(writes, 0);
}

static void an_erased_student_gets_no_new_data(void)
{
    struct job *job = new_statement(0.5);

    store_set(key_student(arena, STUDENT, STUDENT_KEY_ERASED), STR("1"));
    (void)job_finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_FORBIDDEN);
    CU_ASSERT_TRUE(job->record.is_erased);
    CU_ASSERT_PTR_NULL(store_find(profile_field("s")));
    CU_ASSERT_TRUE(queue_is_empty());
}

static void withdrawn_consent_refuses_new_data(void)
{
    struct job *first = new_statement(0.5), *later = new_statement(0.6);

    (void)job_finish(first);
    store_set(profile_field("c"), STR("p"));
    (void)job_finish(later);
    CU_ASSERT_EQUAL(later->problem.code, PROBLEM_FORBIDDEN);
    CU_ASSERT_EQUAL(stored_state().revision, 1);
    CU_ASSERT_TRUE(queue_is_empty());
}

static void a_state_that_cannot_be_read_is_not_overwritten(void)
{
    struct job *job = new_statement(0.5);

    store_set(profile_field("s"), STR("nonsense"));
    (void)job_finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_INTERNAL_ERROR);
    CU_ASSERT_EQUAL(writes, 0);
}

/* Each cap makes another allocation the first one to fail. */
static void without_memory_nothing_wrong_is_written(void)
{
    for (size_t cap = 256; cap < 16384; cap += 16) {
        struct job *job = new_statement(0.5);
        struct arena *small = arena_new(256, cap);

        CU_ASSERT_PTR_NOT_NULL_FATAL(small);
        pipeline_init(&job->pipeline, small, job);
        while (record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_MORE) {
            if (job->pipeline.failed)
                job_lose(job); /* as the store does with such a pipeline */
            else
                job_reply(job);
        }
        CU_ASSERT_TRUE(queue_is_empty());
        CU_ASSERT_EQUAL(job->problem.code == PROBLEM_NONE, entry_count > 0);
        if (entry_count > 0)
            CU_ASSERT_EQUAL(stored_state().revision, 1);
        entry_count = 0;
        arena_free(small);
    }
}

/* ---- recomputing ---- */

static void a_result_is_recomputed_from_the_stored_state(void)
{
    struct job *job = new_statement(0);

    (void)job_finish(new_event("e1", NOON - DAY_MS, 0.5));
    job->record.kind = RECORD_RECOMPUTE;
    (void)job_finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(stored_state().day, 20699);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
}

static void a_repeated_recomputation_changes_nothing(void)
{
    struct job *first = new_statement(0), *again = new_statement(0), *late = new_statement(0);
    struct job *const jobs[] = {first, again, late};

    (void)job_finish(new_statement(0.5));
    for (size_t i = 0; i < 3; i++) {
        jobs[i]->record.kind = RECORD_RECOMPUTE;
        jobs[i]->record.event_id = STR("batch:1");
    }
    (void)job_finish(first);
    (void)job_finish(again);
    CU_ASSERT_EQUAL(again->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(again->record.duplicate);
    CU_ASSERT_EQUAL(again->record.state.revision, first->record.state.revision);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    job_step(late, STEP_MORE);
    job_reply(late);
    job_step(late, STEP_MORE);
    job_reply(late);
    job_step(late, STEP_MORE);
    entry_count = 0; /* erased before it is shown */
    job_reply(late);
    job_step(late, STEP_DONE);
    CU_ASSERT_EQUAL(late->problem.code, PROBLEM_NOT_FOUND);
}

static void without_data_there_is_nothing_to_recompute(void)
{
    struct job *job = new_statement(0);

    job->record.kind = RECORD_RECOMPUTE;
    (void)job_finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NOT_FOUND);
    CU_ASSERT_EQUAL(writes, 0);
}

#define TEST(function) CU_add_test(suite, #function, function)

void record_tests(void)
{
    CU_pSuite suite = CU_add_suite_with_setup_and_teardown("record", NULL, NULL, set_up, tear_down);

    TEST(a_first_statement_is_stored_with_its_day);
    TEST(a_second_builds_on_the_first);
    TEST(an_outdated_write_is_computed_from_the_new_state);
    TEST(topics_are_written_once_with_their_event_only);
    TEST(after_too_many_attempts_the_client_must_retry);
    TEST(writes_of_one_process_are_made_by_one_script);
    TEST(results_of_a_group_are_those_of_single_writes);
    TEST(a_group_ends_where_a_day_begins);
    TEST(those_that_lose_to_another_process_are_written_together);
    TEST(events_of_a_list_are_written_by_one_script);
    TEST(when_the_script_is_lost_nobody_knows_of_a_success);
    TEST(a_write_on_another_connection_is_no_success);
    TEST(who_has_waited_too_long_does_not_lead);
    TEST(changes_that_share_a_pipeline_wait_by_reading);
    TEST(a_change_that_is_given_up_leaves_the_others_to_go_on);
    TEST(a_repeated_event_does_not_hold_up_its_group);
    TEST(repeats_that_keep_coming_do_not_hold_up_a_new_event);
    TEST(changes_that_are_written_alone_are_made_in_their_order);
    TEST(many_repeats_of_one_event_count_once_and_never_wait);
    TEST(a_repeated_statement_shows_the_stored_result);
    TEST(a_late_event_succeeds_while_others_write);
    TEST(a_late_event_corrects_its_day_and_those_after_it);
    TEST(any_order_of_arrival_gives_one_history_and_state);
    TEST(a_state_of_a_clock_that_was_ahead_is_not_frozen);
    TEST(without_redis_nothing_is_computed);
    TEST(an_erased_student_gets_no_new_data);
    TEST(withdrawn_consent_refuses_new_data);
    TEST(a_state_that_cannot_be_read_is_not_overwritten);
    TEST(without_memory_nothing_wrong_is_written);
    TEST(a_result_is_recomputed_from_the_stored_state);
    TEST(a_repeated_recomputation_changes_nothing);
    TEST(without_data_there_is_nothing_to_recompute);
}
