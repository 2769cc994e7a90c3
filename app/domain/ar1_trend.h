/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line through scores that remember: a score computed from fading evidence (mastery.h) is near to
 * the one of the day before, so it leaves its line for days on end. Least squares takes each such
 * day for a fact of its own: it follows excursions, and is far too sure of itself.
 *
 *     y(t) = level + slope * t + u(t),   correlation of u(s) and u(t): rho^|s - t|
 *
 * u is what least squares takes for independent noise; rho 0 is least squares. A prediction keeps
 * rho^h of the last day's distance from the line (Goldberger, "Best linear unbiased prediction in
 * the generalized linear regression model", 1962). Nobody rises for ever: the slope has a normal
 * prior round 0 of deviation AR1_TREND_SLOPE_SD a day. rho is not chosen, but averaged over a grid
 * by its marginal likelihood, uniform at first (Zellner, "An Introduction to Bayesian Inference in
 * Econometrics", 1971, chapter 4; docs/mastery-model.md, "Prediction"). */
#ifndef DOMAIN_AR1_TREND_H
#define DOMAIN_AR1_TREND_H

#include <stdbool.h>
#include <stddef.h>

#define AR1_TREND_SLOPE_SD 0.005
enum { AR1_TREND_RHOS = 13 };

struct ar1_trend {
    size_t n;
    double last_x; /* where t is 0 */
    struct {
        double weight; /* of this rho; all of them sum to 1 */
        double rho;
        double level, slope;
        double last_residual; /* of the last y from the line */
        double variance;      /* of u */
        double inverse[3];    /* of the information of level and slope: [0][0], [0][1], [1][1] */
    } v[AR1_TREND_RHOS];
};

/* x ascending. False, *ret untouched, with fewer than three. */
bool ar1_trend_fit(const double *x, const double *y, size_t n, struct ar1_trend *ret);
double ar1_trend_slope(const struct ar1_trend *m);           /* mean over rho */
double ar1_trend_level(const struct ar1_trend *m, double x); /* of the line alone, at x */
/* Mean and standard error of a new y at x >= last_x. */
void ar1_trend_at(const struct ar1_trend *m, double x, double *ret_centre, double *ret_error);

#endif
