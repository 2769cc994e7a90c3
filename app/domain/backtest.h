/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Measures how good predictions would have been. For every day of a history, the score some days
 * later is predicted from the days up to it and compared with the true one (as in accuracy_of: the
 * last score at or before that later day). Two baselines without a trend are measured together with
 * the models. Pure. */
#ifndef DOMAIN_BACKTEST_H
#define DOMAIN_BACKTEST_H

#include "app/domain/daily.h"

enum backtest_method {
    BACKTEST_LEAST_SQUARES,
    BACKTEST_AR1,        /* AR1_TREND */
    BACKTEST_LAST_VALUE, /* baseline: the score does not change */
    BACKTEST_MEAN,       /* baseline: the mean of all days so far */
    BACKTEST_METHODS,
    BACKTEST_MODELS = BACKTEST_LAST_VALUE /* number of models; they come first */
};

/* Sums over the predictions of any number of histories; the caller initialises all members with
 * zeros. */
struct backtest {
    size_t n;                          /* number of predictions by each method */
    size_t covered[BACKTEST_MODELS];   /* number of true scores inside the predicted interval */
    double absolute[BACKTEST_METHODS]; /* sum of |predicted score - true score| */
    /* Sum of (p - hit)^2, where p is the predicted probability of the predicted level, and hit is 1
     * if that level was the true one, else 0 (Brier, "Verification of forecasts expressed in terms
     * of probability", 1950). The baselines predict their level with probability 1. */
    double brier[BACKTEST_METHODS];
};

/* Predicts days of one history of n days, which are in order of time, and adds the errors to *sum.
 * Each prediction is for the day that is days_ahead >= 1 days after the last day it is made from.
 * One is made wherever it has at least PREDICTION_MIN_DAYS days to start from and the predicted day
 * is not after the end of the history. interval_level: the probability of the predicted intervals,
 * in (0,1). */
void backtest_add(struct backtest *sum, const struct daily *days, size_t n, int days_ahead,
                  double interval_level);

/* Means over the predictions of one model or method; each returns 0 when there are none. */
double backtest_coverage(const struct backtest *b,
                         enum backtest_method model); /* share of true scores in the interval */
/* mean of |predicted score - true score| */
double backtest_mean_error(const struct backtest *b, enum backtest_method method);
/* mean of struct backtest.brier */
double backtest_brier(const struct backtest *b, enum backtest_method method);

#endif
