/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics of groups of scores, by formulas that are numerically stable in doubles: the variance
 * is computed in two passes, without subtracting large squares. Percentiles and ranks need sorted
 * values. */
#include "app/domain/statistics.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include "app/base/number.h"

const int summary_percents[SUMMARY_PERCENTILES] = {25, 50, 75, 90, 95};

/* Values of two students that differ by at most this count as equal. */
static const double equal_within = 1e-9;

/* Order for qsort: ascending doubles. */
static int compare_values(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_values(double *values, size_t n)
{
    if (n > 1)
        qsort(values, n, sizeof *values, compare_values);
}

/* Returns the percentile of n ascending values before rounding, by linear interpolation between the
 * two values next to its position; 0 when n is 0. */
static double percentile_exact(const double *sorted, size_t n, double percent)
{
    if (n == 0)
        return 0;
    double place = (double)(n - 1) * percent / 100;
    size_t below = (size_t)place;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

double percentile_of_sorted(const double *sorted, size_t n, double percent)
{
    return number_round12(percentile_exact(sorted, n, percent));
}

/* Returns whether all n >= 1 values are equal. This case is treated separately, because the
 * computed mean of equal values may differ from them by a rounding error: two groups of the same
 * equal values but of different sizes would seem to differ. */
static bool all_equal(const double *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (values[i] > values[0] || values[i] < values[0])
            return false;
    return true;
}

/* Makes two passes: the first computes the mean, the second the squares of the deviations from it.
 * Both results are then corrected by `error`, the rounding error of the first mean. */
struct moments moments_of(const double *values, size_t n)
{
    struct moments moments = {.n = n};
    if (n == 0)
        return moments;
    moments.mean = values[0];
    if (all_equal(values, n))
        return moments;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    double first_mean = sum / (double)n, squares = 0, error = 0;
    for (size_t i = 0; i < n; i++) {
        double deviation = values[i] - first_mean;
        squares += deviation * deviation;
        error += deviation; /* sum of deviations: n times the rounding error of first_mean */
    }
    moments.mean = first_mean + error / (double)n;
    moments.variance = fmax(0, squares - error * error / (double)n) / (double)(n - 1);
    return moments;
}

/* Computes all members; without values they stay 0. Minimum and maximum are not rounded, because
 * they are values of the input. */
void summary_of_sorted(const double *sorted, size_t n, struct summary *ret)
{
    struct moments moments = moments_of(sorted, n);
    *ret = (struct summary){.count = n};
    if (n == 0)
        return;
    ret->mean = number_round12(moments.mean);
    ret->median = percentile_of_sorted(sorted, n, 50);
    ret->std_dev = number_round12(sqrt(moments.variance));
    ret->min_value = sorted[0];
    ret->max_value = sorted[n - 1];
    for (int i = 0; i < SUMMARY_PERCENTILES; i++)
        ret->percentiles[i] = percentile_of_sorted(sorted, n, summary_percents[i]);
}

/* Returns whether the means are equal. Compares without ==, about which the compiler warns for
 * doubles. */
static bool means_equal(const struct moments *a, const struct moments *b)
{
    return !(a->mean < b->mean) && !(a->mean > b->mean);
}

/* Returns the degrees of freedom of Welch's test: 1 / (c^2 / (n_a - 1) + (1 - c)^2 / (n_b - 1)),
 * where c (share) is the share of group a in the variance of the difference of the means.
 * Satterthwaite's formula in this form has no squares of variances, which could underflow. */
static double welch_degrees_of_freedom(double share, const struct moments *a,
                                       const struct moments *b)
{
    double share_b = 1 - share;
    return 1 / (share * share / (double)(a->n - 1) + share_b * share_b / (double)(b->n - 1));
}

/* Returns the probability of |T| > |t| for Student's t distribution. It uses the incomplete beta
 * function (Abramowitz and Stegun, 26.7.1), because the tails of gsl_cdf_tdist_Q have relative
 * errors of up to 1e-6 (GSL 2.7, for example t = 18.6, df = 34.9). */
static double two_sided_tail(double t, double df)
{
    return gsl_cdf_beta_P(df / (df + t * t), df / 2, 0.5);
}

/* Sets statistic, p and interval of the test for a standard error of the difference of the means
 * that is not 0 (for 0, welch_test sets them itself). The caller has set ret->degrees_of_freedom.
 * The interval has the probability WELCH_LEVEL. */
static void welch_with_variance(double difference, double standard_error, struct welch_test *ret)
{
    double df = ret->degrees_of_freedom;
    double margin = gsl_cdf_tdist_Pinv((1 + WELCH_LEVEL) / 2, df) * standard_error;
    ret->has_statistic = ret->has_degrees_of_freedom = true;
    ret->statistic = difference / standard_error;
    ret->p = fmin(1, two_sided_tail(ret->statistic, df));
    ret->difference.lower = number_round12(difference - margin);
    ret->difference.upper = number_round12(difference + margin);
}

/* Starts with an interval that is only the rounded difference, p = 0 and no statistic: the result
 * when neither group has variance and the means differ. Equal means get statistic 0 and p 1. */
void welch_test(const struct moments *a, const struct moments *b, struct welch_test *ret)
{
    double difference = a->mean - b->mean;
    double of_a = a->variance / (double)a->n, of_b = b->variance / (double)b->n;
    double rounded = number_round12(difference);
    *ret = (struct welch_test){.difference = {rounded, rounded, WELCH_LEVEL}};
    if (of_a + of_b <= 0) {
        ret->has_statistic = means_equal(a, b);
        ret->p = ret->has_statistic ? 1 : 0;
        return;
    }
    ret->degrees_of_freedom = welch_degrees_of_freedom(of_a / (of_a + of_b), a, b);
    welch_with_variance(difference, sqrt(of_a + of_b), ret);
}

/* Divides the difference of the means by the pooled standard deviation of both groups (variances
 * weighted by n - 1), and corrects the bias of small groups. Without variance g is 0 when the means
 * are equal, and does not exist otherwise. */
bool hedges_g(const struct moments *a, const struct moments *b, double *ret)
{
    double df_a = (double)a->n - 1, df_b = (double)b->n - 1, df = df_a + df_b;
    double pooled = sqrt((df_a * a->variance + df_b * b->variance) / df);
    *ret = 0;
    if (pooled <= 0)
        return means_equal(a, b);
    *ret = (a->mean - b->mean) / pooled * (1 - 3 / (4 * df - 1));
    return true;
}

/* Returns the number of sorted values below `value` or, with or_equal, below or equal to it. Binary
 * search. */
static size_t count_below(const double *sorted, size_t n, double value, bool or_equal)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value || (or_equal && sorted[middle] <= value))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Returns 50 when n < 2, because the divisor n - 1 would be 0. */
double percentile_rank(const double *sorted, size_t n, double value)
{
    if (n < 2)
        return 50;
    double below = (double)count_below(sorted, n, value, /* or_equal */ false);
    double equal = (double)count_below(sorted, n, value, /* or_equal */ true) - below;
    return number_round12(100 * (below + (equal - 1) / 2) / (double)(n - 1));
}

size_t rank_of(const double *sorted, size_t n, double value)
{
    return 1 + n - count_below(sorted, n, value, /* or_equal */ true);
}

/* has_ratio compares b with 0 without ==, about which the compiler warns for doubles. The ratio
 * stays 0 when b is 0. */
struct pair_comparison compare_pair(double a, double b)
{
    double difference = a - b;
    struct pair_comparison c = {.difference = number_round12(difference),
                                .has_ratio = b < 0 || b > 0,
                                .relative_performance = "equal"};
    if (c.has_ratio)
        c.ratio = number_round12(a / b);
    if (fabs(difference) > equal_within)
        c.relative_performance = difference > 0 ? "better" : "worse";
    return c;
}
