/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules for events of each type, and what the model gets of them. */
#include "app/ingest/event_input.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/http/json.h"
#include "app/http/validate.h"

void event_input_tests(void);

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The present in all tests: 2026-01-31T12:00:00Z. */
static const int64_t now_ms = INT64_C(1769860800000);

static struct arena *arena;

static int open_arena(void)
{
    arena = arena_new(65536, 4 << 20);
    return arena == NULL;
}

static int close_arena(void)
{
    arena_free(arena);
    return 0;
}

/* The fields with errors, in the order of the problem, separated by spaces. */
static const char *fields_of(const struct problem *p)
{
    static char text[1024];
    size_t n = 0;

    text[0] = '\0';
    for (const struct field_error *e = p->fields; e; e = e->next)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", n > 0 ? " " : "",
                              STR_ARG(e->field));
    return text;
}

static bool read_event(const char *json, struct event_input *in, struct problem *p)
{
    struct json_object *body = json_parse(str_of(json), arena, p);

    *in = (struct event_input){0};
    (void)validate_object(event_rules, body, STR(""), arena, in, p);
    return event_input_finish(in, now_ms, arena, p);
}

#define HEAD(type)                                                                                 \
    "{\"event_id\":\"evt-0001\",\"timestamp\":\"2026-01-31T10:00:00Z\",\"event_type\":\"" type     \
    "\",\"data\":{"
#define TAIL "}}"

/* clang-format off */
static const struct good {
    const char *json;
    int count;
    struct observation observations[2];
    uint32_t warnings;
} good[] = {
    {HEAD("exercise.completed") "\"exercise_id\":\"e\",\"difficulty\":\"hard\",\"time_spent_seconds\":60,"
     "\"completion_rate\":0.5,\"correctness\":0.8,\"hints_used\":1,\"retries\":2" TAIL,
     2, {{COMPLETION, 0.5, 1.2}, {QUALITY, 0.68, 1.2}}, 0},
    {HEAD("exercise.completed") "\"exercise_id\":\"e\",\"difficulty\":\"easy\",\"time_spent_seconds\":0,"
     "\"completion_rate\":1,\"correctness\":0,\"hints_used\":null,\"topic_ids\":[\"a\",\"b\"]" TAIL,
     2, {{COMPLETION, 1, 0.8}, {QUALITY, 0, 0.8}}, 1U << WARNING_NO_TIME_SPENT | 1U << WARNING_COMPLETE_BUT_WRONG},
    {HEAD("quiz.completed") "\"quiz_id\":\"q\",\"score\":0.75,\"questions_total\":40,\"questions_correct\":30,"
     "\"time_spent_seconds\":600" TAIL,
     1, {{QUIZ, 0.75, 2}}, 0},
    {HEAD("quiz.completed") "\"quiz_id\":\"q\",\"score\":1,\"questions_total\":5,\"questions_correct\":0,"
     "\"time_spent_seconds\":86401,\"difficulty\":\"expert\"" TAIL,
     1, {{QUIZ, 1, 0.75}}, 1U << WARNING_SCORE_MISMATCH | 1U << WARNING_OVER_A_DAY_SPENT},
    {HEAD("lesson.viewed") "\"lesson_id\":\"l\",\"duration_seconds\":1,\"completion_percentage\":25" TAIL,
     1, {{COMPLETION, 0.25, 0.5}}, 0},
    {HEAD("quality.assessed") "\"submission_id\":\"s\",\"code_quality_score\":0.5,\"correctness_score\":0.7,"
     "\"efficiency_score\":0.9,\"peer_review_score\":0.3" TAIL,
     1, {{QUALITY, 0.6, 1}}, 0},
    {HEAD("content.rated") "\"content_id\":\"c\",\"content_type\":\"quiz\",\"rating\":5,\"comment\":\"\"" TAIL,
     0, {{0}}, 0},
    {HEAD("milestone.reached") "\"milestone_type\":\"m\",\"milestone_value\":0,\"message\":\"\"" TAIL,
     0, {{0}}, 0},
};

