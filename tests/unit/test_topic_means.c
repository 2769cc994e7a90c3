/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/topic_means.h"

#include <CUnit/CUnit.h>

void topic_means_tests(void);

static void means_are_by_topic_and_the_weakest_is_first(void)
{
    struct arena *arena = arena_new(1024, 1 << 20);
    struct topic_means m = {.arena = arena};

    (void)topic_means_add(&m, STR("loops"), .5);
    (void)topic_means_add(&m, STR("arrays"), .6);
    (void)topic_means_add(&m, STR("loops"), .7);
    (void)topic_means_add(&m, STR("strings"), .1);
    topic_means_rank(&m);
    CU_ASSERT_EQUAL_FATAL(m.n, 3);
    CU_ASSERT(str_equal(m.places[0].id, STR("strings")));
    CU_ASSERT(str_equal(m.places[1].id, STR("arrays"))); /* equal means, by id */
    CU_ASSERT(str_equal(m.places[2].id, STR("loops")));
    CU_ASSERT_EQUAL(topic_mean_value(&m.places[2]), .6);
    CU_ASSERT_EQUAL(m.places[2].students, 2);
    arena_free(arena);
}

static void no_topics_are_no_means(void)
{
    struct topic_means m = {0};

    topic_means_rank(&m);
    CU_ASSERT_EQUAL(m.n, 0);
}

/* Also grows the table many times; each topic is found again afterwards. */
static void topics_beyond_the_limit_are_left_out(void)
{
    struct arena *arena = arena_new(1024, 64 << 20);
    struct topic_means m = {.arena = arena};

    for (int repeat = 0; repeat < 2; repeat++) {
        for (int i = 0; i < TOPIC_MEANS_MAX + 10; i++) {
            struct str id = topic_means_add(&m, arena_printf(arena, "t%d", i), .5);

            CU_ASSERT_EQUAL(id.p != NULL, i < TOPIC_MEANS_MAX);
        }
    }
    CU_ASSERT_EQUAL(m.n, TOPIC_MEANS_MAX);
    CU_ASSERT_FALSE(m.failed);
    topic_means_rank(&m);
    for (size_t i = 0; i < m.n; i++)
        CU_ASSERT_EQUAL(m.places[i].students, 2);
    arena_free(arena);
}

static void lack_of_memory_is_reported(void)
{
    struct arena *arena = arena_new(1024, 1024);
    struct topic_means m = {.arena = arena};

    CU_ASSERT_PTR_NULL(topic_means_add(&m, STR("loops"), .5).p);
    CU_ASSERT_TRUE(m.failed);
    arena_free(arena);
}

void topic_means_tests(void)
{
    CU_pSuite suite = CU_add_suite("topic_means", NULL, NULL);
    CU_ADD_TEST(suite, means_are_by_topic_and_the_weakest_is_first);
    CU_ADD_TEST(suite, no_topics_are_no_means);
    CU_ADD_TEST(suite, topics_beyond_the_limit_are_left_out);
    CU_ADD_TEST(suite, lack_of_memory_is_reported);
}
