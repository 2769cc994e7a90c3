/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics of groups of scores: summaries, Welch's t-test, Hedges' g, ranks.
 *
 * All inputs are finite; all outputs are. Where a quantity does not exist (0/0), a `has_…` says so
 * and the value is 0. Means, deviations, percentiles and interval limits are rounded to 12
 * decimals as computed scores are; statistics, degrees of freedom, probabilities and effect sizes
 * are not, since a p of 1e-30 is worth telling from 0.
 * Distributions come from GSL, always within their domain, so its error handler is never called. */
#ifndef DOMAIN_STATISTICS_H
#define DOMAIN_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

struct interval {
    double lower, upper;
    double level; /* the probability that it covers */
};

void sort_values(double *values, size_t n); /* ascending */

/* 0 <= percent <= 100; linear interpolation at (n - 1) * percent / 100: R type 7 (Hyndman and Fan,
 * "Sample quantiles in statistical packages", 1996), spreadsheets' PERCENTILE.INC. 0 of none. */
double percentile_of_sorted(const double *sorted, size_t n, double percent);

/* Count, mean, and sample variance (n - 1), by the corrected two-pass algorithm (Chan, Golub and
 * LeVeque, "Algorithms for computing the sample variance", 1983). Equal values have exactly that
 * value as mean and variance 0. Not rounded. */
struct moments {
    size_t n;
    double mean;
    double variance; /* 0 of fewer than two */
};
struct moments moments_of(const double *values, size_t n);

enum { SUMMARY_PERCENTILES = 5 };
extern const int summary_percents[SUMMARY_PERCENTILES]; /* 25, 50, 75, 90, 95 */

struct summary {
    size_t count; /* 0: all else is 0 */
    double mean, median, std_dev, min_value, max_value;
    double percentiles[SUMMARY_PERCENTILES];
};
void summary_of_sorted(const double *sorted, size_t n, struct summary *ret);

#define WELCH_LEVEL       0.95 /* of the interval of the difference */
#define WELCH_SIGNIFICANT 0.05 /* a p below it tells the groups apart */
/* Welch's unequal variances t-test, two-sided (Welch, "The generalization of Student's problem when
 * several different population variances are involved", 1947), with the degrees of freedom of
 * Satterthwaite (1946) and the interval of mean a - mean b at WELCH_LEVEL. Groups of two or more.
 * No variance in both: equal means give statistic 0 and p 1; different ones p 0 and no statistic;
 * neither has degrees of freedom. */
struct welch_test {
    bool has_statistic, has_degrees_of_freedom;
    double statistic, degrees_of_freedom, p;
    struct interval difference;
};
void welch_test(const struct moments *a, const struct moments *b, struct welch_test *ret);

/* (mean a - mean b) / pooled deviation * (1 - 3 / (4 df - 1)), df = n_a + n_b - 2 (Hedges,
 * "Distribution theory for Glass's estimator of effect size", 1981; the approximate factor).
 * False, *ret 0: no variance in both and different means. */
bool hedges_g(const struct moments *a, const struct moments *b, double *ret);

/* 100 * (below + (equal - 1) / 2) / (n - 1), value being one of the n; 50 when it is the only one.
 */
double percentile_rank(const double *sorted, size_t n, double value);
/* 1 + how many are higher: 1 is the best, equal values share a rank. */
size_t rank_of(const double *sorted, size_t n, double value);

/* Two students' figures side by side. Equal is within 1e-9. */
struct pair_comparison {
    double difference;                /* a - b, rounded */
    bool has_ratio;                   /* b is not 0 */
    double ratio;                     /* a / b, rounded */
    const char *relative_performance; /* of a: "better", "worse", "equal" */
};
struct pair_comparison compare_pair(double a, double b);

#endif
