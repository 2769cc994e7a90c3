/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predicts a student's score from the daily scores, by one of four models. "projection"
 * extrapolates the active days (projection.h), "last_value" predicts that the score stays,
 * "least_squares" fits a line, and "trend_with_memory" a line with correlated residuals
 * (ar1_trend.h).
 *
 * A prediction is a score in [0,1] with the interval that contains the true score with a given
 * probability. An interval is never narrower than PREDICTION_WIDTH_MIN, and no confidence is 1. All
 * results are finite and rounded to 12 decimals, except those in struct line. Formulas of least
 * squares: Draper and Smith, "Applied Regression Analysis", sections 1.2 to 1.4 and 3.1
 * (docs/mastery-model.md, Prediction). */
#ifndef DOMAIN_PREDICTION_H
#define DOMAIN_PREDICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/domain/ar1_trend.h"
#include "app/domain/daily.h"
#include "app/domain/statistics.h"

#define PREDICTION_MODEL_VERSION "2.0.0"
#define PREDICTION_LEVEL         0.9   /* probability of the interval, unless requested */
#define PREDICTION_WIDTH_MIN     0.01  /* smallest distance of the ends of an interval */
#define PREDICTION_TREND_SLOPE   0.002 /* score a day; with a smaller slope "stable" */
#define PREDICTION_TREND_CHANGE  0.01  /* change of the score; a smaller change is "stable" */
/* When the probability that the score rises (or falls) as predicted is smaller, the trend is
 * "stable". */
#define PREDICTION_TREND_PROBABILITY  0.6
#define PREDICTION_INTERVENTION_BELOW 0.5 /* students with a lower predicted score need help */
enum { PREDICTION_MIN_DAYS = 3 };         /* fewest daily scores for anything but the latest */

/* The models; mastery-ctl backtest compares their errors on stored histories. */
enum prediction_model { PROJECTION, LEAST_SQUARES, AR1_TREND, LAST_VALUE, PREDICTION_MODELS };
extern const char *const prediction_model_names[PREDICTION_MODELS + 1]; /* ends with NULL */

/* A line y = y_mean + slope * (x - x_mean), fitted to n points. It is centred, so that large x
 * (days since 1970) lose no precision. */
struct line {
    size_t n;
    double x_mean, y_mean, slope;
    double sxx;       /* sum of (x - x_mean)^2 */
    double r_squared; /* share of the variance of y that the line explains; 0: all y are equal */
    double residual;  /* standard deviation of the residuals, by n - 2; 0 when n is 2 */
};
/* Fits a line to n points by least squares. Returns true on success; returns false and leaves *ret
 * untouched when all x are equal. */
bool line_fit(const double *x, const double *y, size_t n, struct line *ret);
double line_at(const struct line *line, double x); /* value of the line at x */
/* Returns the standard error of a new observation at x: residual * sqrt(1 + 1/n + (x - x_mean)^2 /
 * sxx). */
double line_error_at(const struct line *line, double x);

/* A model that is fitted to the daily scores of one student. It points to the scores, which must
 * live as long. For every model slope, intercept and r_squared describe the least-squares line. */
struct forecast {
    enum prediction_model model;
    const struct daily *history; /* the days used: those of the last HISTORY_DAYS days */
    size_t days;                 /* number of days used, at least 1 */
    /* day of the prediction (days since 1970-01-01), not before the last day used */
    int32_t today;
    bool insufficient; /* fewer than PREDICTION_MIN_DAYS days: predicts the latest score, slope 0 */
    /* Fitted if model is AR1_TREND and `insufficient` is false; otherwise ar1.n is 0. */
    struct ar1_trend ar1;
    /* Line of least squares; x: days since day_zero. line.n is 0 if `insufficient` is true. */
    struct line line;
    int32_t day_zero;      /* first day used, in days since 1970-01-01 */
    double latest_score;   /* score of the last day used */
    double slope;          /* change of the line per day; 0 with too few days */
    double intercept;      /* value of the line on day_zero; the latest score with too few days */
    double r_squared;      /* share of the variance that the line explains; 0 with too few days */
    double interval_level; /* probability of the intervals, in (0,1); by default PREDICTION_LEVEL */
};
/* Fits the model to n >= 1 days, which are in order of time. Uses those of the last HISTORY_DAYS
 * days up to today, or only the last day when all are older. today: in days since 1970-01-01. When
 * the last day is later than today (an event may be dated an hour ahead), that day is used as
 * today. */
