/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How good predictions would have been: every day of a history is taken as the present, the score
 * so many days later is predicted from the days up to it alone, and compared with what came true
 * (as accuracy_of takes it: the last score at or before that day). Beside the models stand two
 * baselines that know no trend. Pure. */
#ifndef DOMAIN_BACKTEST_H
#define DOMAIN_BACKTEST_H

#include "app/domain/daily.h"

enum backtest_method {
    BACKTEST_LEAST_SQUARES,
    BACKTEST_AR1,        /* AR1_TREND */
    BACKTEST_LAST_VALUE, /* it stays as it is */
    BACKTEST_MEAN,       /* it goes back to the mean of all days so far */
    BACKTEST_METHODS,
    BACKTEST_MODELS = BACKTEST_LAST_VALUE /* those with an interval: as in enum prediction_model */
};

/* Sums over predictions; all zero at first. The figures of none are 0. */
struct backtest {
    size_t n;
    size_t covered[BACKTEST_MODELS];   /* true scores inside the interval */
    double absolute[BACKTEST_METHODS]; /* sum of |predicted - true| */
    /* Sum of (probability of the predicted level - whether it came true)^2 (Brier, "Verification of
     * forecasts expressed in terms of probability", 1950). The baselines are certain of theirs. */
    double brier[BACKTEST_METHODS];
};

/* Adds the predictions for days_ahead >= 1 of a history, oldest first. Only days with at least
 * PREDICTION_MIN_DAYS days of history, and whose target lies within it, are taken. */
void backtest_add(struct backtest *sum, const struct daily *days, size_t n, int days_ahead,
                  double interval_level);

double backtest_coverage(const struct backtest *b, enum backtest_method model);
double backtest_mean_error(const struct backtest *b, enum backtest_method method);
double backtest_brier(const struct backtest *b, enum backtest_method method);

#endif
