/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Measures how good predictions would have been: histories are replayed day by day, and each model
 * predicts later scores from what was known on that day (docs/mastery-model.md, How predictions are
 * judged).
 *
 * Predictions are made at the close of every seventh day since a learner's first day. A prediction
 * is judged when its day is in the records and the learner was active in between: without activity
 * the score stays, and there is nothing to predict. The true score is that of the last day up to
 * the predicted one.
 *
 * Figures have bootstrap intervals over learners, because the predictions for one learner are not
 * independent. Only sums stay in memory. Pure functions. */
#ifndef DOMAIN_BACKTEST_H
#define DOMAIN_BACKTEST_H

#include "app/domain/bootstrap.h"
#include "app/domain/daily.h"
#include "app/domain/prediction.h"

enum {
    BACKTEST_HORIZONS = 3,
    BACKTEST_STEP_DAYS = 7, /* days between two predictions for a learner */
    /* number of classes into which [0,1] is divided for the probability of a score below
     * PREDICTION_INTERVENTION_BELOW */
    BACKTEST_BINS = 10,
    /* number of classes into which [0,1] is divided for a score; predictions are counted in a table
     * of 25 x 25 cells: class of the predicted score by class of the true score */
    BACKTEST_CELLS = 25
};
/* days that a prediction looks ahead: 7, 14, 28 */
extern const int backtest_horizons[BACKTEST_HORIZONS];

/* What is measured for a model and a horizon. */
enum backtest_figure {
    FIGURE_MAE,             /* mean of |predicted - true score| */
    FIGURE_RMSE,            /* root of the mean of (predicted - true score)^2 */
    FIGURE_COVERAGE,        /* share of true scores inside the predicted interval */
    FIGURE_WIDTH,           /* mean width of the interval */
    FIGURE_BRIER,           /* mean of (p - hit)^2: p is the predicted probability of a score below
                             * PREDICTION_INTERVENTION_BELOW, hit is 1 if the true one is, else 0
                             * (Brier, "Verification of forecasts expressed in terms of
                             * probability", 1950) */
    FIGURE_SKILL,           /* 1 - MAE / MAE of "the score stays as it is" */
    FIGURE_RISES,           /* share of predictions after which the score rose */
    FIGURE_FALLS,           /* share of predictions after which the score fell */
    FIGURE_IMPROVING,       /* share of predictions with the trend "improving" */
    FIGURE_IMPROVING_RIGHT, /* share of "improving" predictions after which the score rose */
    FIGURE_DECLINING,       /* share of predictions with the trend "declining" */
    FIGURE_DECLINING_RIGHT, /* share of "declining" predictions after which the score fell */
    BACKTEST_FIGURES
};
extern const char *const backtest_figure_names[BACKTEST_FIGURES];

/* A class of predictions by their probability of a score below PREDICTION_INTERVENTION_BELOW. */
struct backtest_bin {
    size_t n;    /* predictions of the class */
    size_t hits; /* number of these whose true score was below PREDICTION_INTERVENTION_BELOW */
    double sum;  /* sum of the n predicted probabilities of such a score */
};

struct backtest; /* the sums over any number of histories */
/* Makes a backtest without histories. interval_level: the probability of the predicted intervals,
 * in (0,1). Returns NULL when out of memory. */
struct backtest *backtest_new(double interval_level);
void backtest_free(struct backtest *backtest);

/* Adds the predictions for one learner's history of n days, which are in order of time. end: the
 * last day of the records; days after it are not used. */
void backtest_add(struct backtest *backtest, const struct daily *days, size_t n, int32_t end);

/* Returns the number of learners with a prediction that was judged. */
size_t backtest_learners(const struct backtest *backtest);
/* Returns the number of predictions that were judged for a horizon; it is the same for each model.
 */
size_t backtest_predictions(const struct backtest *backtest, int horizon);

/* Returns a figure of one model for one horizon (index in backtest_horizons), with its interval. */
struct measured backtest_measure(const struct backtest *backtest, int horizon,
                                 enum prediction_model model, enum backtest_figure figure);
/* Returns the predictions counted by their probability of a score below
 * PREDICTION_INTERVENTION_BELOW: an array of BACKTEST_BINS classes of equal width from 0 to 1. */
const struct backtest_bin *backtest_bins(const struct backtest *backtest, int horizon,
                                         enum prediction_model model);
/* Returns the number of predictions whose predicted score is in the class `predicted` and whose
 * true score is in the class `truth`. The classes 0 to BACKTEST_CELLS - 1 divide [0,1] into equal
 * parts. */
size_t backtest_cell(const struct backtest *backtest, int horizon, enum prediction_model model,
                     int predicted, int truth);

#endif