void forecast_fit(enum prediction_model model, const struct daily *days, size_t n, int32_t today,
                  struct forecast *ret);

/* A predicted score. */
struct prediction {
    int32_t day;              /* the predicted day, in days since 1970-01-01 */
    double score;             /* the predicted score, in [0,1] */
    struct interval interval; /* interval that contains the score, within [0,1],
                                 PREDICTION_WIDTH_MIN wide or more */
    double confidence;        /* probability that the true score will have `level`, below 1 */
    enum level level;
    /* "improving", "declining" or "stable": the trend without the effect that the intervention
     * (help for the student) has on `score` */
    const char *trend;
    bool intervention_needed; /* score < PREDICTION_INTERVENTION_BELOW */
};
/* Predicts the score of a day. factor: the effect of an intervention, in [0,1]; 0 means no
 * intervention. The intervention raises a score y, and each end of the interval, to y + factor * (1
 * - y). The line of LEAST_SQUARES has a value on any day; the other models treat a day up to today
 * like tomorrow.
 *
 * For LEAST_SQUARES the trend is that of the slope. For the other models it is a rise or fall by
 * more than PREDICTION_TREND_CHANGE whose direction has at least the probability
 * PREDICTION_TREND_PROBABILITY.
 *
 * An insufficient forecast predicts the latest score with a confidence of at most 0.3: by
 * LAST_VALUE or, for the lines, which then have no spread of their own, by a normal distribution
 * with standard deviation 1/sqrt(12), that of the uniform distribution on [0,1]. */
void forecast_at(const struct forecast *forecast, int32_t day, double factor,
                 struct prediction *ret);

/* Returns the probability that the score of a day will be below a limit, without an intervention.
 */
double forecast_below(const struct forecast *forecast, int32_t day, double limit);

/* Predicts each component by the same model, within [0,1]. PROJECTION extrapolates consistency; the
 * lines are fitted to the days with evidence of the component. For all other components, and for a
 * line with fewer than PREDICTION_MIN_DAYS such days, the prediction is the latest value; 0 without
 * any value. factor: the effect of an intervention, in [0,1], as in forecast_at; 0: no
 * intervention. */
void forecast_components(const struct forecast *forecast, int32_t day, double factor,
                         double ret[COMPONENTS]);

/* Help for a student, such as a tutor; raises a predicted score by its factor (forecast_at). */
enum intervention { TUTORING, PRACTICE_SESSIONS, GUIDED_REVIEW, INTERVENTIONS };
extern const char *const intervention_names[INTERVENTIONS + 1]; /* ends with NULL */
/* The default factor of each enum intervention, 0.15, 0.10 and 0.05: the predicted score y becomes
 * y + factor * (1 - y). */
extern const double intervention_factors[INTERVENTIONS];

/* A prediction that was made and stored earlier. */
struct stored_prediction {
    int32_t day;         /* the predicted day */
    double score;        /* the predicted score, in [0,1] */
    double lower, upper; /* ends of the predicted interval */
};

enum { RECENT_PREDICTIONS = 10 }; /* number of predictions in accuracy.recent_accuracy */
struct accuracy {
    size_t total_predictions;
    size_t verified_predictions; /* predictions whose day has come and has a true score */
    double average_error;        /* mean of |predicted - true score|, of verified ones */
    /* Share of the verified predictions whose interval contains the true score. The name is that
     * of the response, which is fixed. */
    double within_variance_rate;
    double recent_accuracy; /* 1 - mean error of the last RECENT_PREDICTIONS verified ones */
};
/* Compares stored predictions with the history. The true score of a day is that of the last day of
 * the history up to it. Predictions and days are in order of time. Without a verified prediction
 * the last three results are 0. */
void accuracy_of(const struct stored_prediction *predictions, size_t n, const struct daily *days,
                 size_t day_count, int32_t today, struct accuracy *ret);

#endif
