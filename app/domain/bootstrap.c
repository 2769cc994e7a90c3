/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random weights for resamples of learners, and intervals from the resamples. */
#include "app/domain/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_rng.h>

enum {
    SEED = 20130205, /* any constant: the same learners then give the same intervals */
    TABLE = 10       /* weights 0 to 9 have a cumulative probability; a larger one is too rare */
};

/* The random numbers, and the distribution function of the learners' weights: cumulative[k] is the
 * probability of at most k under the Poisson distribution with mean 1. The number of times that one
 * of many learners is drawn, when as many are drawn at random with replacement, has nearly this
 * distribution. */
struct bootstrap {
    gsl_rng *rng;
    double cumulative[TABLE];
};

/* Seeds the random numbers, and sums the probabilities of the weights into the table by which
 * bootstrap_weight converts a uniform random number to a weight. */
struct bootstrap *bootstrap_new(void)
{
    struct bootstrap *bootstrap = malloc(sizeof(*bootstrap));
    double p = exp(-1), sum = 0; /* p: probability of the weight k, exp(-1) / k! */

    if (!bootstrap)
        return NULL;
    bootstrap->rng = gsl_rng_alloc(gsl_rng_mt19937);
    if (!bootstrap->rng) {
        free(bootstrap);
        return NULL;
    }
    gsl_rng_set(bootstrap->rng, SEED);
    for (int k = 0; k < TABLE; k++) {
        sum += p;
        p /= k + 1;
        bootstrap->cumulative[k] = sum;
    }
    return bootstrap;
}

void bootstrap_free(struct bootstrap *bootstrap)
{
    if (!bootstrap)
        return;
    gsl_rng_free(bootstrap->rng);
    free(bootstrap);
}

/* Draws from the Poisson distribution with mean 1 by inverting its distribution function, of which
 * `cumulative` has the first TABLE values. A larger draw, which has a probability of 1e-8, becomes
 * TABLE. */
double bootstrap_weight(struct bootstrap *bootstrap)
{
    double u = gsl_rng_uniform(bootstrap->rng);
    int k = 0;

    while (k < TABLE && u >= bootstrap->cumulative[k])
        k++;
    return k;
}

/* Drops the resamples without a value, sorts the others in place, and reads two percentiles: the
 * interval between them contains the share BOOTSTRAP_LEVEL of the resamples. */
struct measured bootstrap_measure(double value, double resamples[BOOTSTRAP_RESAMPLES])
{
    const double tail = 100 * (1 - BOOTSTRAP_LEVEL) / 2;
    size_t n = 0;

    for (int i = 0; i < BOOTSTRAP_RESAMPLES; i++) {
        if (!isnan(resamples[i]))
            resamples[n++] = resamples[i];
    }
    if (isnan(value))
        return (struct measured){.exists = false};
    sort_values(resamples, n);
    return (struct measured){.exists = true,
                             .value = value,
                             .interval = {percentile_of_sorted(resamples, n, tail),
                                          percentile_of_sorted(resamples, n, 100 - tail),
                                          BOOTSTRAP_LEVEL}};
}
