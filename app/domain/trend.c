/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Describes a series of daily scores by a few simple formulas. The models that predict scores with
 * intervals are in prediction.c and ar1_trend.c. */
#include "app/domain/trend.h"

#include <math.h>

#include "app/base/number.h"

/* Compares only the first and the last score. */
const char *trend_of_scores(const double *scores, size_t n)
{
    if (n < 2)
        return NULL;
    /* The change is rounded to 12 decimals, because 0.52 - 0.5 is a little more than 0.02 in
     * binary. */
    double change = number_round12(scores[n - 1] - scores[0]);
    if (change > TREND_CHANGE)
        return "improving";
    return change < -TREND_CHANGE ? "declining" : "stable";
}

double mean_of_scores(const double *scores, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += scores[i];
    return n > 0 ? number_round12(sum / (double)n) : 0;
}

/* Returns the sample standard deviation (divisor: number of differences - 1) of the differences
 * between neighbouring scores. */
double volatility_of_scores(const double *scores, size_t n)
{
    if (n < 3)
        return 0;
    double differences = (double)(n - 1);
    /* the sum of all differences is last - first */
    double mean = (scores[n - 1] - scores[0]) / differences;
    double squares = 0;
    for (size_t i = 1; i < n; i++) {
        double deviation = scores[i] - scores[i - 1] - mean;
        squares += deviation * deviation;
    }
    return number_round12(sqrt(squares / (differences - 1)));
}

double consistency_of_volatility(double volatility)
{
    return number_round12(1 / (1 + 10 * volatility));
}

/* A volatile series is "inconsistent", however it ends: scores that jump from day to day have no
 * meaningful trend. */
const char *overall_trend(const double *scores, size_t n)
{
    if (volatility_of_scores(scores, n) > TREND_VOLATILITY)
        return "inconsistent";
    const char *trend = trend_of_scores(scores, n);
    return trend ? trend : "stable";
}

/* Finds the runs. A run is a sequence of successive days. The last run is the current streak if it
 * ends yesterday or later, so that a student who has not been active yet today keeps it. */
struct streaks streaks_of_days(const int32_t *days, size_t n, int32_t today)
{
    struct streaks streaks = {0, 0};
    int run = 0;
    for (size_t i = 0; i < n; i++) {
        run = i > 0 && (int64_t)days[i] - days[i - 1] == 1 ? run + 1 : 1;
        if (run > streaks.longest)
            streaks.longest = run;
    }
    if (n > 0 && (int64_t)days[n - 1] >= (int64_t)today - 1)
        streaks.current = run;
    return streaks;
}
