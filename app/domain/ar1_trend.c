/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fits a line through a student's daily scores whose residuals are correlated in time. rho is the
 * correlation of the residuals of two successive days. The line is fitted once for each rho of a
 * fixed grid and each prior of the slope, and the fits are averaged by their marginal likelihoods.
 * ar1_trend.h describes the model and cites the sources.
 *
 * The innovation of a day is its value minus rho^gap times the value of the day before, where gap
 * is the number of days between the two. Innovations are independent and, once scaled, have equal
 * variance, so that the formulas of weighted least squares hold. */
#include "app/domain/ar1_trend.h"

#include <math.h>

/* The values of rho (the correlation of the residuals of two successive days) that are tried. They
 * are denser near 1, where a small change of rho changes the fit most. */
static const double rhos[AR1_TREND_RHOS] = {0,   .3,  .5,  .65, .75, .82, .88,
                                            .92, .95, .97, .98, .99, .995};

/* Returns the prior probability of rhos[i]: the length of the part of [0,1) that is nearer to
 * rhos[i] than to any other element. This makes the prior of rho uniform although the grid is not.
 */
static double rho_prior(size_t i)
{
    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; i is always below AR1_TREND_RHOS */
    double from = i > 0 ? (rhos[i - 1] + rhos[i]) / 2 : 0;
    double to = i + 1 < AR1_TREND_RHOS ? (rhos[i] + rhos[i + 1]) / 2 : 1;

    return to - from;
}

const double ar1_trend_slope_sds[AR1_TREND_SLOPE_SDS] = {.0005, .005};
const double ar1_trend_slope_sd_priors[AR1_TREND_SLOPE_SDS] = {.9, .1};

/* Lower limit of the residual variance: scores exactly on a line have variance 0, and would have an
 * infinite likelihood. */
static const double variance_min = 1e-8;

/* Sums over all days, from which least squares finds the line: pq is the sum of p * q, and so on.
 * Each is the innovation (value minus rho^gap times the value of the day before) of one day,
 * divided by its standard deviation: p of the constant 1, q of the time t (days before the last
 * one, so t <= 0), r of the score. */
struct sums {
    double pp, pq, qq, pr, qr, rr;
    /* part of the log likelihood: sum of log(scale^2), where scale is the standard deviation by
     * which a day's innovations were divided */
    double log_scale;
};

/* Adds the products of one day's innovations (what is new on that day, beyond its correlation with
 * the day before): p of the constant 1, q of the time, r of the score. */
static void sums_add(struct sums *sums, double p, double q, double r)
{
    sums->pp += p * p;
    sums->pq += p * q;
    sums->qq += q * q;
    sums->pr += p * r;
    sums->qr += q * r;
    sums->rr += r * r;
}

/* Returns the sums from which ar1_solve computes the line, for one rho (the correlation of two
 * successive days) over n >= 1 points: x holds the days, y the scores. An innovation is the part of
 * a day's value that the day before does not predict (value minus rho^gap times the previous
 * value). Divided by `scale`, its standard deviation as a multiple of a residual's, all of them
 * have the same variance. Nothing predicts the first point, so its innovations are 1, t and y
 * themselves, and its scale is 1. */
static struct sums sums_of(const double *x, const double *y, size_t n, double rho)
{
    struct sums sums = {0};
    double last = x[n - 1];

    sums_add(&sums, 1, x[0] - last, y[0]);
    for (size_t i = 1; i < n; i++) {
        double correlation = pow(rho, x[i] - x[i - 1]), square = 1 - correlation * correlation;
        double scale = sqrt(square);

        sums_add(&sums, (1 - correlation) / scale,
                 (x[i] - last - correlation * (x[i - 1] - last)) / scale,
                 (y[i] - correlation * y[i - 1]) / scale);
        sums.log_scale += log(square);
    }
    return sums;
}

/* The line that fits the scores best for one rho (the correlation of two successive days). */
struct solution {
    double level, slope; /* level: value of the line on the last day; slope: its change a day */
    /* minimised by the solution: the sum of squares of what the line leaves unexplained on each
     * day, plus prior * slope^2 */
    double squares;
    /* determinant of the matrix of the normal equations, (pp pq; pq qq + prior) */
    double determinant;
    double inverse[3]; /* inverse of the matrix of the normal equations, which is symmetric:
                        * elements [0][0], [0][1], [1][1] */
};

/* Solves the normal equations of least squares for level and slope, from the sums of products (pp
 * to rr in struct sums). prior: the precision (1 / variance) of the slope's prior, which is added
 * to the element qq; 0: no prior. The determinant is stored for the likelihood. */
static struct solution ar1_solve(const struct sums *sums, double prior)
{
    double qq = sums->qq + prior, determinant = sums->pp * qq - sums->pq * sums->pq;
    struct solution solution = {
        .determinant = determinant,
        .inverse = {qq / determinant, -sums->pq / determinant, sums->pp / determinant}};

    solution.level = solution.inverse[0] * sums->pr + solution.inverse[1] * sums->qr;
    solution.slope = solution.inverse[1] * sums->pr + solution.inverse[2] * sums->qr;
    solution.squares = fmax(0, sums->rr - solution.level * sums->pr - solution.slope * sums->qr);
    return solution;
}

