/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/statistics.h"

#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>

void statistics_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { MOST = 1001 };

static void assert_near(double actual, double expected, double relative)
{
    CU_ASSERT(isfinite(actual));
    CU_ASSERT_DOUBLE_EQUAL(actual, expected, relative * fmax(fabs(expected), 1e-3));
}

struct group {
    double values[20];
    size_t n;
};

/* Values by R 4.2 and SciPy; docs/mastery-model.md, Reference values, names the sources. */
/* clang-format off */
static const struct group
    sleep_a = {{.7, -1.6, -.2, -1.2, -.1, 3.4, 3.7, .8, 0, 2.0}, 10},
    sleep_b = {{1.9, .8, 1.1, .1, -.1, 4.4, 5.5, 1.6, 4.6, 3.4}, 10},
    example1_a = {{27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4}, 15},
    example1_b = {{27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4}, 15},
    example3_a = {{19.8, 20.4, 19.6, 17.8, 18.5, 18.9, 18.3, 18.9, 19.5, 22.0}, 10},
    example3_b = {{28.2, 26.6, 20.1, 23.3, 25.2, 22.1, 17.7, 27.6, 20.6, 13.7, 23.2, 17.5, 20.6, 18.0, 23.9, 21.6, 24.3, 20.4, 24.0, 13.2}, 20},
    rosetta_a = {{3.0, 4.0, 1.0, 2.1}, 4},
    rosetta_b = {{490.2, 340.0, 433.9}, 3},
    scores_a = {{0.61, 0.72, 0.55, 0.80, 0.67}, 5},
    scores_b = {{0.52, 0.49, 0.71, 0.60, 0.58, 0.44}, 6},
    plant_control = {{4.17, 5.58, 5.18, 6.11, 4.5, 4.61, 5.17, 4.53, 5.33, 5.14}, 10},
    plant_1 = {{4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69}, 10},
    plant_2 = {{6.31, 5.12, 5.54, 5.5, 5.37, 5.29, 4.92, 6.15, 5.8, 5.26}, 10},
    same = {{.5, .5, .5}, 3},
    half = {{.5, .5}, 2},
    higher = {{.7, .7}, 2},
    sevens = {{.7, .7, .7, .7, .7, .7, .7}, 7};

static const struct {
    const struct group *a, *b;
    double t, df, p, lower, upper, g;
} welch_rows[] = {
    {&sleep_a, &sleep_b, -1.86081346748685, 17.7764735161785, 0.0793941401873582, -3.36548323071171, 0.20548323071171, -0.797018500447446},
    {&example1_a, &example1_b, -2.45535639828601, 24.9885292902314, 0.021378001462867, -3.98409626714093, -0.349237066192407, -0.872337785549763},
    {&example3_a, &example3_b, -2.21924091582362, 24.4962231242012, 0.0359722710297968, -4.28239353550464, -0.157606464495353, -0.621471083344592},
    {&rosetta_a, &rosetta_b, -9.55949772193266, 2.00085234885628, 0.0107515611497845, -607.281981989981, -230.401351343353, -7.34792268235526},
    {&scores_a, &scores_b, 1.94907226176052, 8.58950472488439, 0.0846296826202298, -0.019169564109376, 0.245836230776043, 1.08073841746184},
    {&plant_control, &plant_1, 1.1912603818487, 16.5235850568593, 0.250382508587548, -0.28751622134681, 1.02951622134681, 0.51023736649209},
    {&plant_control, &plant_2, -2.13402045312406, 16.7857644826057, 0.0478992556019693, -0.982872130035359, -0.00512786996464084, -0.91403776423127},
};
/* clang-format on */

static struct moments moments_of_group(const struct group *g)
{
    return moments_of(g->values, g->n);
}

static void welch_test_agrees_with_published_results(void)
{
    for (size_t i = 0; i < COUNT(welch_rows); i++) {
        struct moments a = moments_of_group(welch_rows[i].a), b = moments_of_group(welch_rows[i].b);
        struct welch_test t;
        double g;
        welch_test(&a, &b, &t);
        CU_ASSERT_TRUE(t.has_statistic && t.has_degrees_of_freedom);
        assert_near(t.statistic, welch_rows[i].t, 1e-9);
        assert_near(t.degrees_of_freedom, welch_rows[i].df, 1e-9);
        assert_near(t.p, welch_rows[i].p, 1e-9);
        assert_near(t.difference.lower, welch_rows[i].lower, 1e-9);
        assert_near(t.difference.upper, welch_rows[i].upper, 1e-9);
        CU_ASSERT_EQUAL(t.difference.level, .95);
        CU_ASSERT_TRUE(hedges_g(&a, &b, &g));
        assert_near(g, welch_rows[i].g, 1e-9);
    }
}

