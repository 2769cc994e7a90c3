/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/record.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "tests/unit/reply_fixture.h"

void record_tests(void);

static const int64_t NOON = INT64_C(20700) * DAY_MS + DAY_MS / 2;
static const struct str STUDENT = STR_INIT("s_1");

static struct arena *arena;
static struct engine engine;

/* ---- a store that does what the scripts say, on a handful of keys ---- */

enum { ENTRIES = 256 };

static struct {
    struct str key, value;
} entries[ENTRIES];
static size_t entry_count;
static size_t writes; /* scripts run */

static struct str *find(struct str key)
{
    for (size_t i = 0; i < entry_count; i++) {
        if (str_equal(entries[i].key, key))
            return &entries[i].value;
    }
    return NULL;
}

/* Empty when there is none. */
static struct str value_of(struct str key)
{
    const struct str *value = find(key);

    return value ? *value : STR("");
}

static void set(struct str key, struct str value)
{
    struct str *there = find(key);

    if (there) {
        *there = arena_copy(arena, value);
        return;
    }
    CU_ASSERT_TRUE_FATAL(entry_count < ENTRIES);
    entries[entry_count].key = arena_copy(arena, key);
    entries[entry_count++].value = arena_copy(arena, value);
}

/* A hash is a key for each field here: KEY/m, KEY/s. */
static struct str field(struct str key, const char *name)
{
    return arena_printf(arena, "%.*s/%s", STR_ARG(key), name);
}

static struct str profile_field(const char *name)
{
    return field(key_student(arena, STUDENT, STUDENT_KEY_PROFILE), name);
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
        append_value(out, find(field(command->argv[1], command->argv[i].p)));
}

static void run_mget(const struct command *command, struct buf *out)
{
    buf_printf(out, "*%d\r\n", command->argc - 1);
    for (int i = 1; i < command->argc; i++)
        append_value(out, find(command->argv[i]));
}

/* As script_student_change says, line by line. */
static void run_record(const struct command *command, struct buf *out)
{
    const struct str *keys = command->argv, *args = command->argv + command->key_count;
    bool event = args[4].n > 0;
    struct str marker = arena_printf(arena, "%.*s/%.*s", STR_ARG(keys[3]), STR_ARG(args[4]));
    const struct str *mark = event ? find(marker) : NULL;
    struct str there = value_of(field(keys[0], "s"));

    writes++;
    if (find(field(keys[0], "c"))) {
        buf_text(out, ":-1\r\n");
    } else if (mark) {
        buf_text(out, "*1\r\n");
        append_value(out, mark);
    } else if (!str_equal(there, args[0])) {
        append_value(out, &there);
    } else if (there.n == 0 && find(keys[1])) {
        buf_text(out, ":0\r\n");
    } else {
        if (event)
            set(marker, args[5]);
        set(field(keys[0], "m"), args[2]);
        set(field(keys[0], "s"), args[1]);
        for (int i = 0; i < command->key_count - 4; i++)
            set(keys[4 + i], args[6 + 2 * i]);
        buf_text(out, ":1\r\n");
    }
}

static void run(struct command *command)
{
    struct buf out;

    buf_init(&out, arena);
    if (command->script == &script_student_change)
        run_record(command, &out);
    else if (str_equal(command->argv[0], STR("HMGET")))
        run_hmget(command, &out);
    else
        run_mget(command, &out);
    command->reply = reply_of(arena, buf_view(&out));
    CU_ASSERT_PTR_NOT_NULL_FATAL(command->reply);
}

/* ---- jobs ---- */

struct job {
    struct record record;
    struct pipeline pipeline;
    struct problem problem;
};

static void step(struct job *job, enum step expected)
{
    CU_ASSERT_EQUAL_FATAL(record_step(&job->record, &engine, &job->pipeline, &job->problem),
                          expected);
}

