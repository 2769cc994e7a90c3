/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line through scores with autocorrelated residuals. A score is computed from decaying evidence
 * (mastery.h) and therefore close to that of the day before, so scores stay above or below their
 * line for many days. Ordinary least squares treats such days as independent: it follows
 * excursions, and its intervals are far too narrow.
 *
 *     y(t) = level + slope * t + u(t),   correlation of u(s) and u(t): rho^|s - t|
 *
 * With rho = 0 this is least squares. A prediction h days ahead contains rho^h of the last residual
 * (Goldberger, "Best linear unbiased prediction in the generalized linear regression model", 1962).
 * The slope has a normal prior with mean 0 and one of two standard deviations, because few scores
 * rise for long: most stay. Neither rho nor the deviation of the slope is estimated, but averaged
 * over a grid by its marginal likelihood; the prior of rho is uniform (Zellner, "An Introduction to
 * Bayesian Inference in Econometrics", 1971, chapter 4; docs/mastery-model.md, Prediction). */
#ifndef DOMAIN_AR1_TREND_H
#define DOMAIN_AR1_TREND_H

#include <stdbool.h>
#include <stddef.h>

enum {
    AR1_TREND_RHOS = 13,     /* number of values of rho in the grid */
    AR1_TREND_SLOPE_SDS = 2, /* number of prior standard deviations of the slope */
    AR1_TREND_FITS = AR1_TREND_RHOS * AR1_TREND_SLOPE_SDS
};
/* The prior standard deviations of the slope, in score a day, and the prior probability of each. */
extern const double ar1_trend_slope_sds[AR1_TREND_SLOPE_SDS];
extern const double ar1_trend_slope_sd_priors[AR1_TREND_SLOPE_SDS];

/* The fitted model: one line for each rho and each prior of the slope. */
struct ar1_trend {
    size_t n;      /* number of points that were fitted */
    double last_x; /* last (largest) x that was fitted; the model's time t is x - last_x */
    struct {
        double weight;        /* posterior probability of this fit; all sum to 1 */
        double rho;           /* correlation of the residuals of two successive days */
        double level;         /* value of the line at last_x */
        double slope;         /* change of the line per unit of x */
        double last_residual; /* last y minus the value of the line at last_x */
        double variance;      /* variance of u(t), the residual of the line */
        double inverse[3];    /* covariance of level and slope / variance: [0][0], [0][1], [1][1] */
    } v[AR1_TREND_FITS];
};

/* Fits the model to n points (x[i], y[i]); x must ascend. Returns true on success. Returns false
 * and leaves *ret untouched when there are fewer than three points. */
bool ar1_trend_fit(const double *x, const double *y, size_t n, struct ar1_trend *ret);
/* Predicts a new y at x > last_x: *ret_centre is the predicted mean, *ret_error its standard
 * error. */
void ar1_trend_at(const struct ar1_trend *m, double x, double *ret_centre, double *ret_error);

#endif