static void welch_test_turns_round_with_its_groups(void)
{
    struct moments a = moments_of_group(&scores_a), b = moments_of_group(&scores_b);
    struct welch_test ab, ba;
    welch_test(&a, &b, &ab);
    welch_test(&b, &a, &ba);
    CU_ASSERT_DOUBLE_EQUAL(ab.statistic, -ba.statistic, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(ab.p, ba.p, 1e-15);
    CU_ASSERT_EQUAL(ab.difference.lower, -ba.difference.upper);
}

static void groups_without_variance_have_rules_of_their_own(void)
{
    static const struct {
        const struct group *a, *b;
        bool has_statistic, has_g;
        double p, difference;
    } rows[] = {{&same, &same, true, true, 1, 0},
                {&half, &same, true, true, 1, 0},
                {&higher, &sevens, true, true, 1, 0}, /* equal though their sums round apart */
                {&half, &higher, false, false, 0, -.2}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct moments a = moments_of_group(rows[i].a), b = moments_of_group(rows[i].b);
        struct welch_test t;
        double g = 1;
        welch_test(&a, &b, &t);
        CU_ASSERT_EQUAL(t.has_statistic, rows[i].has_statistic);
        CU_ASSERT_FALSE(t.has_degrees_of_freedom);
        CU_ASSERT_EQUAL(t.statistic, 0);
        CU_ASSERT_EQUAL(t.p, rows[i].p);
        CU_ASSERT_EQUAL(t.difference.lower, rows[i].difference);
        CU_ASSERT_EQUAL(t.difference.upper, rows[i].difference);
        CU_ASSERT_EQUAL(hedges_g(&a, &b, &g), rows[i].has_g);
        CU_ASSERT_EQUAL(g, 0);
    }
}

static void equal_values_have_exactly_their_mean(void)
{
    double values[100];
    for (int percent = 1; percent < 100; percent++) {
        for (int i = 0; i < 100; i++)
            values[i] = percent / 100.;
        for (size_t n = 1; n <= COUNT(values); n++) {
            struct moments m = moments_of(values, n);
            if (m.mean != values[0] || m.variance != 0)
                CU_FAIL("a group of equal values has another mean, or variance");
        }
    }
}

static void one_group_without_variance_is_an_ordinary_case(void)
{
    struct moments a = moments_of_group(&scores_a), b = moments_of_group(&half);
    struct welch_test t;
    welch_test(&a, &b, &t);
    CU_ASSERT_TRUE(t.has_statistic);
    CU_ASSERT_EQUAL(t.degrees_of_freedom, 4); /* all of a's */
    CU_ASSERT(t.p > 0 && t.p < 1);
}

static void a_tiny_p_is_not_zero(void)
{
    double low[100], high[100];
    for (int i = 0; i < 100; i++) {
        low[i] = .1 + .001 * (i % 2);
        high[i] = .9 + .001 * (i % 2);
    }
    struct moments a = moments_of(low, 100), b = moments_of(high, 100);
    struct welch_test t;
    welch_test(&a, &b, &t);
    CU_ASSERT(t.p >= 0 && t.p < 1e-200);
    CU_ASSERT(isfinite(t.statistic));
    struct moments wide = {2, .5, 1e-300}, other = {2, .25, 1e-300};
    welch_test(&wide, &other, &t);
    CU_ASSERT(isfinite(t.statistic) && isfinite(t.p) && isfinite(t.degrees_of_freedom));
}

/* clang-format off */
static const struct {
    struct group group;
    double mean, median, std_dev, percentiles[SUMMARY_PERCENTILES];
} summary_rows[] = {
    {{{1.0, .9, .8, .7, .6, .5, .4, .3, .2, .1}, 10}, .55, .55, 0.302765035409749, {.325, .55, .775, .91, .955}},
    {{{.31, .94, .42, .77, .58}, 5}, .604, .58, 0.255597339579269, {.42, .58, .77, .872, .906}},
    {{{.9, .2}, 2}, .55, .55, 0.494974746830583, {.375, .55, .725, .83, .865}},
    {{{.5}, 1}, .5, .5, 0, {.5, .5, .5, .5, .5}},
};
/* clang-format on */

static void summary_agrees_with_published_results(void)
{
    for (size_t i = 0; i < COUNT(summary_rows); i++) {
        struct group g = summary_rows[i].group;
        struct summary s;
        sort_values(g.values, g.n);
        summary_of_sorted(g.values, g.n, &s);
        CU_ASSERT_EQUAL(s.count, g.n);
        CU_ASSERT_EQUAL(s.mean, summary_rows[i].mean);
        CU_ASSERT_EQUAL(s.median, summary_rows[i].median);
        assert_near(s.std_dev, summary_rows[i].std_dev, 1e-9);
        CU_ASSERT_EQUAL(s.min_value, g.values[0]);
        CU_ASSERT_EQUAL(s.max_value, g.values[g.n - 1]);
        for (int p = 0; p < SUMMARY_PERCENTILES; p++)
            CU_ASSERT_EQUAL(s.percentiles[p], summary_rows[i].percentiles[p]);
    }
}

static void nothing_has_an_empty_summary(void)
{
    struct summary s, zero;
    summary_of_sorted(NULL, 0, &s);
    memset(&zero, 0, sizeof zero);
    CU_ASSERT_EQUAL(s.count, 0);
    CU_ASSERT_EQUAL(s.mean, 0);
    CU_ASSERT_EQUAL(s.std_dev, 0);
    CU_ASSERT_EQUAL(percentile_of_sorted(NULL, 0, 50), 0);
}

static void percentiles_interpolate_linearly(void)
{
    static const struct {
        struct group group;
        double percent, value;
    } rows[] = {{{{1, 2, 3, 4}, 4}, 30, 1.9},
                {{{1, 2, 3, 4, 7, 10}, 6}, 50, 3.5},
                {{{15, 20, 35, 40, 50}, 5}, 0, 15},
                {{{15, 20, 35, 40, 50}, 5}, 5, 16},
                {{{15, 20, 35, 40, 50}, 5}, 30, 23},
                {{{15, 20, 35, 40, 50}, 5}, 40, 29},
                {{{15, 20, 35, 40, 50}, 5}, 50, 35},
                {{{15, 20, 35, 40, 50}, 5}, 100, 50},
                {{{3, 6, 7, 8, 8, 10, 13, 15, 16, 20}, 10}, 25, 7.25},
                {{{3, 6, 7, 8, 8, 10, 13, 15, 16, 20}, 10}, 50, 9},
                {{{3, 6, 7, 8, 8, 10, 13, 15, 16, 20}, 10}, 75, 14.5},
                {{{3, 6, 7, 8, 8, 10, 13, 15, 16, 20}, 10}, 90, 16.4}};
    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(
            percentile_of_sorted(rows[i].group.values, rows[i].group.n, rows[i].percent),
            rows[i].value);
}

/* NIST StRD NumAcc: a sum of squares minus the square of the sum fails these. */
static void deviation_survives_cancellation(void)
{
    static const struct {
        double first, low, high, std_dev, tolerance;
    } rows[] = {{1000000.2, 1000000.1, 1000000.3, .1, 1e-8},
                {10000000.2, 10000000.1, 10000000.3, .1, 1e-8},
                {.6000002, .6000001, .6000003, 1.00000000002876e-7, 1e-13}};
    static double values[MOST];
    for (size_t i = 0; i < COUNT(rows); i++) {
        values[0] = rows[i].first;
        for (int j = 1; j < MOST; j += 2) {
            values[j] = rows[i].low;
            values[j + 1] = rows[i].high;
        }
        struct moments m = moments_of(values, MOST);
        CU_ASSERT_DOUBLE_EQUAL(m.mean, rows[i].first, 1e-15 * rows[i].first);
        CU_ASSERT_DOUBLE_EQUAL(sqrt(m.variance), rows[i].std_dev, rows[i].tolerance);
    }
    static const double three[] = {10000001, 10000003, 10000002};
    struct moments m = moments_of(three, 3);
    CU_ASSERT_EQUAL(m.mean, 10000002);
    CU_ASSERT_EQUAL(m.variance, 1);
}

static void percentile_rank_shares_places(void)
{
    static const double scores[] = {.2, .4, .4, .6, .9};
    static const double percents[] = {0, 37.5, 37.5, 75, 100};
    static const size_t ranks[] = {5, 3, 3, 2, 1};
    for (size_t i = 0; i < COUNT(scores); i++) {
        CU_ASSERT_EQUAL(percentile_rank(scores, 5, scores[i]), percents[i]);
        CU_ASSERT_EQUAL(rank_of(scores, 5, scores[i]), ranks[i]);
    }
    CU_ASSERT_EQUAL(percentile_rank(scores, 1, .2), 50);
    CU_ASSERT_EQUAL(rank_of(scores, 1, .2), 1);
    CU_ASSERT_EQUAL(percentile_rank(same.values, 3, .5), 50);
}

static void pairs_are_compared(void)
{
    static const struct {
        double a, b, difference;
        bool has_ratio;
        double ratio;
        const char *relative;
    } rows[] = {{.6, .5, .1, true, 1.2, "better"},
                {.5, .6, -.1, true, .833333333333, "worse"},
                {.5, .5, 0, true, 1, "equal"},
                {.5000000001, .5, .0000000001, true, 1.0000000002, "equal"},
                {.5, 0, .5, false, 0, "better"},
                {0, 0, 0, false, 0, "equal"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pair_comparison c = compare_pair(rows[i].a, rows[i].b);
        CU_ASSERT_EQUAL(c.difference, rows[i].difference);
        CU_ASSERT_EQUAL(c.has_ratio, rows[i].has_ratio);
        CU_ASSERT_EQUAL(c.ratio, rows[i].ratio);
        CU_ASSERT_STRING_EQUAL(c.relative_performance, rows[i].relative);
    }
}

/* The quantiles of t: in these groups the margin of the interval is the quantile itself. */
static void intervals_use_the_quantiles_of_t(void)
{
    static const struct {
        size_t df;
        double quantile;
    } rows[] = {{1, 12.7062047361747},  {2, 4.30265272974946},  {3, 3.18244630528371},
                {5, 2.57058183563631},  {8, 2.30600413520417},  {10, 2.22813885198627},
                {30, 2.04227245630124}, {88, 1.98728986483117}, {1000, 1.96233908082641}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        double n = (double)rows[i].df + 1;
        struct moments varying = {rows[i].df + 1, 0, n}, constant = {2, 0, 0};
        struct welch_test t; /* standard error 1, degrees of freedom those of the first */
        welch_test(&varying, &constant, &t);
        assert_near(t.difference.upper, rows[i].quantile, 1e-11);
        assert_near(t.difference.lower, -rows[i].quantile, 1e-11);
    }
}

static void p_values_are_the_tails_of_t(void)
{
    static const struct {
        double t;
        size_t df;
        double p;
    } rows[] = {{1, 1, .5},
                {2, 2, 2 * (1 - 0.908248290463863)},
                {40, 3, 2 * (1 - 0.999982809659605)},
                {50, 100, 1.44721636797613e-72},
                /* where the tail of GSL's t distribution is off by 1e-9 and 1e-6 of itself */
                {10.5, 39, 6.311734316155241e-13},
                {18.640315099038894, 35, 9.383797952645879e-20}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        double n = (double)rows[i].df + 1;
        struct moments varying = {rows[i].df + 1, rows[i].t, n}, constant = {2, 0, 0};
        struct welch_test t;
        welch_test(&varying, &constant, &t);
        CU_ASSERT_DOUBLE_EQUAL(t.p / rows[i].p, 1, 1e-9);
    }
    /* Two groups of two whose shares in the variance, 1/2 +- sqrt(1/12), give 1.5 degrees. */
    struct moments more = {2, 30, 1 + 2 * sqrt(1 / 12.)}, less = {2, 0, 1 - 2 * sqrt(1 / 12.)};
    struct welch_test t;
    welch_test(&more, &less, &t);
    assert_near(t.degrees_of_freedom, 1.5, 1e-12);
    assert_near(t.p, 0.00458564232297941, 1e-9);
}

void statistics_tests(void)
{
    CU_pSuite suite = CU_add_suite("statistics", NULL, NULL);
    CU_ADD_TEST(suite, welch_test_agrees_with_published_results);
    CU_ADD_TEST(suite, welch_test_turns_round_with_its_groups);
    CU_ADD_TEST(suite, groups_without_variance_have_rules_of_their_own);
    CU_ADD_TEST(suite, equal_values_have_exactly_their_mean);
    CU_ADD_TEST(suite, one_group_without_variance_is_an_ordinary_case);
    CU_ADD_TEST(suite, a_tiny_p_is_not_zero);
    CU_ADD_TEST(suite, summary_agrees_with_published_results);
    CU_ADD_TEST(suite, nothing_has_an_empty_summary);
    CU_ADD_TEST(suite, percentiles_interpolate_linearly);
    CU_ADD_TEST(suite, deviation_survives_cancellation);
    CU_ADD_TEST(suite, percentile_rank_shares_places);
    CU_ADD_TEST(suite, pairs_are_compared);
    CU_ADD_TEST(suite, intervals_use_the_quantiles_of_t);
    CU_ADD_TEST(suite, p_values_are_the_tails_of_t);
}
