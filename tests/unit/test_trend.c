/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/trend.h"

#include <CUnit/CUnit.h>

void trend_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void trend_compares_the_last_score_with_the_first(void)
{
    static const struct {
        double scores[4];
        size_t n;
        const char *trend;
    } rows[] = {{{0}, 0, NULL},
                {{.5}, 1, NULL},
                {{.5, .6}, 2, "improving"},
                {{.6, .5}, 2, "declining"},
                {{.5, .52}, 2, "stable"}, /* 0.02 is not over 0.02, whatever the binary says */
                {{.52, .5}, 2, "stable"},
                {{.5, .520000000001}, 2, "improving"},
                {{.5, .9, .1, .51}, 4, "stable"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *trend = trend_of_scores(rows[i].scores, rows[i].n);
        if (rows[i].trend)
            CU_ASSERT_STRING_EQUAL(trend, rows[i].trend)
        else
            CU_ASSERT_PTR_NULL(trend)
    }
}

static void mean_is_rounded(void)
{
    static const double scores[] = {.1, .2, .3};
    CU_ASSERT_EQUAL(mean_of_scores(scores, 3), .2);
    CU_ASSERT_EQUAL(mean_of_scores(scores, 1), .1);
    CU_ASSERT_EQUAL(mean_of_scores(NULL, 0), 0);
}

static void volatility_is_the_deviation_of_the_differences(void)
{
    static const struct {
        double scores[5];
        size_t n;
        double volatility, consistency;
        const char *trend;
    } rows[] = {{{0}, 0, 0, 1, "stable"},
                {{.5}, 1, 0, 1, "stable"},
                {{.5, .9}, 2, 0, 1, "improving"},
                {{.5, .6, .7, .8}, 4, 0, 1, "improving"},
                {{.5, .6, .5}, 3, .141421356237, .414213562374, "stable"},
                {{.2, .8, .2, .8}, 4, .692820323028, .126131983623, "inconsistent"},
                {{.9, .8, .6, .5}, 4, .057735026919, .633974596214, "declining"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        double volatility = volatility_of_scores(rows[i].scores, rows[i].n);
        CU_ASSERT_DOUBLE_EQUAL(volatility, rows[i].volatility, 2e-12);
        CU_ASSERT_DOUBLE_EQUAL(consistency_of_volatility(volatility), rows[i].consistency, 1e-9);
        CU_ASSERT_STRING_EQUAL(overall_trend(rows[i].scores, rows[i].n), rows[i].trend);
    }
}

static void streaks_end_today_or_yesterday(void)
{
    static const struct {
        int32_t days[8];
        size_t n;
        struct streaks expected;
    } rows[] = {{{0}, 0, {0, 0}},
                {{100}, 1, {1, 1}},
                {{99}, 1, {1, 1}},
                {{98}, 1, {0, 1}},
                {{97, 98, 99, 100}, 4, {4, 4}},
                {{90, 91, 92, 93, 99, 100}, 6, {2, 4}},
                {{90, 92, 94, 96, 98}, 5, {0, 1}},
                {{99, 100, 101}, 3, {3, 3}}}; /* an event of the next hour, beyond midnight */
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct streaks s = streaks_of_days(rows[i].days, rows[i].n, 100);
        CU_ASSERT_EQUAL(s.current, rows[i].expected.current);
        CU_ASSERT_EQUAL(s.longest, rows[i].expected.longest);
    }
}

void trend_tests(void)
{
    CU_pSuite suite = CU_add_suite("trend", NULL, NULL);
    CU_ADD_TEST(suite, trend_compares_the_last_score_with_the_first);
    CU_ADD_TEST(suite, mean_is_rounded);
    CU_ADD_TEST(suite, volatility_is_the_deviation_of_the_differences);
    CU_ADD_TEST(suite, streaks_end_today_or_yesterday);
}