static void answer(struct job *job)
{
    for (struct command *command = job->pipeline.first; command; command = command->next)
        run(command);
    job->pipeline.status = PIPELINE_COMPLETE;
}

static void lose(struct job *job)
{
    job->pipeline.status = PIPELINE_FAILED;
}

/* To the end, the store answering. Returns the rounds it took. */
static int finish(struct job *job)
{
    int rounds = 0;

    while (record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_MORE) {
        answer(job);
        CU_ASSERT_TRUE_FATAL(++rounds <= RECORD_ATTEMPTS_MAX);
    }
    return rounds;
}

static struct job *statement(double value)
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

static struct job *event(const char *id, int64_t at_ms, double quiz)
{
    struct job *job = statement(0);

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
    struct str packed = value_of(profile_field("s"));
    struct mastery_state s;

    mastery_state_init(&s);
    if (packed.n > 0)
        CU_ASSERT_TRUE_FATAL(state_unpack(packed, &s));
    return s;
}

static bool day_is_stored(int32_t day, struct mastery_state *ret)
{
    struct str key;

    CU_ASSERT_TRUE_FATAL(key_student_days(arena, STUDENT, day, 1, &key));
    return state_unpack(value_of(key), ret);
}

static bool nothing_under_way(void)
{
    struct str packed;

    return !inflight_latest(engine.inflight, STUDENT, &packed);
}

static void set_up(void)
{
    arena = arena_new(1 << 16, 64 << 20);
    engine.inflight = inflight_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine.inflight);
    entry_count = writes = 0;
}

static void tear_down(void)
{
    inflight_free(engine.inflight);
    arena_free(arena);
}

/* ---- one after the other ---- */

static void a_first_statement_is_stored_with_its_day(void)
{
    struct job *job = statement(0.5);
    struct mastery_state day;

    CU_ASSERT_EQUAL(finish(job), 2);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(job->record.is_first);
    CU_ASSERT_EQUAL(job->record.result.score, 0.5);
    CU_ASSERT_TRUE(str_equal(value_of(profile_field("m")), job->record.result_json));
    CU_ASSERT_EQUAL(stored_state().revision, 1);
    CU_ASSERT_EQUAL(stored_state().updated_at_ms, NOON);
    CU_ASSERT_TRUE(day_is_stored(20700, &day));
    CU_ASSERT_EQUAL(day.revision, 1);
    CU_ASSERT_TRUE(nothing_under_way());
}

static void a_second_builds_on_the_first(void)
{
    struct job *job = statement(0.9);

    (void)finish(statement(0.5));
    CU_ASSERT_EQUAL(finish(job), 2);
    CU_ASSERT_FALSE(job->record.is_first);
    CU_ASSERT_EQUAL(job->record.previous_level, DEVELOPING);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    CU_ASSERT_EQUAL(stored_state().samples, 2);
}

static void who_was_overtaken_builds_on_what_is_there_now(void)
{
    struct job *job = event("e1", NOON, 1), *other = event("e2", NOON, 0);
    struct inflight *ours = engine.inflight;

    step(job, STEP_MORE);
    answer(job);
    step(job, STEP_MORE);
    engine.inflight = inflight_new(); /* in another process */
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine.inflight);
    (void)finish(other);
    inflight_free(engine.inflight);
    engine.inflight = ours;
    answer(job);
    CU_ASSERT_EQUAL(finish(job), 1);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(stored_state().quizzes, 2);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    CU_ASSERT_DOUBLE_EQUAL(stored_state().evidence[QUIZ].sum, 1, 1e-12);
}

