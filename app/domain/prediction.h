/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a student's score is heading: a straight line through the daily scores.
 *
 * Ordinary least squares of score on day number; a prediction is the line's value at a day, limited
 * to [0,1], with the interval that a new observation would fall in. All outputs are finite and
 * rounded to 12 decimals, but those of struct line. Formulas: Draper and Smith, "Applied Regression
 * Analysis", sections 1.2 to 1.4 and 3.1 (docs/mastery-model.md, "Prediction"). */
#ifndef DOMAIN_PREDICTION_H
#define DOMAIN_PREDICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/domain/ar1_trend.h"
#include "app/domain/daily.h"
#include "app/domain/statistics.h"

#define PREDICTION_MODEL_VERSION      "1.0.0"
#define PREDICTION_LEVEL              0.9
#define PREDICTION_TREND_SLOPE        0.002 /* a day: beyond it a trend is more than stable */
#define PREDICTION_INTERVENTION_BELOW 0.5
enum { PREDICTION_MIN_DAYS = 3 };

/* Which line. Least squares is what the contract names; mastery-ctl backtest tells how they do. */
enum prediction_model { LEAST_SQUARES, AR1_TREND, PREDICTION_MODELS };
extern const char *const prediction_model_names[PREDICTION_MODELS + 1]; /* ends with NULL */

/* y = y_mean + slope * (x - x_mean): centred, so that day numbers since 1970 lose nothing. */
struct line {
    size_t n;
    double x_mean, y_mean, slope;
    double sxx;       /* sum of (x - x_mean)^2 */
    double r_squared; /* 0 when all y are equal, as in SciPy's linregress: nothing to explain */
    double residual;  /* standard deviation of the residuals, n - 2 degrees of freedom; 0 for n 2 */
};
/* False, *ret untouched, unless there are two different x. */
bool line_fit(const double *x, const double *y, size_t n, struct line *ret);
double line_at(const struct line *l, double x);
/* Standard error of a new observation at x: residual * sqrt(1 + 1/n + (x - x_mean)^2 / sxx). */
double line_error_at(const struct line *l, double x);

/* A fitted model of one student. */
struct forecast {
    enum prediction_model model;
    struct ar1_trend ar1; /* AR1_TREND; n 0 while insufficient */
    struct line line;     /* x: days since day_zero; n 0 while insufficient */
    bool insufficient;    /* fewer than PREDICTION_MIN_DAYS days: the latest score, slope 0 */
    size_t days;          /* how many went in */
    int32_t day_zero;     /* the first of them: where intercept is taken */
    double latest_score;  /* the last of them */
    double slope;         /* a day */
    double intercept;     /* at day_zero */
    double r_squared;
    double interval_level; /* PREDICTION_LEVEL, unless the caller sets another in (0,1) */
    const char
        *trend; /* by slope: > PREDICTION_TREND_SLOPE improving, < - declining, else stable */
};
/* n >= 1 days, oldest first. */
void forecast_fit(enum prediction_model model, const struct daily *days, size_t n,
                  struct forecast *ret);

struct prediction {
    int32_t day;
    double score;
    struct interval interval; /* within [0,1] */
    double confidence;        /* predictive probability that the score falls in `level` */
    enum level level;
    bool intervention_needed; /* score < PREDICTION_INTERVENTION_BELOW */
};
/* With an intervention of that factor in [0,1]: y becomes y + factor * (1 - y), and so do the
 * limits of the interval; factor 0 is none.
 * An insufficient forecast knows the latest score and nothing of its spread: it takes a normal
 * distribution as wide as the uniform one on [0,1] (deviation 1/sqrt(12)), and a confidence of at
 * most 0.3. */
void forecast_at(const struct forecast *f, int32_t day, double factor, struct prediction *ret);

/* What each component's own line says for a day, over the days it is known, within [0,1]; the
 * latest value with fewer than PREDICTION_MIN_DAYS of them, 0 of a component without evidence.
 * factor as in forecast_at. */
void forecast_components(enum prediction_model model, const struct daily *days, size_t n,
                         int32_t day, double factor, double ret[COMPONENTS]);

enum intervention { TUTORING, PRACTICE_SESSIONS, GUIDED_REVIEW, INTERVENTIONS };
extern const char *const intervention_names[INTERVENTIONS + 1]; /* ends with NULL */
extern const double intervention_factors[INTERVENTIONS];        /* defaults: 0.15, 0.10, 0.05 */

/* A prediction as it was made. */
struct stored_prediction {
    int32_t day; /* the day it is about */
    double score;
    double lower, upper;
};

enum { RECENT_PREDICTIONS = 10 };
struct accuracy {
    size_t total_predictions;
    size_t verified_predictions; /* their day has come, and a score is known for it */
    double average_error;        /* mean of |predicted - true| */
    double within_variance_rate; /* share whose true score lay in their interval */
    double recent_accuracy;      /* 1 - average error of the last RECENT_PREDICTIONS verified */
};
/* The score that came true is the one the student had at the close of that day (of today: has now):
 * that of the last day of the history at or before it. Predictions oldest first, days likewise.
 * Without a verified prediction the last three are 0. */
void accuracy_of(const struct stored_prediction *predictions, size_t n, const struct daily *days,
                 size_t day_count, int32_t today, struct accuracy *ret);

#endif
