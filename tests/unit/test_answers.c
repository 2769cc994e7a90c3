/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/answers.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

void answers_tests(void);

static const int64_t NOW = INT64_C(1800000000000);

static bool found(struct answers *a, struct str key, int64_t now_ms, struct str expected)
{
    struct str body;
    int64_t age_ms;

    return answers_find(a, key, now_ms, &body, &age_ms) && str_equal(body, expected);
}

static bool missing(struct answers *a, struct str key, int64_t now_ms)
{
    struct str body;
    int64_t age_ms;

    return !answers_find(a, key, now_ms, &body, &age_ms);
}

static void the_last_answer_to_a_question_is_found(void)
{
    struct answers *a = answers_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_TRUE(missing(a, STR("who"), NOW));
    answers_keep(a, STR("who"), STR("a first, longer answer"), NOW);
    answers_keep(a, STR("who"), STR("a second"), NOW);
    CU_ASSERT_TRUE(found(a, STR("who"), NOW, STR("a second")));
    CU_ASSERT_TRUE(missing(a, STR("what"), NOW));
    answers_free(a);
}

static void an_answer_has_its_age_and_an_end(void)
{
    struct answers *a = answers_new(64);
    struct str body;
    int64_t age_ms;

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    answers_keep(a, STR("q"), STR("a"), NOW);
    CU_ASSERT_TRUE(answers_find(a, STR("q"), NOW + 1234, &body, &age_ms));
    CU_ASSERT_EQUAL(age_ms, 1234);
    CU_ASSERT_TRUE(found(a, STR("q"), NOW + ANSWER_AGE_MAX_MS, STR("a")));
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW + ANSWER_AGE_MAX_MS + 1));
    answers_free(a);
}

static void a_clock_that_was_put_back_makes_no_old_answer_young(void)
{
    struct answers *a = answers_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    answers_keep(a, STR("q"), STR("a"), NOW);
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW - 1));
    answers_free(a);
}

static void an_answer_of_the_largest_size_is_kept_and_no_larger_one(void)
{
    static char large[ANSWER_SIZE_MAX + 1];
    struct answers *a = answers_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    memset(large, 'x', sizeof(large));
    answers_keep(a, STR("q"), (struct str){large, sizeof(large)}, NOW);
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW));
    answers_keep(a, STR("q"), (struct str){large, ANSWER_SIZE_MAX}, NOW);
    CU_ASSERT_TRUE(found(a, STR("q"), NOW, (struct str){large, ANSWER_SIZE_MAX}));
    answers_free(a);
}

/* One slot: whoever comes takes it, and nobody gets another's answer. */
static void an_answer_is_never_that_of_another_question(void)
{
    struct answers *a = answers_new(1);
    char key[24], before[24] = "";

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "question %d", i);
        answers_keep(a, str_of(key), str_of(key), NOW);
        CU_ASSERT_TRUE(found(a, str_of(key), NOW, str_of(key)));
        CU_ASSERT_TRUE(missing(a, str_of(before), NOW));
        memcpy(before, key, sizeof(key));
    }
    answers_free(a);
}

static void all_can_be_forgotten(void)
{
    struct answers *a = answers_new(8);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    answers_keep(a, STR("q"), STR("a"), NOW);
    answers_forget_all(a);
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW));
    answers_keep(a, STR("q"), STR("b"), NOW);
    CU_ASSERT_TRUE(found(a, STR("q"), NOW, STR("b")));
    answers_free(a);
    answers_free(NULL);
}

void answers_tests(void)
{
    CU_pSuite suite = CU_add_suite("answers", NULL, NULL);

    CU_add_test(suite, "the last answer to a question is found",
                the_last_answer_to_a_question_is_found);
    CU_add_test(suite, "an answer has its age, and an end", an_answer_has_its_age_and_an_end);
    CU_add_test(suite, "a clock that was put back makes no old answer young",
                a_clock_that_was_put_back_makes_no_old_answer_young);
    CU_add_test(suite, "an answer of the largest size is kept, and no larger one",
                an_answer_of_the_largest_size_is_kept_and_no_larger_one);
    CU_add_test(suite, "an answer is never that of another question",
                an_answer_is_never_that_of_another_question);
    CU_add_test(suite, "all can be forgotten", all_can_be_forgotten);
}