/* Fits the line for one rho and one prior of the slope (normal, with mean 0 and standard deviation
 * slope_sd), and stores everything but its weight in trend->v[i]. sums: those for rho; last_y: the
 * last score. Returns the log marginal likelihood (how probable the scores are under this rho and
 * prior), up to a constant that is the same for all fits. Solves the equations twice: without a
 * prior, to estimate the variance that scales the prior, then with it.
 *
 * The log marginal likelihood is -1/2 times the sum of three terms: df * log(variance), the
 * distance of the scores from the line; log_scale, because dividing innovations by a scale changes
 * the density of the scores; log(determinant / prior), which results from integrating the
 * likelihood over level and slope (factor determinant^(-1/2)) with the normal density of the
 * slope's prior (factor prior^(1/2)). */
static double ar1_fit_line(struct ar1_trend *trend, size_t i, const struct sums *sums, double rho,
                           double slope_sd, double last_y)
{
    double df = (double)trend->n - 2; /* degrees of freedom: the line has two parameters */
    double free_variance = fmax(variance_min, ar1_solve(sums, /* prior */ 0).squares / df);
    double prior = free_variance / (slope_sd * slope_sd);
    struct solution fit = ar1_solve(sums, prior);

    trend->v[i].rho = rho;
    trend->v[i].level = fit.level;
    trend->v[i].slope = fit.slope;
    trend->v[i].last_residual = last_y - fit.level;
    trend->v[i].variance = fmax(variance_min, fit.squares / df);
    for (int k = 0; k < 3; k++)
        trend->v[i].inverse[k] = fit.inverse[k];
    return -0.5 * (df * log(trend->v[i].variance) + sums->log_scale + log(fit.determinant / prior));
}

/* Fits the line once for each pair of a rho (rhos[]) and a standard deviation of the slope's prior
 * (ar1_trend_slope_sds[]), then sets the weight of each fit: its prior times its marginal
 * likelihood, divided by the sum of these products, so that the weights sum to 1. */
bool ar1_trend_fit(const double *x, const double *y, size_t n, struct ar1_trend *ret)
{
    double likelihoods[AR1_TREND_FITS], best = -HUGE_VAL, sum = 0;
    struct ar1_trend trend = {.n = n};
    struct sums sums;

    if (n < 3)
        return false;
    trend.last_x = x[n - 1];
    for (size_t i = 0; i < AR1_TREND_FITS; i++) {
        size_t rho = i / AR1_TREND_SLOPE_SDS, sd = i % AR1_TREND_SLOPE_SDS;
        if (sd == 0) /* the sums depend on rho alone, not on the prior of the slope */
            sums = sums_of(x, y, n, rhos[rho]);
        trend.v[i].weight = rho_prior(rho) * ar1_trend_slope_sd_priors[sd];
        likelihoods[i] =
            ar1_fit_line(&trend, i, &sums, rhos[rho], ar1_trend_slope_sds[sd], y[n - 1]);
        best = fmax(best, likelihoods[i]);
    }
    /* Likelihoods are divided by the largest one, because exp of a log likelihood may overflow. */
    for (size_t i = 0; i < AR1_TREND_FITS; i++)
        sum += trend.v[i].weight *= exp(likelihoods[i] - best);
    for (size_t i = 0; i < AR1_TREND_FITS; i++)
        trend.v[i].weight /= sum;
    *ret = trend;
    return true;
}

/* Computes a mixture of predictions: each fit predicts a centre and a variance, weighted by the
 * posterior probability of the fit. The first loop sums the centres, the second the variances. rho
 * is the correlation of two successive days; last_residual is the distance of the last score from
 * the line, of which the share rho^t remains after t days. */
void ar1_trend_at(const struct ar1_trend *trend, double x, double *ret_centre, double *ret_error)
{
    double t = x - trend->last_x, centres[AR1_TREND_FITS], centre = 0, variance = 0;

    for (size_t i = 0; i < AR1_TREND_FITS; i++) {
        double correlation = pow(trend->v[i].rho, t);

        centres[i] =
            trend->v[i].level + trend->v[i].slope * t + correlation * trend->v[i].last_residual;
        centre += trend->v[i].weight * centres[i];
    }
    /* The variance of a mixture is the weighted mean of the variances of the fits plus the variance
     * of their centres. The variance of one fit has two parts, both in units of
     * trend->v[i].variance: of_u for the new part of the residual of day x, of_line for the errors
     * of the estimated level and slope, whose covariances are in `inverse`. Because last_residual
     * is the last score minus level, the centre is p * level + t * slope + correlation * last
     * score: an error of the level counts p times, and an error of the slope t times. */
    for (size_t i = 0; i < AR1_TREND_FITS; i++) {
        double correlation = pow(trend->v[i].rho, t), p = 1 - correlation,
               off = centres[i] - centre;
        const double *inverse = trend->v[i].inverse;
        double of_line = p * p * inverse[0] + 2 * p * t * inverse[1] + t * t * inverse[2];
        double of_u = 1 - correlation * correlation;

        variance += trend->v[i].weight * (trend->v[i].variance * (of_u + of_line) + off * off);
    }
    *ret_centre = centre;
    *ret_error = sqrt(fmax(0, variance));
}
