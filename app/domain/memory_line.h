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
 * prior round 0 of deviation MEMORY_LINE_SLOPE a day. rho is not chosen, but averaged over a grid
 * by its marginal likelihood, uniform at first (Zellner, "An Introduction to Bayesian Inference in
 * Econometrics", 1971, chapter 4; docs/mastery-model.md, "Prediction"). */
#ifndef DOMAIN_MEMORY_LINE_H
#define DOMAIN_MEMORY_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define MEMORY_LINE_SLOPE 0.005
enum { MEMORY_LINE_RHOS = 13 };

struct memory_line {
    size_t n;
    double last_x; /* where t is 0 */
    struct {
        double weight; /* of this rho; all of them sum to 1 */
        double rho;
        double level, slope;
        double distance;   /* of the last y from the line */
        double variance;   /* of u */
        double inverse[3]; /* of the information of level and slope: [0][0], [0][1], [1][1] */
    } v[MEMORY_LINE_RHOS];
};

/* x ascending. False, *ret untouched, with fewer than three. */
bool memory_line_fit(const double *x, const double *y, size_t n, struct memory_line *ret);
double memory_line_slope(const struct memory_line *m);           /* mean over rho */
double memory_line_level(const struct memory_line *m, double x); /* of the line alone, at x */
/* Mean and standard error of a new y at x >= last_x. */
void memory_line_at(const struct memory_line *m, double x, double *ret_centre, double *ret_error);

#endif
