/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replays the histories of students. Each day in turn is treated as today: each method predicts a
 * later day, and the score that the history has for that later day is the true one. The errors are
 * summed in struct backtest. */
#include "app/domain/backtest.h"

#include <math.h>

#include "app/domain/prediction.h"
#include "app/domain/trend.h"

static const enum prediction_model backtest_models[BACKTEST_MODELS] = {
    [BACKTEST_LEAST_SQUARES] = LEAST_SQUARES, [BACKTEST_AR1] = AR1_TREND};

/* What a method predicts for a day: a score, and the probability that the true score has the same
 * mastery level (novice to master) as that score. */
struct method_result {
    double score, confidence;
};

/* Adds the errors of one prediction to the sums. method: the method that made it; result: what it
 * predicted; truth: the true score of that day. hit is 1 if both scores have the same mastery
 * level, else 0. */
static void backtest_judge(struct backtest *sum, enum backtest_method method,
                           struct method_result result, double truth)
{
    double hit = mastery_level(truth) == mastery_level(result.score);

    sum->absolute[method] += fabs(result.score - truth);
    sum->brier[method] += (result.confidence - hit) * (result.confidence - hit);
}

/* Lets each method predict the score of the day `target` from the first n days, and adds the errors
 * to the sums. truth: the true score of that day. The two baselines (last value, mean) give no
 * probabilities: the level of the score that they predict counts as predicted with probability 1.
 */
static void backtest_add_day(struct backtest *sum, const struct daily *days, size_t n,
                             int32_t target, double interval_level, double truth)
{
    double scores[HISTORY_DAYS];

    sum->n++;
    for (int model = 0; model < BACKTEST_MODELS; model++) {
        struct forecast forecast;
        struct prediction p;

        forecast_fit(backtest_models[model], days, n, days[n - 1].day, &forecast);
        forecast.interval_level = interval_level;
        forecast_at(&forecast, target, 0 /* no intervention */, &p);
        sum->covered[model] += truth >= p.interval.lower && truth <= p.interval.upper;
        backtest_judge(sum, (enum backtest_method)model,
                       (struct method_result){p.score, p.confidence}, truth);
    }
    backtest_judge(sum, BACKTEST_LAST_VALUE, (struct method_result){days[n - 1].score, 1}, truth);
    (void)daily_scores(days, n, scores);
    backtest_judge(sum, BACKTEST_MEAN, (struct method_result){mean_of_scores(scores, n), 1}, truth);
}

/* Uses at most the last HISTORY_DAYS days, as predictions do. `known` is the number of days that a
 * prediction is made from; it grows until the predicted day `target` is after the last day of the
 * history. */
void backtest_add(struct backtest *sum, const struct daily *days, size_t n, int days_ahead,
                  double interval_level)
{
    size_t dropped = n > HISTORY_DAYS ? n - HISTORY_DAYS : 0;
    size_t last = 0; /* index of the last day that is not after `target` */

    days += dropped;
    n -= dropped;
    for (size_t known = PREDICTION_MIN_DAYS; known < n; known++) {
        int32_t target = days[known - 1].day + days_ahead;

        if (target > days[n - 1].day)
            break;
        /* `target` grows with `known`, so `last` only moves forward. */
        while (last + 1 < n && days[last + 1].day <= target)
            last++;
        backtest_add_day(sum, days, known, target, interval_level, days[last].score);
    }
}

/* Returns sum / n; 0 when n is 0. */
static double mean_of_sum(double sum, size_t n)
{
    return n > 0 ? sum / (double)n : 0;
}

double backtest_coverage(const struct backtest *b, enum backtest_method model)
{
    return mean_of_sum((double)b->covered[model], b->n);
}

double backtest_mean_error(const struct backtest *b, enum backtest_method method)
{
    return mean_of_sum(b->absolute[method], b->n);
}

double backtest_brier(const struct backtest *b, enum backtest_method method)
{
    return mean_of_sum(b->brier[method], b->n);
}
