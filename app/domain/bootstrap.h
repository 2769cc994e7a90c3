/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Poisson bootstrap: estimates how much a figure that is computed from many learners would vary
 * with other learners. Each learner counts K times in each resample, where K has the Poisson
 * distribution with mean 1. Because the number of learners need not be known before, only sums stay
 * in memory (Hanley and MacGibbon, "Creating non-parametric bootstrap samples using Poisson
 * frequencies", 2006). The random numbers are seeded: the same learners in the same order give the
 * same intervals. */
#ifndef DOMAIN_BOOTSTRAP_H
#define DOMAIN_BOOTSTRAP_H

#include <stdbool.h>

#include "app/domain/statistics.h"

enum { BOOTSTRAP_RESAMPLES = 1000 };
/* The interval of a figure (a number computed from many learners, such as a mean error) contains
 * this share of its values in the resamples. */
#define BOOTSTRAP_LEVEL 0.95

/* A figure (a number computed from many learners) with the interval of its values in the resamples.
 * exists is false when the figure is 0/0, such as a mean over nothing; the other members are then
 * 0. */
struct measured {
    bool exists;
    double value;
    struct interval interval;
};

/* The source of the learners' random weights in the resamples. */
struct bootstrap;
/* Makes a source of random weights, which are the same for each new source. Returns NULL when out
 * of memory. */
struct bootstrap *bootstrap_new(void);
void bootstrap_free(struct bootstrap *bootstrap);
/* Returns a random weight: how many times the current learner counts in the next resample. */
double bootstrap_weight(struct bootstrap *bootstrap);
/* Returns the figure with its value and an interval, whose ends are percentiles of its values in
 * the resamples. Sorts `resamples`, in which NaN means that the figure does not exist in that
 * resample. */
struct measured bootstrap_measure(double value, double resamples[BOOTSTRAP_RESAMPLES]);

#endif
