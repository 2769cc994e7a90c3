/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/events.h"

#include <CUnit/CUnit.h>

void events_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const double near = 1e-12;
static const int64_t some_time = INT64_C(1750000000000);

static void assert_observed(const struct observation *o, enum component component, double x,
                            double weight)
{
    CU_ASSERT_EQUAL(o->component, component);
    CU_ASSERT_DOUBLE_EQUAL(o->x, x, near);
    CU_ASSERT_DOUBLE_EQUAL(o->weight, weight, near);
}

static void exercise_observes_completion_and_quality(void)
{
    static const struct {
        struct exercise_completed data;
        double quality, weight;
    } rows[] = {{{MEDIUM, .9, .8, 60, 1, 2}, .68, 1},
                {{EASY, 1, 1, 60, 0, 0}, 1, .8},
                {{HARD, .5, 1, 60, 6, 0}, .7, 1.2},
                {{HARD, .5, 1, 60, 3, 2}, .75, 1.2},
                {{EXPERT, .5, 1, 60, INT64_MAX, INT64_MAX}, .7, 1.5}, /* no overflow */
                {{EXPERT, 0, 0, 60, 0, 1}, 0, 1.5}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct learning_event e = event_of_exercise(&rows[i].data, some_time);
        CU_ASSERT_EQUAL(e.at_ms, some_time);
        CU_ASSERT_TRUE(e.is_exercise);
        CU_ASSERT_FALSE(e.is_quiz);
        CU_ASSERT_EQUAL(e.observation_count, 2);
        assert_observed(&e.observations[0], COMPLETION, rows[i].data.completion_rate,
                        rows[i].weight);
        assert_observed(&e.observations[1], QUALITY, rows[i].quality, rows[i].weight);
    }
}

static void quiz_weighs_by_its_questions_and_difficulty(void)
{
    static const struct {
        struct quiz_completed data;
        double weight;
    } rows[] = {{{.8, 10, 8, 60, false, EASY}, 1},     {{.8, 1, 1, 60, false, EASY}, .1},
                {{.8, 20, 16, 60, false, EASY}, 2},    {{.8, 21, 17, 60, false, EASY}, 2},
                {{.8, 500, 400, 60, true, EXPERT}, 3}, {{.8, 5, 4, 60, true, EASY}, .4}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct learning_event e = event_of_quiz(&rows[i].data, some_time);
        CU_ASSERT_TRUE(e.is_quiz);
        CU_ASSERT_FALSE(e.is_exercise);
        CU_ASSERT_EQUAL(e.observation_count, 1);
        assert_observed(&e.observations[0], QUIZ, .8, rows[i].weight);
    }
}

static void lesson_observes_half_a_completion(void)
{
    struct learning_event e = event_of_lesson(&(struct lesson_viewed){75}, some_time);
    CU_ASSERT_EQUAL(e.observation_count, 1);
    assert_observed(&e.observations[0], COMPLETION, .75, .5);
    CU_ASSERT_FALSE(e.is_exercise || e.is_quiz);
}

static void assessment_observes_the_mean_of_the_scores_given(void)
{
    struct quality_assessed data = {.6, .9, .6, false, 1};
    struct learning_event e = event_of_quality(&data, some_time);
    assert_observed(&e.observations[0], QUALITY, .7, 1);
    data.has_peer_review = true;
    e = event_of_quality(&data, some_time);
    CU_ASSERT_EQUAL(e.observation_count, 1);
    assert_observed(&e.observations[0], QUALITY, .775, 1);
}

static void other_events_observe_nothing(void)
{
    struct learning_event e = event_of_activity(some_time);
    CU_ASSERT_EQUAL(e.at_ms, some_time);
    CU_ASSERT_EQUAL(e.observation_count, 0);
}

static void odd_exercises_are_doubted(void)
{
    static const struct {
        double completion_rate, correctness, seconds;
        uint32_t doubts;
    } rows[] = {{1, .1, 60, 0},
                {1, 0, 60, 1U << WARNING_COMPLETE_BUT_WRONG},
                {.9, 0, 60, 0},
                {1, 1, 0, 1U << WARNING_NO_TIME_SPENT},
                {1, 1, 86400, 0},
                {1, 1, 86400.5, 1U << WARNING_OVER_A_DAY_SPENT},
                {1, 0, 0, 1U << WARNING_NO_TIME_SPENT | 1U << WARNING_COMPLETE_BUT_WRONG}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct exercise_completed data = {.completion_rate = rows[i].completion_rate,
                                          .correctness = rows[i].correctness,
                                          .time_spent_seconds = rows[i].seconds};
        CU_ASSERT_EQUAL(warnings_of_exercise(&data), rows[i].doubts);
    }
}

static void odd_quizzes_are_doubted(void)
{
    static const struct {
        double score;
        int64_t total, correct;
        double seconds;
        uint32_t doubts;
    } rows[] = {{.8, 10, 8, 60, 0},
                {.8, 10, 7, 60, 0}, /* by 0.1 exactly, whatever the binary says */
                {.8, 10, 9, 60, 0},
                {.8, 10, 6, 60, 1U << WARNING_SCORE_MISMATCH},
                {.8, 10, 10, 0, 1U << WARNING_SCORE_MISMATCH | 1U << WARNING_NO_TIME_SPENT},
                {1, 1, 1, 90000, 1U << WARNING_OVER_A_DAY_SPENT}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct quiz_completed data = {.score = rows[i].score,
                                      .questions_total = rows[i].total,
                                      .questions_correct = rows[i].correct,
                                      .time_spent_seconds = rows[i].seconds};
        CU_ASSERT_EQUAL(warnings_of_quiz(&data), rows[i].doubts);
    }
}

static void every_name_and_text_is_there(void)
{
    for (int i = 0; i < EVENT_TYPES; i++)
        CU_ASSERT_PTR_NOT_NULL(event_type_names[i]);
    for (int i = 0; i < DIFFICULTIES; i++)
        CU_ASSERT_PTR_NOT_NULL(difficulty_names[i]);
    for (int i = 0; i < EVENT_WARNINGS; i++)
        CU_ASSERT_PTR_NOT_NULL(event_warning_texts[i]);
    CU_ASSERT_PTR_NULL(event_type_names[EVENT_TYPES]);
    CU_ASSERT_PTR_NULL(difficulty_names[DIFFICULTIES]);
}

void events_tests(void)
{
    CU_pSuite suite = CU_add_suite("events", NULL, NULL);
    CU_ADD_TEST(suite, exercise_observes_completion_and_quality);
    CU_ADD_TEST(suite, quiz_weighs_by_its_questions_and_difficulty);
    CU_ADD_TEST(suite, lesson_observes_half_a_completion);
    CU_ADD_TEST(suite, assessment_observes_the_mean_of_the_scores_given);
    CU_ADD_TEST(suite, other_events_observe_nothing);
    CU_ADD_TEST(suite, odd_exercises_are_doubted);
    CU_ADD_TEST(suite, odd_quizzes_are_doubted);
    CU_ADD_TEST(suite, every_name_and_text_is_there);
}
