/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/ranking.h"

#include <CUnit/CUnit.h>

void ranking_tests(void);

static struct measured auc_of(struct ranked *learners, size_t n)
{
    struct measured m = {0};

    CU_ASSERT_TRUE_FATAL(ranking_auc(learners, n, &m));
    return m;
}

static void a_higher_value_ranks_first(void)
{
    struct ranked right[] = {{0, 0.1, false}, {0, 0.9, true}, {0, 0.2, false}, {0, 0.8, true}};
    struct ranked wrong[] = {{0, 0.9, false}, {0, 0.1, true}};
    struct ranked partly[] = {{0, 1, false}, {0, 2, true}, {0, 3, false}, {0, 4, true}};

    CU_ASSERT_DOUBLE_EQUAL(auc_of(right, 4).value, 1, 0);
    CU_ASSERT_DOUBLE_EQUAL(auc_of(wrong, 2).value, 0, 0);
    CU_ASSERT_DOUBLE_EQUAL(auc_of(partly, 4).value, 0.75, 0);
}

static void equal_values_count_half(void)
{
    struct ranked learners[] = {{0, 1, false}, {0, 1, true}, {0, 1, false}, {0, 2, true}};

    CU_ASSERT_DOUBLE_EQUAL(auc_of(learners, 4).value, 0.75, 0);
}

/* Between the groups the order is wrong, within each it is right. */
static void groups_are_not_compared(void)
{
    struct ranked learners[] = {{1, 0.9, false}, {0, 0.2, true}, {1, 1, true}, {0, 0.1, false}};

    CU_ASSERT_DOUBLE_EQUAL(auc_of(learners, 4).value, 1, 0);
}

static void without_a_pair_there_is_no_area(void)
{
    struct ranked learners[] = {{0, 0.1, true}, {1, 0.2, false}};

    CU_ASSERT_FALSE(auc_of(learners, 2).exists);
    CU_ASSERT_FALSE(auc_of(learners, 0).exists);
}

static void the_interval_is_about_the_value(void)
{
    struct ranked learners[200];
    struct measured m;

    for (int i = 0; i < 200; i++)
        learners[i] = (struct ranked){0, i, i % 3 == 0};
    m = auc_of(learners, 200);
    CU_ASSERT_DOUBLE_EQUAL(m.value, 0.5, 0.02);
    CU_ASSERT(m.interval.lower < 0.45 && m.interval.lower > 0.38);
    CU_ASSERT(m.interval.upper > 0.55 && m.interval.upper < 0.62);
}

void ranking_tests(void)
{
    CU_pSuite suite = CU_add_suite("ranking", NULL, NULL);

    CU_ADD_TEST(suite, a_higher_value_ranks_first);
    CU_ADD_TEST(suite, equal_values_count_half);
    CU_ADD_TEST(suite, groups_are_not_compared);
    CU_ADD_TEST(suite, without_a_pair_there_is_no_area);
    CU_ADD_TEST(suite, the_interval_is_about_the_value);
}
