/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/ar1_trend.h"

#include <math.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

void ar1_trend_tests(void);

enum { DAYS = 60, LEARNERS = 3000, SEED = 20260707, AHEAD = 7 };

/* Scores around a line with autocorrelation rho. */
static void simulate(gsl_rng *rng, double rho, double slope, size_t n, double *x, double *y)
{
    double off = gsl_ran_gaussian(rng, 0.05);

    for (size_t i = 0; i < n; i++) {
        x[i] = (double)i;
        y[i] = 0.5 + slope * (double)i + off;
        off = rho * off + gsl_ran_gaussian(rng, 0.05 * sqrt(1 - rho * rho));
    }
}

static gsl_rng *seeded(void)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

    CU_ASSERT_PTR_NOT_NULL_FATAL(rng);
    gsl_rng_set(rng, SEED);
    return rng;
}

/* The mean rho of the grid, by its weights. */
static double mean_rho(const struct ar1_trend *m)
{
    double rho = 0;

    for (size_t i = 0; i < AR1_TREND_FITS; i++)
        rho += m->v[i].weight * m->v[i].rho;
    return rho;
}

static void memory_is_found_where_it_is(void)
{
    static const double rhos[] = {0, 0.5, 0.95};
    gsl_rng *rng = seeded();

    for (size_t i = 0; i < sizeof(rhos) / sizeof(rhos[0]); i++) {
        double x[DAYS], y[DAYS], sum = 0;

        for (int k = 0; k < 200; k++) {
            struct ar1_trend m;

            simulate(rng, rhos[i], 0, DAYS, x, y);
            CU_ASSERT_TRUE(ar1_trend_fit(x, y, DAYS, &m));
            sum += mean_rho(&m);
        }
        CU_ASSERT_DOUBLE_EQUAL(sum / 200, rhos[i], 0.15);
    }
    gsl_rng_free(rng);
}

/* With rho and slope drawn from the priors of the model. */
static void intervals_of_90_percent_cover_87_to_93(void)
{
    gsl_rng *rng = seeded();
    size_t covered = 0;

    for (int i = 0; i < LEARNERS; i++) {
        double x[DAYS + AHEAD], y[DAYS + AHEAD], centre, error;
        struct ar1_trend m;

        double slope_sd = ar1_trend_slope_sds[gsl_rng_uniform(rng) > ar1_trend_slope_sd_priors[0]];

        simulate(rng, gsl_ran_flat(rng, 0.3, 0.97), gsl_ran_gaussian(rng, slope_sd), DAYS + AHEAD,
                 x, y);
        CU_ASSERT_TRUE(ar1_trend_fit(x, y, DAYS, &m));
        ar1_trend_at(&m, x[DAYS + AHEAD - 1], &centre, &error);
        covered += fabs(y[DAYS + AHEAD - 1] - centre) <= 1.6715527 * error; /* t(0.95, 58) */
    }
    CU_ASSERT_DOUBLE_EQUAL((double)covered / LEARNERS, 0.9, 0.03);
    gsl_rng_free(rng);
}

static void an_exact_line_goes_on(void)
{
    double x[DAYS], y[DAYS], centre, error;
    struct ar1_trend m;

    for (int i = 0; i < DAYS; i++) {
        x[i] = i;
        y[i] = 0.2 + 0.004 * i;
    }
    CU_ASSERT_TRUE(ar1_trend_fit(x, y, DAYS, &m));
    ar1_trend_at(&m, DAYS + 9, &centre, &error);
    CU_ASSERT_DOUBLE_EQUAL(centre, 0.2 + 0.004 * (DAYS + 9), 1e-5);
    CU_ASSERT(error < 1e-3);
}

static void equal_scores_stay(void)
{
    double x[] = {0, 5, 80}, y[] = {0.7, 0.7, 0.7}, centre, error;
    struct ar1_trend m;

    CU_ASSERT_TRUE(ar1_trend_fit(x, y, 3, &m));
    ar1_trend_at(&m, 110, &centre, &error);
    CU_ASSERT_DOUBLE_EQUAL(centre, 0.7, 1e-9);
    CU_ASSERT(isfinite(error) && error < 1e-3);
}

static void weights_sum_to_one_and_all_is_finite(void)
{
    static const double y[][4] = {
        {0, 1, 0, 1}, {1, 1, 1, 0}, {0, 0, 1e-12, 0}, {0.1, 0.2, 0.3, 0.4}};
    static const double x[][4] = {{0, 1, 2, 3}, {0, 1, 2, 89}, {0, 87, 88, 89}};

    for (size_t i = 0; i < sizeof(y) / sizeof(y[0]); i++) {
        for (size_t k = 0; k < sizeof(x) / sizeof(x[0]); k++) {
            double sum = 0, centre, error;
            struct ar1_trend m;

            CU_ASSERT_TRUE(ar1_trend_fit(x[k], y[i], 4, &m));
            for (size_t r = 0; r < AR1_TREND_FITS; r++)
                sum += m.v[r].weight;
            CU_ASSERT_DOUBLE_EQUAL(sum, 1, 1e-12);
            ar1_trend_at(&m, x[k][3] + 30, &centre, &error);
            CU_ASSERT(isfinite(centre) && isfinite(error));
        }
    }
}

static void fewer_than_three_are_no_line(void)
{
    double x[] = {0, 1}, y[] = {0.1, 0.2};
    struct ar1_trend m = {.n = 77};

    CU_ASSERT_FALSE(ar1_trend_fit(x, y, 2, &m));
    CU_ASSERT_EQUAL(m.n, 77);
}

void ar1_trend_tests(void)
{
    CU_pSuite suite = CU_add_suite("ar1_trend", NULL, NULL);

    CU_ADD_TEST(suite, memory_is_found_where_it_is);
    CU_ADD_TEST(suite, intervals_of_90_percent_cover_87_to_93);
    CU_ADD_TEST(suite, an_exact_line_goes_on);
    CU_ADD_TEST(suite, equal_scores_stay);
    CU_ADD_TEST(suite, weights_sum_to_one_and_all_is_finite);
    CU_ADD_TEST(suite, fewer_than_three_are_no_line);
}