static const struct bad {
    const char *json, *fields;
} bad[] = {
    {"{}", "event_id event_type timestamp data"},
    {"{\"event_id\":\"short\",\"event_type\":\"quiz\",\"timestamp\":\"now\",\"data\":5}", "event_id event_type timestamp"},
    {HEAD("quiz.gone") "\"score\":7" TAIL, "event_type"},
    {HEAD("lesson.viewed") TAIL, "data.lesson_id data.duration_seconds data.completion_percentage"},
    {HEAD("lesson.viewed") "\"lesson_id\":\"\",\"duration_seconds\":-1,\"completion_percentage\":101" TAIL,
     "data.lesson_id data.duration_seconds data.completion_percentage"},
    {HEAD("quiz.completed") "\"quiz_id\":\"q\",\"score\":0,\"questions_total\":1,\"questions_correct\":2,"
     "\"time_spent_seconds\":1" TAIL, "data.questions_correct"},
    {"{\"event_id\":\"a b c d e\",\"event_type\":\"lesson.viewed\",\"timestamp\":\"2026-01-31T10:00:00Z\",\"data\":[]}",
     "event_id data"},
    {"{\"event_id\":\"12345678\",\"event_type\":\"lesson.viewed\",\"timestamp\":\"2026-01-31T13:00:00.001Z\",\"data\":null}",
     "data timestamp"},
};
/* clang-format on */

static void exercises_and_quizzes_have_their_topics(void)
{
    static const char *const json[] = {
        HEAD("exercise.completed") "\"exercise_id\":\"e\",\"difficulty\":\"hard\","
                                   "\"time_spent_seconds\":60,\"completion_rate\":1,"
                                   "\"correctness\":1,\"topic_ids\":[\"a\",\"b\"]" TAIL,
        HEAD("quiz.completed") "\"quiz_id\":\"q\",\"score\":1,\"questions_total\":5,"
                               "\"questions_correct\":5,\"time_spent_seconds\":9,"
                               "\"topic_ids\":[\"a\",\"b\"]" TAIL,
    };

    for (size_t i = 0; i < COUNT(json); i++) {
        struct problem p = {0};
        struct event_input in;

        CU_ASSERT_TRUE_FATAL(read_event(json[i], &in, &p));
        CU_ASSERT_EQUAL_FATAL(in.event.topics.n, 2);
        CU_ASSERT_TRUE(str_equal(in.event.topics.v[1], STR("b")));
    }
}

static void each_type_gives_its_observations_and_warnings(void)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        struct problem p = {0};
        struct event_input in;

        CU_ASSERT_TRUE_FATAL(read_event(good[i].json, &in, &p));
        CU_ASSERT_EQUAL(in.event.observation_count, good[i].count);
        CU_ASSERT_EQUAL(in.event.at_ms, now_ms - 2 * INT64_C(3600000));
        CU_ASSERT_EQUAL(in.warnings, good[i].warnings);
        for (int k = 0; k < good[i].count; k++) {
            CU_ASSERT_EQUAL(in.event.observations[k].component, good[i].observations[k].component);
            CU_ASSERT_DOUBLE_EQUAL(in.event.observations[k].x, good[i].observations[k].x, 1e-12);
            CU_ASSERT_DOUBLE_EQUAL(in.event.observations[k].weight, good[i].observations[k].weight,
                                   1e-12);
        }
    }
}

static void exactly_the_wrong_fields_are_reported(void)
{
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct problem p = {0};
        struct event_input in;

        CU_ASSERT_FALSE(read_event(bad[i].json, &in, &p));
        CU_ASSERT_EQUAL(p.code, PROBLEM_VALIDATION_ERROR);
        CU_ASSERT_STRING_EQUAL(fields_of(&p), bad[i].fields);
    }
}