static void who_is_overtaken_too_often_is_told_to_come_again(void)
{
    struct job *job = statement(0.5);
    int rounds = 0;

    step(job, STEP_MORE);
    answer(job);
    while (record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_MORE) {
        struct mastery_state s = stored_state();
        unsigned char packed[STATE_PACKED_MAX];

        if (mastery_state_empty(&s))
            mastery_state_assert(&s, job->record.components, NULL, NOON);
        s.revision += 1000;
        set(profile_field("s"), (struct str){(const char *)packed, state_pack(&s, packed)});
        answer(job);
        CU_ASSERT_TRUE_FATAL(++rounds <= RECORD_ATTEMPTS_MAX);
    }
    CU_ASSERT_EQUAL(rounds, RECORD_ATTEMPTS_MAX);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_TRUE(job->problem.retry_after_s > 0);
    CU_ASSERT_TRUE(nothing_under_way());
}

/* ---- at once ---- */

static void writes_of_one_process_are_chained_and_not_raced(void)
{
    enum { JOBS = 20 };
    struct job *jobs[JOBS];

    for (int i = 0; i < JOBS; i++)
        step(jobs[i] = event((char[]){(char)('a' + i), '\0'}, NOON, 1), STEP_MORE);
    for (int i = 0; i < JOBS; i++)
        answer(jobs[i]);
    for (int i = 0; i < JOBS; i++)
        step(jobs[i], STEP_MORE); /* each computes before the one before it was answered */
    for (int i = 0; i < JOBS; i++)
        answer(jobs[i]);
    for (int i = 0; i < JOBS; i++)
        step(jobs[i], STEP_DONE);
    CU_ASSERT_EQUAL(writes, JOBS);
    CU_ASSERT_EQUAL(stored_state().quizzes, JOBS);
    CU_ASSERT_EQUAL(stored_state().revision, JOBS);
    CU_ASSERT_TRUE(nothing_under_way());
}

