/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/backtest.h"

#include <math.h>

#include "app/domain/prediction.h"
#include "app/domain/trend.h"

_Static_assert((int)BACKTEST_MODELS == (int)PREDICTION_MODELS, "a model is not judged");

/* What a method says: a score, and how sure it is of the score's level. */
struct claim {
    double score, confidence;
};

static void judge(struct backtest *sum, enum backtest_method method, struct claim claim,
                  double truth)
{
    double hit = mastery_level(truth) == mastery_level(claim.score);

    sum->absolute[method] += fabs(claim.score - truth);
    sum->brier[method] += (claim.confidence - hit) * (claim.confidence - hit);
}

/* As if the last of the n days were today. */
static void add_one(struct backtest *sum, const struct daily *days, size_t n, int32_t target,
                    double interval_level, double truth)
{
    double scores[HISTORY_DAYS];

    sum->n++;
    for (int model = 0; model < BACKTEST_MODELS; model++) {
        struct forecast forecast;
        struct prediction p;

        forecast_fit((enum prediction_model)model, days, n, &forecast);
        forecast.interval_level = interval_level;
        forecast_at(&forecast, target, 0, &p);
        sum->covered[model] += truth >= p.interval.lower && truth <= p.interval.upper;
        judge(sum, (enum backtest_method)model, (struct claim){p.score, p.confidence}, truth);
    }
    judge(sum, BACKTEST_LAST_VALUE, (struct claim){days[n - 1].score, 1}, truth);
    (void)daily_scores(days, n, scores);
    judge(sum, BACKTEST_MEAN, (struct claim){mean_of_scores(scores, n), 1}, truth);
}

void backtest_add(struct backtest *sum, const struct daily *days, size_t n, int days_ahead,
                  double interval_level)
{
    size_t dropped = n > HISTORY_DAYS ? n - HISTORY_DAYS : 0, last = 0;

    days += dropped;
    n -= dropped;
    for (size_t known = PREDICTION_MIN_DAYS; known < n; known++) {
        int32_t target = days[known - 1].day + days_ahead;

        if (target > days[n - 1].day)
            break;
        while (last + 1 < n && days[last + 1].day <= target)
            last++;
        add_one(sum, days, known, target, interval_level, days[last].score);
    }
}

static double mean(double sum, size_t n)
{
    return n > 0 ? sum / (double)n : 0;
}

double backtest_coverage(const struct backtest *b, enum backtest_method model)
{
    return mean((double)b->covered[model], b->n);
}

double backtest_mean_error(const struct backtest *b, enum backtest_method method)
{
    return mean(b->absolute[method], b->n);
}

double backtest_brier(const struct backtest *b, enum backtest_method method)
{
    return mean(b->brier[method], b->n);
}
