/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Describes a series of daily scores: trend, mean, volatility (how much the scores jump from day to
 * day) and streaks of active days. Scores are in order of time (docs/mastery-model.md, Trend and
 * volatility). */
#ifndef DOMAIN_TREND_H
#define DOMAIN_TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREND_CHANGE 0.02 /* a larger change from first to last score is a trend */
/* With a larger volatility (volatility_of_scores) overall_trend is "inconsistent". */
#define TREND_VOLATILITY 0.15

/* Returns "improving" when last score - first score > 0.02, "declining" when it is < -0.02, else
 * "stable"; NULL with fewer than two scores. */
const char *trend_of_scores(const double *scores, size_t n);
/* Returns the mean of the scores, rounded to 12 decimals; 0 when n is 0. */
double mean_of_scores(const double *scores, size_t n);

/* Returns the volatility, rounded: the sample standard deviation of the differences between
 * neighbouring scores; 0 with fewer than three scores. */
double volatility_of_scores(const double *scores, size_t n);
/* Returns 1 / (1 + 10 * volatility), rounded: 1 is perfectly steady; scores that jump by about 0.1
 * from day to day give 0.5. A figure of the analyses, not the component of mastery. */
double consistency_of_volatility(double volatility);
/* Returns "inconsistent" when the volatility is over TREND_VOLATILITY. Otherwise returns what
 * trend_of_scores returns, with "stable" instead of NULL. */
const char *overall_trend(const double *scores, size_t n);

/* A run is a sequence of successive days with activity; lengths are in days. */
struct streaks {
    /* Length of the run that ends today or yesterday, as the student may still be active today;
     * 0 when the last run ended earlier. */
    int current;
    int longest; /* length of the longest run */
};
/* Returns the streaks: runs of successive days. days: days with activity, ascending, each once;
 * they and today are in days since 1970-01-01. */
struct streaks streaks_of_days(const int32_t *days, size_t n, int32_t today);

#endif