static void events_from_90_days_ago_to_an_hour_ahead_are_accepted(void)
{
    static const struct {
        int64_t offset_ms;
        bool accepted;
    } rows[] = {
        {-EVENT_AGE_MAX_MS, true},
        {-EVENT_AGE_MAX_MS - 1, false},
        {EVENT_AHEAD_MAX_MS, true},
        {EVENT_AHEAD_MAX_MS + 1, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char time[TIME_TEXT_SIZE], json[512];
        struct problem p = {0};
        struct event_input in;

        time_print(now_ms + rows[i].offset_ms, time);
        (void)snprintf(json, sizeof(json),
                       "{\"event_id\":\"12345678\",\"event_type\":\"lesson.viewed\",\"timestamp\":"
                       "\"%s\",\"data\":{\"lesson_id\":\"l\",\"duration_seconds\":1,"
                       "\"completion_percentage\":1}}",
                       time);
        CU_ASSERT_EQUAL(read_event(json, &in, &p), rows[i].accepted);
        CU_ASSERT_STRING_EQUAL(fields_of(&p), rows[i].accepted ? "" : "timestamp");
    }
}

static void event_ids_are_8_to_64_visible_ascii_characters(void)
{
    static const struct {
        const char *id;
        bool accepted;
    } rows[] = {
        {"1234567", false},
        {"12345678", true},
        {"evt-2026.01:31_Z", true},
        {"0123456789012345678901234567890123456789012345678901234567890123", true},
        {"01234567890123456789012345678901234567890123456789012345678901234", false},
        {"1234 5678", false},
        {"1234\\n5678", false},
        {"urn:x:1/a?b=%20&c#~", true},
        {"1234567\\u007f", false},
        {"1234567\\u00e4", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[512];
        struct problem p = {0};
        struct event_input in;

        (void)snprintf(
            json, sizeof(json),
            "{\"event_id\":\"%s\",\"event_type\":\"lesson.viewed\",\"timestamp\":"
            "\"2026-01-31T10:00:00Z\",\"data\":{\"lesson_id\":\"l\",\"duration_seconds\":1,"
            "\"completion_percentage\":1}}",
            rows[i].id);
        CU_ASSERT_EQUAL(read_event(json, &in, &p), rows[i].accepted);
        CU_ASSERT_STRING_EQUAL(fields_of(&p), rows[i].accepted ? "" : "event_id");
    }
}

static void stored_text_has_the_student_and_the_data_as_sent(void)
{
    struct problem p = {0};
    struct event_input in;
    struct str text;

    CU_ASSERT_TRUE_FATAL(
        read_event("{\"event_id\":\"12345678\",\"event_type\":\"lesson.viewed\",\"source\":\"a/b\","
                   "\"timestamp\":\"2026-01-31T11:00:00+01:00\",\"ignored\":1,"
                   "\"data\":{\"lesson_id\":\"l\",\"duration_seconds\":1.50,"
                   "\"completion_percentage\":1e1,\"own\":[true]}}",
                   &in, &p));
    text = event_input_json(&in, STR("s_1"), arena);
    CU_ASSERT_TRUE(str_equal(
        text,
        STR("{\"event_id\":\"12345678\",\"event_type\":\"lesson.viewed\",\"student_id\":\"s_1\","
            "\"timestamp\":\"2026-01-31T10:00:00.000Z\",\"source\":\"a/b\","
            "\"data\":{\"lesson_id\":\"l\",\"duration_seconds\":1.50,"
            "\"completion_percentage\":1e1,\"own\":[true]}}")));
}

void event_input_tests(void)
{
    CU_pSuite suite = CU_add_suite("event_input", open_arena, close_arena);

    CU_ADD_TEST(suite, each_type_gives_its_observations_and_warnings);
    CU_ADD_TEST(suite, exercises_and_quizzes_have_their_topics);
    CU_ADD_TEST(suite, exactly_the_wrong_fields_are_reported);
    CU_ADD_TEST(suite, events_from_90_days_ago_to_an_hour_ahead_are_accepted);
    CU_ADD_TEST(suite, event_ids_are_8_to_64_visible_ascii_characters);
    CU_ADD_TEST(suite, stored_text_has_the_student_and_the_data_as_sent);
}
