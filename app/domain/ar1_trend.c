/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/ar1_trend.h"

#include <math.h>

static const double rhos[AR1_TREND_RHOS] = {0,   .3,  .5,  .65, .75, .82, .88,
                                            .92, .95, .97, .98, .99, .995};
/* How much of [0,1) each of them stands for, up to the middle between two: rho is taken as uniform
 * before anything is seen, though the grid is denser where a little makes much. */
static double width_of(size_t i)
{
    /* i is a place in the table */
    /* cppcheck-suppress arrayIndexOutOfBoundsCond */
    double from = i > 0 ? (rhos[i - 1] + rhos[i]) / 2 : 0;
    double to = i + 1 < AR1_TREND_RHOS ? (rhos[i] + rhos[i + 1]) / 2 : 1;

    return to - from;
}

/* Below this a variance is rounding: scores exactly on a line keep a finite likelihood. */
static const double least_variance = 1e-8;

/* Sums over the innovations: each day less rho^gap of the day before, scaled to one variance. p is
 * what is left of the constant, q of t, r of y. */
struct sums {
    double pp, pq, qq, pr, qr, rr;
    double log_scale; /* log of the product of the scales' squares */
};

static void sums_add(struct sums *s, double p, double q, double r)
{
    s->pp += p * p;
    s->pq += p * q;
    s->qq += q * q;
    s->pr += p * r;
    s->qr += q * r;
    s->rr += r * r;
}

static struct sums sums_of(const double *x, const double *y, size_t n, double rho)
{
    struct sums s = {0};
    double last = x[n - 1];

    sums_add(&s, 1, x[0] - last, y[0]);
    for (size_t i = 1; i < n; i++) {
        double kept = pow(rho, x[i] - x[i - 1]), square = 1 - kept * kept, scale = sqrt(square);

        sums_add(&s, (1 - kept) / scale, (x[i] - last - kept * (x[i - 1] - last)) / scale,
                 (y[i] - kept * y[i - 1]) / scale);
        s.log_scale += log(square);
    }
    return s;
}

struct solution {
    double level, slope;
    double squares; /* of what is left, the prior's share included */
    double determinant, inverse[3];
};

/* prior: what is added to the information of the slope. */
static struct solution solve(const struct sums *s, double prior)
{
    double qq = s->qq + prior, determinant = s->pp * qq - s->pq * s->pq;
    struct solution r = {.determinant = determinant,
                         .inverse = {qq / determinant, -s->pq / determinant, s->pp / determinant}};

    r.level = r.inverse[0] * s->pr + r.inverse[1] * s->qr;
    r.slope = r.inverse[1] * s->pr + r.inverse[2] * s->qr;
    r.squares = fmax(0, s->rr - r.level * s->pr - r.slope * s->qr);
    return r;
}

/* One rho: *ret_log_likelihood up to a constant. */
static void fit_rho(struct ar1_trend *m, size_t i, const double *x, const double *y,
                    double *ret_log_likelihood)
{
    double rho = rhos[i], df = (double)m->n - 2;
    struct sums s = sums_of(x, y, m->n, rho);
    double free = fmax(least_variance, solve(&s, 0).squares / df); /* variance without the prior */
    double prior = free / (AR1_TREND_SLOPE_SD * AR1_TREND_SLOPE_SD);
    struct solution r = solve(&s, prior);

    m->v[i].rho = rho;
    m->v[i].level = r.level;
    m->v[i].slope = r.slope;
    m->v[i].last_residual = y[m->n - 1] - r.level;
    m->v[i].variance = fmax(least_variance, r.squares / df);
    for (int k = 0; k < 3; k++)
        m->v[i].inverse[k] = r.inverse[k];
    *ret_log_likelihood =
        -0.5 * (df * log(m->v[i].variance) + s.log_scale + log(r.determinant / prior));
}

bool ar1_trend_fit(const double *x, const double *y, size_t n, struct ar1_trend *ret)
{
    double likelihoods[AR1_TREND_RHOS], best = -HUGE_VAL, sum = 0;
    struct ar1_trend m = {.n = n};

    if (n < 3)
        return false;
    m.last_x = x[n - 1];
    for (size_t i = 0; i < AR1_TREND_RHOS; i++) {
        fit_rho(&m, i, x, y, &likelihoods[i]);
        best = fmax(best, likelihoods[i]);
    }
    for (size_t i = 0; i < AR1_TREND_RHOS; i++)
        sum += m.v[i].weight = width_of(i) * exp(likelihoods[i] - best);
    for (size_t i = 0; i < AR1_TREND_RHOS; i++)
        m.v[i].weight /= sum;
    *ret = m;
    return true;
}

double ar1_trend_slope(const struct ar1_trend *m)
{
    double slope = 0;

    for (size_t i = 0; i < AR1_TREND_RHOS; i++)
        slope += m->v[i].weight * m->v[i].slope;
    return slope;
}

double ar1_trend_level(const struct ar1_trend *m, double x)
{
    double level = 0;

    for (size_t i = 0; i < AR1_TREND_RHOS; i++)
        level += m->v[i].weight * (m->v[i].level + m->v[i].slope * (x - m->last_x));
    return level;
}

void ar1_trend_at(const struct ar1_trend *m, double x, double *ret_centre, double *ret_error)
{
    double t = x - m->last_x, centres[AR1_TREND_RHOS], centre = 0, variance = 0;

    for (size_t i = 0; i < AR1_TREND_RHOS; i++) {
        double kept = pow(m->v[i].rho, t);

        centres[i] = m->v[i].level + m->v[i].slope * t + kept * m->v[i].last_residual;
        centre += m->v[i].weight * centres[i];
    }
    for (size_t i = 0; i < AR1_TREND_RHOS; i++) {
        double kept = pow(m->v[i].rho, t), p = 1 - kept, off = centres[i] - centre;
        const double *inverse = m->v[i].inverse;
        double of_line = p * p * inverse[0] + 2 * p * t * inverse[1] + t * t * inverse[2];

        variance += m->v[i].weight * (m->v[i].variance * (1 - kept * kept + of_line) + off * off);
    }
    *ret_centre = centre;
    *ret_error = sqrt(fmax(0, variance));
}
