/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predicts a student's score. A score is the weighted sum of means of evidence, which do not change
 * until the next event, and of consistency, the student's active days among the last 14, out of 10.
 * Only consistency is predicted: the student is assumed to stay active at the rate of the
 * last four weeks. The error of such predictions is estimated from the student's own past; as long
 * as that is short, mostly from a usual error.
 *
 * docs/mastery-model.md, Prediction, has the formulas and names their symbols. In all functions:
 * days are n >= 1 days in order of time, none after `today` (in days since 1970-01-01); ahead >= 1
 * is the number of days from today to the predicted one. Results are finite, not rounded, and may
 * lie outside [0,1]. */
#ifndef DOMAIN_PROJECTION_H
#define DOMAIN_PROJECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/domain/daily.h"

/* The distribution of a future score: centre + error * T, where T has Student's t distribution with
 * df degrees of freedom, or the normal one when df is 0. */
struct distribution {
    double centre; /* the expected score */
    double error;  /* standard error of the expected score, > 0 */
    double df;     /* degrees of freedom of Student's t distribution; 0: normal distribution */
};

/* Returns the consistency that is expected on the predicted day: that of the last active day up to
 * the predicted one, because the score changes only with an event. */
double projection_consistency(const struct daily *days, size_t n, int32_t today, int ahead);
/* Returns whether the days have activity from an event. A history that has only been set by
 * `calculate` has none, and its consistency is the stated one: projection_at then predicts the last
 * value. */
bool projection_has_activity(const struct daily *days, size_t n);

/* Predicts by the model "projection": consistency follows from the student's rate of activity, and
 * all other components stay. The error is learned from what the model would have predicted in the
 * student's past, starting from a usual error. */
void projection_at(const struct daily *days, size_t n, int32_t today, int ahead,
                   struct distribution *ret);
/* Predicts that the score stays. The error is learned from what this model would have predicted in
 * the student's past, starting from a usual error, as in projection_at. */
void last_value_at(const struct daily *days, size_t n, int32_t today, int ahead,
                   struct distribution *ret);

#endif
