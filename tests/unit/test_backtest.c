/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/backtest.h"

#include <math.h>

#include <CUnit/CUnit.h>

void backtest_tests(void);

static const double level = 0.9;

static size_t line(struct daily *days, size_t n, int step, double slope)
{
    for (size_t i = 0; i < n; i++)
        days[i] = (struct daily){.day = 20000 + (int32_t)i * step,
                                 .score = 0.2 + slope * (double)(i * (size_t)step)};
    return n;
}

static void a_line_is_predicted_without_error(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    struct backtest b = {0};

    backtest_add(&b, days, line(days, 30, 1, 0.01), 7, level);
    CU_ASSERT_EQUAL(b.n, 30 - 7 - 2); /* from the third day to the one seven days before the last */
    CU_ASSERT_DOUBLE_EQUAL(backtest_mean_error(&b, BACKTEST_LEAST_SQUARES), 0, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(backtest_mean_error(&b, BACKTEST_LAST_VALUE), 0.07, 1e-12);
    CU_ASSERT(backtest_brier(&b, BACKTEST_LEAST_SQUARES) < backtest_brier(&b, BACKTEST_LAST_VALUE));
    CU_ASSERT(backtest_brier(&b, BACKTEST_LAST_VALUE) > 0);
    /* the mean of days 0 .. i lies i/2 below day i, i = 2 .. 22 */
    CU_ASSERT_DOUBLE_EQUAL(backtest_mean_error(&b, BACKTEST_MEAN), 0.07 + 0.01 * 12 / 2, 1e-12);
}

static void nothing_of_the_future_is_used(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    struct backtest before = {0}, after = {0};
    size_t n = line(days, 10, 1, 0.01);

    days[9].score = 1; /* only the truth of the last prediction can change by it */
    backtest_add(&before, days, n - 1, 1, level);
    backtest_add(&after, days, n, 1, level);
    CU_ASSERT_EQUAL(after.n, before.n + 1);
    CU_ASSERT_DOUBLE_EQUAL(after.absolute[BACKTEST_LEAST_SQUARES] -
                               before.absolute[BACKTEST_LEAST_SQUARES],
                           1 - 0.29, 1e-9);
    CU_ASSERT_EQUAL(after.covered[0], before.covered[0]);
}

static void between_days_the_last_score_is_the_true_one(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    struct backtest b = {0};

    backtest_add(&b, days, line(days, 5, 10, 0.01), 5, level); /* days 0 10 20 30 40 */
    CU_ASSERT_EQUAL(b.n, 2);                                   /* on 20 and 30, for 25 and 35 */
    CU_ASSERT_DOUBLE_EQUAL(backtest_mean_error(&b, BACKTEST_LAST_VALUE), 0, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(backtest_mean_error(&b, BACKTEST_LEAST_SQUARES), 0.05, 1e-9);
}

static void too_short_histories_say_nothing(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    struct backtest b = {0};

    backtest_add(&b, days, 0, 1, level);
    backtest_add(&b, days, line(days, 3, 1, 0.01), 1, level);
    backtest_add(&b, days, line(days, 30, 1, 0.01), 28, level);
    CU_ASSERT_EQUAL(b.n, 0);
    CU_ASSERT_EQUAL(backtest_coverage(&b, BACKTEST_LEAST_SQUARES), 0);
    CU_ASSERT_EQUAL(backtest_mean_error(&b, BACKTEST_LEAST_SQUARES), 0);
    CU_ASSERT_EQUAL(backtest_brier(&b, BACKTEST_MEAN), 0);
}

static void coverage_counts_true_scores_in_the_interval(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    struct backtest b = {0};
    size_t n = line(days, 40, 1, 0);

    for (size_t i = 0; i < n; i++)
        days[i].score = 0.5 + (i % 2 ? 0.01 : -0.01);
    backtest_add(&b, days, n, 1, level);
    CU_ASSERT_DOUBLE_EQUAL(backtest_coverage(&b, BACKTEST_LEAST_SQUARES), 1, 1e-12);
    days[n - 1].score = 0.9;
    b = (struct backtest){0};
    backtest_add(&b, days, n, 1, level);
    CU_ASSERT_EQUAL(b.n - b.covered[0], 1);
}

void backtest_tests(void)
{
    CU_pSuite suite = CU_add_suite("backtest", NULL, NULL);

    CU_ADD_TEST(suite, a_line_is_predicted_without_error);
    CU_ADD_TEST(suite, nothing_of_the_future_is_used);
    CU_ADD_TEST(suite, between_days_the_last_score_is_the_true_one);
    CU_ADD_TEST(suite, too_short_histories_say_nothing);
    CU_ADD_TEST(suite, coverage_counts_true_scores_in_the_interval);
}
