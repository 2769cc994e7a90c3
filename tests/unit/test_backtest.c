/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/backtest.h"

#include <math.h>

#include <CUnit/CUnit.h>

void backtest_tests(void);

enum { FIRST = 20000, WEEK = 0, MONTH = 2 /* indices of horizons */ };

static size_t line(struct daily *days, size_t n, int step, double slope)
{
    for (size_t i = 0; i < n; i++)
        days[i] = (struct daily){.day = FIRST + (int32_t)i * step,
                                 .score = 0.2 + slope * (double)(i * (size_t)step)};
    return n;
}

/* The sums of one history. */
static struct backtest *backtest_of(const struct daily *days, size_t n, int32_t end)
{
    struct backtest *b = backtest_new(PREDICTION_LEVEL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    backtest_add(b, days, n, end);
    return b;
}

static double figure(const struct backtest *b, int horizon, enum backtest_figure f)
{
    struct measured m = backtest_measure(b, horizon, LEAST_SQUARES, f);

    CU_ASSERT_TRUE(m.exists);
    return m.value;
}

static void a_line_is_predicted_without_error(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    size_t n = line(days, 30, 1, 0.01);
    struct backtest *b = backtest_of(days, n, FIRST + 29);

    CU_ASSERT_EQUAL(backtest_learners(b), 1);
    CU_ASSERT_EQUAL(backtest_predictions(b, WEEK), 3); /* on days 6, 13 and 20, for 13, 20 and 27 */
    CU_ASSERT_EQUAL(backtest_predictions(b, MONTH), 0);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_MAE), 0, 1e-11);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_SKILL), 1, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_COVERAGE), 1, 0);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_RISES), 1, 0);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_FALLS), 0, 0);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_IMPROVING), 1, 0);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_IMPROVING_RIGHT), 1, 0);
    CU_ASSERT_FALSE(backtest_measure(b, WEEK, LEAST_SQUARES, FIGURE_DECLINING_RIGHT).exists);
    CU_ASSERT_FALSE(backtest_measure(b, MONTH, LEAST_SQUARES, FIGURE_MAE).exists);
    backtest_free(b);
}

static void nothing_of_the_future_is_used(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    size_t n = line(days, 14, 1, 0.01);
    struct backtest *b;

    days[13].score = 0.9; /* day 13 is the truth of the only prediction, made on day 6 */
    b = backtest_of(days, n, FIRST + 13);
    CU_ASSERT_EQUAL(backtest_predictions(b, WEEK), 1);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_MAE), 0.9 - 0.33, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_RMSE), 0.9 - 0.33, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_SKILL), 1 - 0.57 / (0.9 - 0.26), 1e-9);
    backtest_free(b);
}

static void the_last_score_until_the_day_is_the_true_one(void)
{
    struct daily days[] = {{.day = FIRST, .score = 0.2},
                           {.day = FIRST + 10, .score = 0.3},
                           {.day = FIRST + 14, .score = 0.7}};
    struct backtest *b = backtest_of(days, 3, FIRST + 13);

    CU_ASSERT_EQUAL(backtest_predictions(b, WEEK), 1);
    CU_ASSERT_DOUBLE_EQUAL(figure(b, WEEK, FIGURE_MAE), 0.1, 1e-9); /* too few days for a line */
    backtest_free(b);
}

static void without_activity_there_is_nothing_to_judge(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    size_t n = line(days, 7, 1, 0.01);
    struct backtest *b;

    days[n++] = (struct daily){.day = FIRST + 30, .score = 0.5};
    b = backtest_of(days, n, FIRST + 30); /* on day 27 the week goes on beyond the records */
    CU_ASSERT_EQUAL(backtest_predictions(b, WEEK), 0);
    CU_ASSERT_EQUAL(backtest_learners(b), 0);
    backtest_free(b);
    b = backtest_of(days, n, FIRST + 34);
    CU_ASSERT_EQUAL(backtest_predictions(b, WEEK), 1);  /* made on day 27 */
    CU_ASSERT_EQUAL(backtest_predictions(b, MONTH), 1); /* made on day 6 */
    backtest_free(b);
}

static void too_short_histories_say_nothing(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    size_t n = line(days, 7, 1, 0.01);
    struct backtest *b = backtest_of(days, 0, FIRST);

    backtest_add(b, days, 1, FIRST + 40);
    backtest_add(b, days, n, FIRST + 40);
    backtest_add(b, days, n, FIRST - 1);
    CU_ASSERT_EQUAL(backtest_learners(b), 0);
    CU_ASSERT_FALSE(backtest_measure(b, WEEK, LEAST_SQUARES, FIGURE_MAE).exists);
    backtest_free(b);
}

static void probabilities_are_counted_by_class(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    size_t n = line(days, 14, 1, 0); /* the score 0.2 is certain, and so is a score below 0.5 */
    struct backtest *b = backtest_of(days, n, FIRST + 13);
    const struct backtest_bin *bins = backtest_bins(b, WEEK, LEAST_SQUARES);

    CU_ASSERT_EQUAL(bins[BACKTEST_BINS - 1].n, 1);
    CU_ASSERT_EQUAL(bins[BACKTEST_BINS - 1].hits, 1);
    CU_ASSERT(bins[BACKTEST_BINS - 1].sum > 0.99);
    CU_ASSERT_EQUAL(bins[0].n, 0);
    CU_ASSERT(figure(b, WEEK, FIGURE_BRIER) < 1e-4);
    CU_ASSERT_EQUAL(backtest_cell(b, WEEK, LEAST_SQUARES, BACKTEST_CELLS / 5, BACKTEST_CELLS / 5),
                    1);
    backtest_free(b);
}

/* Half of 400 learners are predicted wrongly, so the standard error of the share is 0.025. */
static void intervals_are_about_learners(void)
{
    struct daily days[HISTORY_DAYS] = {0};
    struct backtest *b = backtest_new(PREDICTION_LEVEL);
    struct measured m;

    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    for (int i = 0; i < 400; i++) {
        size_t n = line(days, 14, 1, i % 2 ? 0.01 : -0.01);

        backtest_add(b, days, n, FIRST + 13);
    }
    m = backtest_measure(b, WEEK, LEAST_SQUARES, FIGURE_RISES);
    CU_ASSERT_DOUBLE_EQUAL(m.value, 0.5, 0);
    CU_ASSERT_DOUBLE_EQUAL(m.interval.lower, 0.5 - 1.96 * 0.025, 0.005);
    CU_ASSERT_DOUBLE_EQUAL(m.interval.upper, 0.5 + 1.96 * 0.025, 0.005);
    backtest_free(b);
}

void backtest_tests(void)
{
    CU_pSuite suite = CU_add_suite("backtest", NULL, NULL);

    CU_ADD_TEST(suite, a_line_is_predicted_without_error);
    CU_ADD_TEST(suite, nothing_of_the_future_is_used);
    CU_ADD_TEST(suite, the_last_score_until_the_day_is_the_true_one);
    CU_ADD_TEST(suite, without_activity_there_is_nothing_to_judge);
    CU_ADD_TEST(suite, too_short_histories_say_nothing);
    CU_ADD_TEST(suite, probabilities_are_counted_by_class);
    CU_ADD_TEST(suite, intervals_are_about_learners);
}
