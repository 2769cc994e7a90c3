/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/stale_cache.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

void stale_cache_tests(void);

static const int64_t NOW = INT64_C(1800000000000);

static bool found(struct stale_cache *a, struct str key, int64_t now_ms, struct str expected)
{
    struct str body;
    int64_t age_ms;

    return stale_cache_find(a, key, now_ms, &body, &age_ms) && str_equal(body, expected);
}

static bool missing(struct stale_cache *a, struct str key, int64_t now_ms)
{
    struct str body;
    int64_t age_ms;

    return !stale_cache_find(a, key, now_ms, &body, &age_ms);
}

static void the_last_answer_to_a_question_is_found(void)
{
    struct stale_cache *a = stale_cache_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_TRUE(missing(a, STR("who"), NOW));
    stale_cache_add(a, STR("who"), STR("a first, longer answer"), NOW);
    stale_cache_add(a, STR("who"), STR("a second"), NOW);
    CU_ASSERT_TRUE(found(a, STR("who"), NOW, STR("a second")));
    CU_ASSERT_TRUE(missing(a, STR("what"), NOW));
    stale_cache_free(a);
}

static void an_answer_has_its_age_and_an_end(void)
{
    struct stale_cache *a = stale_cache_new(64);
    struct str body;
    int64_t age_ms;

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    stale_cache_add(a, STR("q"), STR("a"), NOW);
    CU_ASSERT_TRUE(stale_cache_find(a, STR("q"), NOW + 1234, &body, &age_ms));
    CU_ASSERT_EQUAL(age_ms, 1234);
    CU_ASSERT_TRUE(found(a, STR("q"), NOW + STALE_CACHE_AGE_MAX_MS, STR("a")));
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW + STALE_CACHE_AGE_MAX_MS + 1));
    stale_cache_free(a);
}

static void a_clock_that_was_put_back_makes_no_old_answer_young(void)
{
    struct stale_cache *a = stale_cache_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    stale_cache_add(a, STR("q"), STR("a"), NOW);
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW - 1));
    stale_cache_free(a);
}

static void an_answer_of_the_largest_size_is_kept_and_no_larger_one(void)
{
    static char large[STALE_CACHE_BODY_MAX + 1];
    struct stale_cache *a = stale_cache_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    memset(large, 'x', sizeof(large));
    stale_cache_add(a, STR("q"), (struct str){large, sizeof(large)}, NOW);
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW));
    stale_cache_add(a, STR("q"), (struct str){large, STALE_CACHE_BODY_MAX}, NOW);
    CU_ASSERT_TRUE(found(a, STR("q"), NOW, (struct str){large, STALE_CACHE_BODY_MAX}));
    stale_cache_free(a);
}

/* One slot: whoever comes takes it, and nobody gets another's answer. */
static void an_answer_is_never_that_of_another_question(void)
{
    struct stale_cache *a = stale_cache_new(1);
    char key[24], before[24] = "";

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "question %d", i);
        stale_cache_add(a, str_of(key), str_of(key), NOW);
        CU_ASSERT_TRUE(found(a, str_of(key), NOW, str_of(key)));
        CU_ASSERT_TRUE(missing(a, str_of(before), NOW));
        memcpy(before, key, sizeof(key));
    }
    stale_cache_free(a);
}

static void all_can_be_forgotten(void)
{
    struct stale_cache *a = stale_cache_new(8);

    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    stale_cache_add(a, STR("q"), STR("a"), NOW);
    stale_cache_clear(a);
    CU_ASSERT_TRUE(missing(a, STR("q"), NOW));
    stale_cache_add(a, STR("q"), STR("b"), NOW);
    CU_ASSERT_TRUE(found(a, STR("q"), NOW, STR("b")));
    stale_cache_free(a);
    stale_cache_free(NULL);
}

void stale_cache_tests(void)
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
