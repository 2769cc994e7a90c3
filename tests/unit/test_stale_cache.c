/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/stale_cache.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

void stale_cache_tests(void);

static const int64_t NOW = INT64_C(1800000000000);

static bool found(struct stale_cache *cache, struct str key, int64_t now_ms, struct str expected)
{
    struct str body;
    int64_t age_ms;

    return stale_cache_find(cache, key, now_ms, &body, &age_ms) && str_equal(body, expected);
}

static bool missing(struct stale_cache *cache, struct str key, int64_t now_ms)
{
    struct str body;
    int64_t age_ms;

    return !stale_cache_find(cache, key, now_ms, &body, &age_ms);
}

static void the_latest_response_to_a_request_is_found(void)
{
    struct stale_cache *cache = stale_cache_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
    CU_ASSERT_TRUE(missing(cache, STR("who"), NOW));
    stale_cache_add(cache, STR("who"), STR("a first, longer answer"), NOW);
    stale_cache_add(cache, STR("who"), STR("a second"), NOW);
    CU_ASSERT_TRUE(found(cache, STR("who"), NOW, STR("a second")));
    CU_ASSERT_TRUE(missing(cache, STR("what"), NOW));
    stale_cache_free(cache);
}

static void a_response_has_its_age_and_expires(void)
{
    struct stale_cache *cache = stale_cache_new(64);
    struct str body;
    int64_t age_ms;

    CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
    stale_cache_add(cache, STR("q"), STR("a"), NOW);
    CU_ASSERT_TRUE(stale_cache_find(cache, STR("q"), NOW + 1234, &body, &age_ms));
    CU_ASSERT_EQUAL(age_ms, 1234);
    CU_ASSERT_TRUE(found(cache, STR("q"), NOW + STALE_CACHE_AGE_MAX_MS, STR("a")));
    CU_ASSERT_TRUE(missing(cache, STR("q"), NOW + STALE_CACHE_AGE_MAX_MS + 1));
    stale_cache_free(cache);
}

static void a_clock_that_was_set_back_hides_entries(void)
{
    struct stale_cache *cache = stale_cache_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
    stale_cache_add(cache, STR("q"), STR("a"), NOW);
    CU_ASSERT_TRUE(missing(cache, STR("q"), NOW - 1));
    stale_cache_free(cache);
}

static void a_response_of_the_largest_size_is_stored_and_no_larger_one(void)
{
    static char large[STALE_CACHE_BODY_MAX + 1];
    struct stale_cache *cache = stale_cache_new(64);

    CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
    memset(large, 'x', sizeof(large));
    stale_cache_add(cache, STR("q"), (struct str){large, sizeof(large)}, NOW);
    CU_ASSERT_TRUE(missing(cache, STR("q"), NOW));
    stale_cache_add(cache, STR("q"), (struct str){large, STALE_CACHE_BODY_MAX}, NOW);
    CU_ASSERT_TRUE(found(cache, STR("q"), NOW, (struct str){large, STALE_CACHE_BODY_MAX}));
    stale_cache_free(cache);
}

/* With one slot each response replaces the one before, and none is found by another key. */
static void a_response_is_never_that_of_another_request(void)
{
    struct stale_cache *cache = stale_cache_new(1);
    char key[24], before[24] = "";

    CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "question %d", i);
        stale_cache_add(cache, str_of(key), str_of(key), NOW);
        CU_ASSERT_TRUE(found(cache, str_of(key), NOW, str_of(key)));
        CU_ASSERT_TRUE(missing(cache, str_of(before), NOW));
        memcpy(before, key, sizeof(key));
    }
    stale_cache_free(cache);
}

static void clear_removes_all(void)
{
    struct stale_cache *cache = stale_cache_new(8);

    CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
    stale_cache_add(cache, STR("q"), STR("a"), NOW);
    stale_cache_clear(cache);
    CU_ASSERT_TRUE(missing(cache, STR("q"), NOW));
    stale_cache_add(cache, STR("q"), STR("b"), NOW);
    CU_ASSERT_TRUE(found(cache, STR("q"), NOW, STR("b")));
    stale_cache_free(cache);
    stale_cache_free(NULL);
}

void stale_cache_tests(void)
{
    CU_pSuite suite = CU_add_suite("answers", NULL, NULL);

    CU_add_test(suite, "the last answer to a question is found",
                the_latest_response_to_a_request_is_found);
    CU_add_test(suite, "an answer has its age, and an end", a_response_has_its_age_and_expires);
    CU_add_test(suite, "a clock that was put back makes no old answer young",
                a_clock_that_was_set_back_hides_entries);
    CU_add_test(suite, "an answer of the largest size is kept, and no larger one",
                a_response_of_the_largest_size_is_stored_and_no_larger_one);
    CU_add_test(suite, "an answer is never that of another question",
                a_response_is_never_that_of_another_request);
    CU_add_test(suite, "all can be forgotten", clear_removes_all);
}