static void what_was_built_on_a_lost_write_is_computed_again(void)
{
    struct job *lost = statement(0.5), *next = statement(0.9);

    step(lost, STEP_MORE);
    step(next, STEP_MORE);
    answer(lost);
    answer(next);
    step(lost, STEP_MORE);
    step(next, STEP_MORE);
    lose(lost); /* it never came to Redis */
    step(lost, STEP_DONE);
    CU_ASSERT_EQUAL(lost->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    answer(next); /* outdated */
    CU_ASSERT_EQUAL(finish(next), 1);
    CU_ASSERT_EQUAL(next->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(next->record.is_first);
    CU_ASSERT_EQUAL(stored_state().revision, 1);
    CU_ASSERT_TRUE(nothing_under_way());
}

static void many_repeats_of_one_event_count_once_and_wait_for_nobody(void)
{
    enum { JOBS = 50 };
    struct job *jobs[JOBS];
    int duplicates = 0;

    for (int i = 0; i < JOBS; i++) {
        step(jobs[i] = event("e1", NOON, 1), STEP_MORE);
        answer(jobs[i]);
    }
    for (int i = 0; i < JOBS; i++)
        step(jobs[i], STEP_MORE);
    for (int i = 0; i < JOBS; i++) {
        answer(jobs[i]);
        step(jobs[i], STEP_DONE);
        CU_ASSERT_EQUAL(jobs[i]->problem.code, PROBLEM_NONE);
        duplicates += jobs[i]->record.duplicate;
    }
    CU_ASSERT_EQUAL(duplicates, JOBS - 1);
    CU_ASSERT_TRUE(str_equal(jobs[1]->record.previous_mark, STR("mark")));
    CU_ASSERT_EQUAL(stored_state().quizzes, 1);
    CU_ASSERT_TRUE(nothing_under_way());
}

static void a_statement_repeated_by_its_key_shows_what_is_stored(void)
{
    struct job *first = statement(0.5), *again = statement(0.9);

    first->record.event_id = again->record.event_id = STR("key");
    (void)finish(first);
    (void)finish(again);
    CU_ASSERT_EQUAL(again->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(again->record.duplicate);
    CU_ASSERT_EQUAL(again->record.result.score, 0.5);
    CU_ASSERT_TRUE(str_equal(again->record.result_json, first->record.result_json));
    CU_ASSERT_EQUAL(stored_state().revision, 1);
}

/* ---- late events ---- */

static void a_late_event_corrects_its_day_and_those_after_it(void)
{
    struct job *late = event("late", NOON - 2 * DAY_MS, 1);
    struct mastery_state day;

    (void)finish(event("e1", NOON - 3 * DAY_MS, 0));
    (void)finish(event("e2", NOON, 0));
    CU_ASSERT_FALSE(day_is_stored(20698, &day));
    CU_ASSERT_EQUAL(finish(late), 3); /* state, state and days, write */
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

/* It must read more than the state, and would never be done if others went on meanwhile. */
static void a_late_event_gets_its_turn_though_others_write(void)
{
    struct job *late = event("late", NOON - DAY_MS, 1), *before = event("e2", NOON, 0),
               *after = event("e3", NOON, 0);

    (void)finish(event("e1", NOON, 0));
    step(late, STEP_MORE);
    answer(late);
    step(late, STEP_MORE); /* asks for the days */
    step(before, STEP_MORE);
    answer(before);
    step(before, STEP_MORE); /* on its way */
    answer(late);
    step(late, STEP_MORE); /* overtaken: takes the turn */
    step(after, STEP_MORE);
    answer(after);
    step(after, STEP_MORE); /* waits: only reads again */
    writes = 0;
    answer(before);
    step(before, STEP_DONE);
    answer(after);
    CU_ASSERT_EQUAL(writes, 1);
    answer(late);
    (void)finish(late);
    (void)finish(after);
    CU_ASSERT_EQUAL(late->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(after->problem.code, PROBLEM_NONE);
    CU_ASSERT_EQUAL(stored_state().revision, 4);
    CU_ASSERT_EQUAL(stored_state().quizzes, 3);
    CU_ASSERT_FALSE(inflight_is_locked(engine.inflight, STUDENT, NULL));
    CU_ASSERT_TRUE(nothing_under_way());
}

/* ---- what may go wrong ---- */

static void without_the_store_nothing_is_computed(void)
{
    struct job *job = statement(0.5);

    step(job, STEP_MORE);
    lose(job);
    step(job, STEP_DONE);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_EQUAL(writes, 0);
}

static void an_erased_student_takes_no_new_data(void)
{
    struct job *job = statement(0.5);

    set(key_student(arena, STUDENT, STUDENT_KEY_ERASED), STR("1"));
    (void)finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NOT_FOUND);
    CU_ASSERT_PTR_NULL(find(profile_field("s")));
    CU_ASSERT_TRUE(nothing_under_way());
}

static void whoever_has_withdrawn_consent_gives_no_new_data(void)
{
    struct job *first = statement(0.5), *later = statement(0.6);

    (void)finish(first);
    set(profile_field("c"), STR("p"));
    (void)finish(later);
    CU_ASSERT_EQUAL(later->problem.code, PROBLEM_FORBIDDEN);
    CU_ASSERT_TRUE(str_equal(value_of(profile_field("m")), first->record.result_json));
    CU_ASSERT_TRUE(nothing_under_way());
}

static void a_state_that_cannot_be_read_is_not_overwritten(void)
{
    struct job *job = statement(0.5);

    set(profile_field("m"), STR("{}"));
    set(profile_field("s"), STR("nonsense"));
    (void)finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_INTERNAL_ERROR);
    CU_ASSERT_EQUAL(writes, 0);
}

/* Whatever piece of memory is the first that is missing. */
static void without_memory_nothing_wrong_is_written(void)
{
    for (size_t cap = 256; cap < 16384; cap += 16) {
        struct job *job = statement(0.5);
        struct arena *small = arena_new(256, cap);

        CU_ASSERT_PTR_NOT_NULL_FATAL(small);
        pipeline_init(&job->pipeline, small, job);
        while (record_step(&job->record, &engine, &job->pipeline, &job->problem) == STEP_MORE) {
            if (job->pipeline.failed)
                lose(job); /* as the store does */
            else
                answer(job);
        }
        CU_ASSERT_TRUE(nothing_under_way());
        CU_ASSERT_EQUAL(job->problem.code == PROBLEM_NONE, entry_count > 0);
        if (entry_count > 0)
            CU_ASSERT_EQUAL(stored_state().revision, 1);
        entry_count = 0;
        arena_free(small);
    }
}

/* ---- again from what is there ---- */

static void a_result_can_be_made_again_from_what_is_stored(void)
{
    struct job *job = statement(0);

    (void)finish(event("e1", NOON - DAY_MS, 0.5));
    set(profile_field("m"), STR("{}"));
    job->record.kind = RECORD_RECOMPUTE;
    (void)finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(str_equal(value_of(profile_field("m")), job->record.result_json));
    CU_ASSERT_EQUAL(stored_state().day, 20699);
    CU_ASSERT_EQUAL(stored_state().revision, 2);
}

static void what_was_made_again_by_its_key_is_not_made_twice(void)
{
    struct job *first = statement(0), *again = statement(0), *late = statement(0);
    struct job *const jobs[] = {first, again, late};

    (void)finish(statement(0.5));
    for (size_t i = 0; i < 3; i++) {
        jobs[i]->record.kind = RECORD_RECOMPUTE;
        jobs[i]->record.event_id = STR("batch:1");
    }
    (void)finish(first);
    (void)finish(again);
    CU_ASSERT_EQUAL(again->problem.code, PROBLEM_NONE);
    CU_ASSERT_TRUE(again->record.duplicate);
    CU_ASSERT_TRUE(str_equal(again->record.result_json, first->record.result_json));
    CU_ASSERT_EQUAL(stored_state().revision, 2);
    step(late, STEP_MORE);
    answer(late);
    step(late, STEP_MORE);
    answer(late);
    step(late, STEP_MORE);
    entry_count = 0; /* erased before it is shown */
    answer(late);
    step(late, STEP_DONE);
    CU_ASSERT_EQUAL(late->problem.code, PROBLEM_NOT_FOUND);
}

static void without_data_there_is_nothing_to_make_again(void)
{
    struct job *job = statement(0);

    job->record.kind = RECORD_RECOMPUTE;
    (void)finish(job);
    CU_ASSERT_EQUAL(job->problem.code, PROBLEM_NOT_FOUND);
    CU_ASSERT_EQUAL(writes, 0);
}

#define TEST(function) CU_add_test(suite, #function, function)

void record_tests(void)
{
    CU_pSuite suite = CU_add_suite_with_setup_and_teardown("record", NULL, NULL, set_up, tear_down);

    TEST(a_first_statement_is_stored_with_its_day);
    TEST(a_second_builds_on_the_first);
    TEST(who_was_overtaken_builds_on_what_is_there_now);
    TEST(who_is_overtaken_too_often_is_told_to_come_again);
    TEST(writes_of_one_process_are_chained_and_not_raced);
    TEST(what_was_built_on_a_lost_write_is_computed_again);
    TEST(many_repeats_of_one_event_count_once_and_wait_for_nobody);
    TEST(a_statement_repeated_by_its_key_shows_what_is_stored);
    TEST(a_late_event_gets_its_turn_though_others_write);
    TEST(a_late_event_corrects_its_day_and_those_after_it);
    TEST(without_the_store_nothing_is_computed);
    TEST(an_erased_student_takes_no_new_data);
    TEST(whoever_has_withdrawn_consent_gives_no_new_data);
    TEST(a_state_that_cannot_be_read_is_not_overwritten);
    TEST(without_memory_nothing_wrong_is_written);
    TEST(a_result_can_be_made_again_from_what_is_stored);
    TEST(what_was_made_again_by_its_key_is_not_made_twice);
    TEST(without_data_there_is_nothing_to_make_again);
}
