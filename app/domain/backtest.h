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
    BACKTEST_MODELS = BACKTEST_LAST_VALUE /* the first ones have intervals: enum prediction_model */
};

/* Sums over predictions; initialised with zeros. Without predictions all results are 0. */
struct backtest {
    size_t n;
    size_t covered[BACKTEST_MODELS];   /* true scores inside the interval */
    double absolute[BACKTEST_METHODS]; /* sum of |predicted - true| */
    /* Sum of (probability of the predicted level - 1 or 0 for whether it was the true one)^2
     * (Brier, "Verification of forecasts expressed in terms of probability", 1950). The baselines
     * predict their level with probability 1. */
    double brier[BACKTEST_METHODS];
};

/* Adds the predictions for days_ahead >= 1 of one history, in order of time. Predicts on days that
 * have at least PREDICTION_MIN_DAYS days of history, and whose target is within the history. */
void backtest_add(struct backtest *sum, const struct daily *days, size_t n, int days_ahead,
                  double interval_level);

double backtest_coverage(const struct backtest *b, enum backtest_method model);
double backtest_mean_error(const struct backtest *b, enum backtest_method method);
double backtest_brier(const struct backtest *b, enum backtest_method method);

#endif
