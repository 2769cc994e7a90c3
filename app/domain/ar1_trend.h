/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line through scores with autocorrelated residuals. A score is computed from decaying evidence
 * (mastery.h), and is therefore close to that of the day before, so scores stay above or below
 * their line for many days. Ordinary least squares treats such days as independent: it follows
 * these excursions, and its intervals are far too narrow.
 *
 * y(t) = level + slope * t + u(t), where the correlation of u(s) and u(t) is rho^|s - t|
 *
 * With rho = 0 this is least squares. A prediction h days ahead contains rho^h of the last residual
 * (Goldberger, "Best linear unbiased prediction in the generalized linear regression model", 1962).
 * The slope has a normal prior with mean 0 and one of two standard deviations, because most scores
 * stay, and few rise for long. rho and this standard deviation are not estimated: the results are
 * averaged over a grid of both, weighted by marginal likelihood. The prior of rho is uniform
 * (Zellner, "An Introduction to Bayesian Inference in Econometrics", 1971, chapter 4;
 * docs/mastery-model.md, Prediction). */
#ifndef DOMAIN_AR1_TREND_H
#define DOMAIN_AR1_TREND_H

#include <stdbool.h>
#include <stddef.h>

enum {
    /* number of values of rho (the correlation of two successive days) that are tried */
    AR1_TREND_RHOS = 13,
    AR1_TREND_SLOPE_SDS = 2, /* number of standard deviations of the slope's prior that are tried */
    AR1_TREND_FITS = AR1_TREND_RHOS * AR1_TREND_SLOPE_SDS
};
/* The standard deviations of the slope's normal prior, in score a day: .0005 and .005. */
extern const double ar1_trend_slope_sds[AR1_TREND_SLOPE_SDS];
/* The prior probability of each of these standard deviations: .9 and .1. */
extern const double ar1_trend_slope_sd_priors[AR1_TREND_SLOPE_SDS];

/* The fitted model of a student's daily scores: one line for each rho (the correlation of the
 * residuals of two successive days) and each standard deviation of the slope's prior. */
struct ar1_trend {
    size_t n;      /* number of points that were fitted */
    double last_x; /* last (largest) x that was fitted; the model's time t is x - last_x */
    struct {
        double weight;        /* posterior probability of this fit; all sum to 1 */
        double rho;           /* correlation of the residuals of two successive days */
        double level;         /* value of the fitted line on the last day that was fitted */
        double slope;         /* change of the line per unit of x */
        double last_residual; /* last y minus the value of the line at last_x */
        double variance;      /* variance of u(t), the residual of the line */
        /* Inverse of the matrix of the normal equations: its elements [0][0], [0][1], [1][1]. Times
         * `variance` it is the covariance matrix of the estimated level and slope. */
        double inverse[3];
    } v[AR1_TREND_FITS];
};

/* Fits the model to n points (x[i], y[i]); x must ascend. Returns true on success. Returns false
 * and leaves *ret untouched when there are fewer than three points. */
bool ar1_trend_fit(const double *x, const double *y, size_t n, struct ar1_trend *ret);
/* Predicts a new y at x > last_x: *ret_centre is the predicted mean, *ret_error its standard
 * error. */
void ar1_trend_at(const struct ar1_trend *trend, double x, double *ret_centre, double *ret_error);

#endif
