/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Describes a series of daily scores: trend, mean, volatility, streaks of active days. Scores are
 * in order of time (docs/mastery-model.md, Trend and volatility). */
#ifndef DOMAIN_TREND_H
#define DOMAIN_TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREND_CHANGE     0.02 /* a larger change is a trend */
#define TREND_VOLATILITY 0.15 /* a larger volatility is inconsistent */

/* "improving" when last - first > 0.02, "declining" when it is < -0.02, else "stable"; NULL with
 * fewer than two scores. */
const char *trend_of_scores(const double *scores, size_t n);
/* Mean of the scores, rounded to 12 decimals; 0 when n is 0. */
double mean_of_scores(const double *scores, size_t n);

/* Sample standard deviation of the differences between neighbouring scores, rounded; 0 with fewer
 * than three scores. */
double volatility_of_scores(const double *scores, size_t n);
/* 1 / (1 + 10 * volatility), rounded: 1 is perfectly steady. */
double consistency_of_volatility(double volatility);
/* "inconsistent" when the volatility is over TREND_VOLATILITY, else as trend_of_scores, with
 * "stable" instead of NULL. */
const char *overall_trend(const double *scores, size_t n);

struct streaks {
    int current; /* length of the run of days that ends yesterday or later; else 0 */
    int longest; /* length of the longest run */
};
/* days: distinct days with activity, ascending. */
struct streaks streaks_of_days(const int32_t *days, size_t n, int32_t today);

#endif
