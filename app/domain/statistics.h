/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics of groups of scores: summaries, Welch's t-test, Hedges' g, ranks.
 *
 * Inputs must be finite; then outputs are finite too. When a quantity does not exist (0/0), its
 * has_... member is false and its value 0. Means, deviations, percentiles and interval limits are
 * rounded to 12 decimals like scores. Statistics, degrees of freedom, probabilities and effect
 * sizes are not rounded, so that a p of 1e-30 stays different from 0. Distributions come from GSL
 * (GNU Scientific Library) and get only arguments within their domain, because GSL's error handler
 * aborts the process. */
#ifndef DOMAIN_STATISTICS_H
#define DOMAIN_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

struct interval {
    double lower, upper;
    double level; /* probability that the interval contains the true value */
};

void sort_values(double *values, size_t n); /* in ascending order */

/* Returns the percentile of n ascending values, where 0 <= percent <= 100; 0 when n is 0. It
 * interpolates linearly at position (n - 1) * percent / 100: type 7 of Hyndman and Fan, "Sample
 * quantiles in statistical packages", 1996, as in R and PERCENTILE.INC of spreadsheets. */
double percentile_of_sorted(const double *sorted, size_t n, double percent);

/* Count, mean, and sample variance (n - 1), by the corrected two-pass algorithm (Chan, Golub and
 * LeVeque, "Algorithms for computing the sample variance", 1983). Equal values have exactly that
 * value as mean and variance 0. Not rounded. */
struct moments {
    size_t n;
    double mean;
    double variance; /* 0 with fewer than two values */
};
/* Returns the moments of n values, in any order; all 0 when n is 0. */
struct moments moments_of(const double *values, size_t n);

enum { SUMMARY_PERCENTILES = 5 };
extern const int summary_percents[SUMMARY_PERCENTILES]; /* 25, 50, 75, 90, 95 */

/* A summary of a group of values, rounded to 12 decimals. */
struct summary {
    size_t count; /* number of values; 0: all other members are 0 */
    double mean, median, std_dev, min_value, max_value;
    double percentiles[SUMMARY_PERCENTILES];
};
/* Summarises n ascending values; n may be 0. */
void summary_of_sorted(const double *sorted, size_t n, struct summary *ret);

#define WELCH_LEVEL       0.95 /* probability of the interval of the difference */
#define WELCH_SIGNIFICANT 0.05 /* two groups differ significantly when p is smaller */
/* Welch's unequal variances t-test, two-sided (Welch, "The generalization of Student's problem when
 * several different population variances are involved", 1947), with the degrees of freedom of
 * Satterthwaite (1946) and the confidence interval of mean a - mean b at WELCH_LEVEL. Each group
 * has two values or more.
 *
 * When both variances are 0 there are no degrees of freedom. Equal means then give statistic 0 and
 * p 1; different means give p 0 and no statistic. */
struct welch_test {
    bool has_statistic, has_degrees_of_freedom;
    double statistic, degrees_of_freedom, p;
    struct interval difference; /* confidence interval of mean a - mean b */
};
/* Compares the means of two groups a and b of at least two values each. */
void welch_test(const struct moments *a, const struct moments *b, struct welch_test *ret);

/* Hedges' g, an effect size: *ret = (mean a - mean b) / pooled deviation * (1 - 3 / (4 df - 1)),
 * where df = n_a + n_b - 2 (Hedges, "Distribution theory for Glass's estimator of effect size",
 * 1981; the approximate factor). Returns false with *ret 0 when g does not exist: both variances
 * are 0 and the means differ. */
bool hedges_g(const struct moments *a, const struct moments *b, double *ret);

/* Returns the percentile rank of `value`, which is one of the n sorted values: 100 * (below +
 * (equal - 1) / 2) / (n - 1), where `below` values are smaller and `equal` values are equal to it;
 * 50 when n is 1. */
double percentile_rank(const double *sorted, size_t n, double value);
/* Returns 1 + the number of values above `value`, which need not be one of them. sorted: ascending.
 * Rank 1 is the best, and equal values have the same rank. */
size_t rank_of(const double *sorted, size_t n, double value);

/* Compares one value of two students; a difference of up to 1e-9 counts as equal. */
struct pair_comparison {
    double difference;                /* value of student a - value of student b, rounded */
    bool has_ratio;                   /* `ratio` exists: the value of b is not 0 */
    double ratio;                     /* a / b, rounded */
    const char *relative_performance; /* how a compares to b: "better", "worse", "equal" */
};
/* Compares the values a and b of two students. */
struct pair_comparison compare_pair(double a, double b);

#endif
