/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predicts a student's score by a straight line through the daily scores.
 *
 * A prediction is the value of the line on a day, limited to [0,1], with the interval that contains
 * a new observation with a given probability. All results are finite and rounded to 12 decimals,
 * except those in struct line. Formulas of least squares: Draper and Smith, "Applied Regression
 * Analysis", sections 1.2 to 1.4 and 3.1 (docs/mastery-model.md, Prediction). */
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
#define PREDICTION_TREND_SLOPE        0.002 /* score a day: a steeper line is not stable */
#define PREDICTION_INTERVENTION_BELOW 0.5
enum { PREDICTION_MIN_DAYS = 3 };

/* The models; mastery-ctl backtest compares their errors on stored histories. */
enum prediction_model { LEAST_SQUARES, AR1_TREND, PREDICTION_MODELS };
extern const char *const prediction_model_names[PREDICTION_MODELS + 1]; /* ends with NULL */

/* y = y_mean + slope * (x - x_mean). Centred, so that large x (days since 1970) lose no precision.
 */
struct line {
    size_t n;
    double x_mean, y_mean, slope;
    double sxx;       /* sum of (x - x_mean)^2 */
    double r_squared; /* 0 when all y are equal, as in SciPy's linregress */
    double residual;  /* standard deviation of the residuals (n - 2); 0 when n is 2 */
};
/* False, *ret untouched, when all x are equal. */
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
    size_t days;          /* number of days used, at most HISTORY_DAYS */
    int32_t day_zero;     /* the first of them */
    double latest_score;  /* of the last of them */
    double slope;         /* change of the score a day */
    double intercept;     /* value of the line on day_zero */
    double r_squared;
    double interval_level; /* PREDICTION_LEVEL, unless the caller sets another in (0,1) */
    const char *trend;     /* by slope and PREDICTION_TREND_SLOPE: improving, declining, stable */
};
/* n >= 1 days, in order of time. */
void forecast_fit(enum prediction_model model, const struct daily *days, size_t n,
                  struct forecast *ret);

struct prediction {
    int32_t day;
    double score;
    struct interval interval; /* within [0,1] */
    double confidence;        /* probability that the true score will have this level */
    enum level level;
    bool intervention_needed; /* score < PREDICTION_INTERVENTION_BELOW */
};
/* factor: of an intervention, in [0,1]; it raises the score y to y + factor * (1 - y), and the ends
 * of the interval likewise. 0: no intervention. An insufficient forecast has no spread of its own:
 * it uses a normal distribution with the standard deviation of the uniform one on [0,1],
 * 1/sqrt(12), and a confidence of at most 0.3. */
void forecast_at(const struct forecast *f, int32_t day, double factor, struct prediction *ret);

/* Predicts each component by a line of its own through the days with evidence, within [0,1]: its
 * latest value with fewer than PREDICTION_MIN_DAYS of them, 0 without any. factor: as in
 * forecast_at. */
void forecast_components(enum prediction_model model, const struct daily *days, size_t n,
                         int32_t day, double factor, double ret[COMPONENTS]);

enum intervention { TUTORING, PRACTICE_SESSIONS, GUIDED_REVIEW, INTERVENTIONS };
extern const char *const intervention_names[INTERVENTIONS + 1]; /* ends with NULL */
extern const double intervention_factors[INTERVENTIONS];        /* defaults: 0.15, 0.10, 0.05 */

/* A prediction that was made earlier. */
struct stored_prediction {
    int32_t day; /* the predicted day */
    double score;
    double lower, upper; /* ends of the interval */
};

enum { RECENT_PREDICTIONS = 10 };
struct accuracy {
    size_t total_predictions;
    size_t verified_predictions; /* whose day is today or past, and has a true score */
    double average_error;        /* mean of |predicted - true| */
    double within_variance_rate; /* share of those whose interval contains the true score */
    double recent_accuracy;      /* 1 - mean error of the last RECENT_PREDICTIONS verified ones */
};
/* The true score of a day is that of the last day of the history that is not after it. Predictions
 * and days are in order of time. Without a verified prediction the last three results are 0. */
void accuracy_of(const struct stored_prediction *predictions, size_t n, const struct daily *days,
                 size_t day_count, int32_t today, struct accuracy *ret);

#endif
