/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small descriptions of a series of daily scores. */
#ifndef DOMAIN_TREND_H
#define DOMAIN_TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREND_CHANGE     0.02 /* more than this is a trend */
#define TREND_VOLATILITY 0.15 /* more than this is inconsistent */

/* "improving", "declining" or "stable" by last - first > 0.02, < -0.02; NULL with fewer than two
 * scores (api-contract section 4, query). Scores oldest first. */
const char *trend_of_scores(const double *scores, size_t n);
/* Mean of the scores, rounded to 12 decimals; 0 of none. */
double mean_of_scores(const double *scores, size_t n);

/* Sample deviation of the differences between neighbouring scores, rounded; 0 of fewer than three
 * scores (api-contract section 4, comprehensive). */
double volatility_of_scores(const double *scores, size_t n);
/* 1 / (1 + 10 * volatility), rounded: 1 is steady. */
double consistency_of_volatility(double volatility);
/* "inconsistent" when the volatility is over 0.15, else as trend_of_scores, but "stable" where that
 * is NULL: never NULL. */
const char *overall_trend(const double *scores, size_t n);

struct streaks {
    int current; /* days in a row that end yesterday or later */
    int longest;
};
/* days: distinct days with activity, ascending. */
struct streaks streaks_of_days(const int32_t *days, size_t n, int32_t today);

#endif
