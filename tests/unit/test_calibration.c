/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether intervals and confidences of predictions hold, on simulated learners whose true scores
 * are known: a straight line with normal noise, on some of the days. The same seed gives the same
 * learners. */
#include "app/domain/prediction.h"

#include <math.h>

#include <CUnit/CUnit.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

void calibration_tests(void);

enum { LEARNERS = 6000, SEED = 20260505, ORIGIN = 20000 };

struct learner {
    struct daily days[HISTORY_DAYS];
    size_t n;
    double start, slope, noise;
};

static double score_on(const struct learner *l, int day, gsl_rng *rng)
{
    return l->start + l->slope * day + gsl_ran_gaussian(rng, l->noise);
}

/* The line stays between 0.2 and 0.8 and the noise small, so that no score leaves [0,1], where the
 * model is valid. The noise is above the floor of 0.02, below which intervals are too wide. */
static void simulate_learner(struct learner *l, gsl_rng *rng)
{
    double share_of_days = gsl_ran_flat(rng, 0.1, 1);

    *l = (struct learner){.start = gsl_ran_flat(rng, 0.35, 0.65),
                          .slope = gsl_ran_flat(rng, -0.001, 0.001),
                          .noise = gsl_ran_flat(rng, 0.025, 0.05)};
    for (int day = 0; day < HISTORY_DAYS; day++) {
        if (gsl_rng_uniform(rng) < share_of_days)
            l->days[l->n++] = (struct daily){.day = ORIGIN + day, .score = score_on(l, day, rng)};
    }
}

/* The outcome of all predictions for a number of days ahead. */
struct outcome {
    double covered;    /* share of true scores inside the interval */
    double confidence; /* mean confidence */
    double level_hit;  /* share of true scores of the predicted level */
    double brier;      /* mean square of confidence less hit */
};

static struct outcome measure_outcome(int days_ahead)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    struct outcome sum = {0};
    size_t n = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(rng);
    gsl_rng_set(rng, SEED);
    while (n < LEARNERS) {
        static struct learner l;
        struct forecast forecast;
        struct prediction p;

        simulate_learner(&l, rng);
        if (l.n < PREDICTION_MIN_DAYS)
            continue;
        forecast_fit(LEAST_SQUARES, l.days, l.n, ORIGIN + HISTORY_DAYS - 1, &forecast);
        forecast_at(&forecast, ORIGIN + HISTORY_DAYS - 1 + days_ahead, 0, &p);
        double truth = score_on(&l, HISTORY_DAYS - 1 + days_ahead, rng);
        double hit = mastery_level(truth) == p.level;
        sum.covered += truth >= p.interval.lower && truth <= p.interval.upper;
        sum.confidence += p.confidence;
        sum.level_hit += hit;
        sum.brier += (p.confidence - hit) * (p.confidence - hit);
        n++;
    }
    gsl_rng_free(rng);
    return (struct outcome){sum.covered / LEARNERS, sum.confidence / LEARNERS,
                            sum.level_hit / LEARNERS, sum.brier / LEARNERS};
}

static void intervals_of_90_percent_cover_87_to_93(void)
{
    for (int days_ahead = 1; days_ahead <= 30; days_ahead += 29) {
        struct outcome o = measure_outcome(days_ahead);

        CU_ASSERT(o.covered > 0.87 && o.covered < 0.93);
    }
    CU_ASSERT_DOUBLE_EQUAL(measure_outcome(7).covered, 0.9, 0.03);
}

static void confidence_is_how_often_the_level_comes_true(void)
{
    for (int days_ahead = 1; days_ahead <= 30; days_ahead += 29) {
        struct outcome o = measure_outcome(days_ahead);

        CU_ASSERT_DOUBLE_EQUAL(o.confidence, o.level_hit, 0.02);
        CU_ASSERT(o.brier <
                  o.level_hit * (1 - o.level_hit)); /* better than one confidence for all */
    }
}

void calibration_tests(void)
{
    CU_pSuite suite = CU_add_suite("calibration", NULL, NULL);

    CU_ADD_TEST(suite, intervals_of_90_percent_cover_87_to_93);
    CU_ADD_TEST(suite, confidence_is_how_often_the_level_comes_true);
}
