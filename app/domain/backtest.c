/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replays histories of learners and sums up the errors of predictions. The sums of one learner are
 * added, when that learner is complete, to the total and, with random weights, to the resamples of
 * the bootstrap. */
#include "app/domain/backtest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/base/number.h"

const int backtest_horizons[BACKTEST_HORIZONS] = {7, 14, 28};

const char *const backtest_figure_names[BACKTEST_FIGURES] = {
    [FIGURE_MAE] = "mae",
    [FIGURE_RMSE] = "rmse",
    [FIGURE_COVERAGE] = "coverage",
    [FIGURE_WIDTH] = "width",
    [FIGURE_BRIER] = "brier_below_half",
    [FIGURE_SKILL] = "skill",
    [FIGURE_RISES] = "rises",
    [FIGURE_FALLS] = "falls",
    [FIGURE_IMPROVING] = "improving",
    [FIGURE_IMPROVING_RIGHT] = "improving_right",
    [FIGURE_DECLINING] = "declining",
    [FIGURE_DECLINING_RIGHT] = "declining_right",
};

/* The sums over predictions, from which the figures are computed. */
enum backtest_sum {
    SUM_N,              /* number of predictions */
    SUM_ABSOLUTE,       /* sum of |predicted - true score| */
    SUM_SQUARED,        /* sum of (predicted - true score)^2 */
    SUM_ABSOLUTE_LAST,  /* sum of |score on the day of the prediction - true score| */
    SUM_COVERED,        /* predictions whose interval contains the true score */
    SUM_WIDTH,          /* sum of the widths of the intervals */
    SUM_BRIER,          /* sum of (p - low)^2; p: probability of a low score; low: 1 or 0 */
    SUM_ROSE,           /* predictions after which the score rose */
    SUM_FELL,           /* predictions after which the score fell */
    SUM_IMPROVING,      /* predictions with the trend "improving" */
    SUM_IMPROVING_ROSE, /* "improving" predictions after which the score rose */
    SUM_DECLINING,      /* predictions with the trend "declining" */
    SUM_DECLINING_FELL, /* "declining" predictions after which the score fell */
    SUMS
};

/* How a figure is computed from the sums: the numerator divided by the denominator. */
static const struct {
    enum backtest_sum numerator, denominator;
} figures[BACKTEST_FIGURES] = {
    [FIGURE_MAE] = {SUM_ABSOLUTE, SUM_N},
    [FIGURE_RMSE] = {SUM_SQUARED, SUM_N},               /* the root is taken afterwards */
    [FIGURE_SKILL] = {SUM_ABSOLUTE, SUM_ABSOLUTE_LAST}, /* subtracted from 1 afterwards */
    [FIGURE_COVERAGE] = {SUM_COVERED, SUM_N},
    [FIGURE_WIDTH] = {SUM_WIDTH, SUM_N},
    [FIGURE_BRIER] = {SUM_BRIER, SUM_N},
    [FIGURE_RISES] = {SUM_ROSE, SUM_N},
    [FIGURE_FALLS] = {SUM_FELL, SUM_N},
    [FIGURE_IMPROVING] = {SUM_IMPROVING, SUM_N},
    [FIGURE_IMPROVING_RIGHT] = {SUM_IMPROVING_ROSE, SUM_IMPROVING},
    [FIGURE_DECLINING] = {SUM_DECLINING, SUM_N},
    [FIGURE_DECLINING_RIGHT] = {SUM_DECLINING_FELL, SUM_DECLINING},
};

struct backtest_sums {
    double v[BACKTEST_HORIZONS][PREDICTION_MODELS][SUMS];
};

/* Counts of predictions for the two charts in the backtest's report. bins: how often scores were
 * low, by the predicted probability of a low score. cells: true against predicted scores. */
struct backtest_picture {
    struct backtest_bin bins[BACKTEST_BINS];
    uint32_t cells[BACKTEST_CELLS][BACKTEST_CELLS]; /* number of predictions by class of the
                                                       predicted score, then of the true score */
};

struct backtest {
    double interval_level;
    size_t learners;
    struct bootstrap *bootstrap;
    struct backtest_sums learner; /* sums of the learner whose history is being added */
    struct backtest_sums total;   /* sums of all learners whose history has been added */
    struct backtest_sums resamples[BOOTSTRAP_RESAMPLES];
    struct backtest_picture pictures[BACKTEST_HORIZONS][PREDICTION_MODELS];
};

struct backtest *backtest_new(double interval_level)
{
    struct backtest *backtest = calloc(1, sizeof(*backtest));

    if (!backtest)
        return NULL;
    backtest->interval_level = interval_level;
    backtest->bootstrap = bootstrap_new();
    if (backtest->bootstrap)
        return backtest;
    backtest_free(backtest);
    return NULL;
}

void backtest_free(struct backtest *backtest)
{
    if (!backtest)
        return;
    bootstrap_free(backtest->bootstrap);
    free(backtest);
}

/* ---- adding ---- */

/* Returns the index of the class that a value in [0,1] belongs to, when [0,1] is divided into
 * `classes` equal parts. */
static int backtest_class(double value, int classes)
{
    int class = (int)(value * classes);

    return class < classes ? class : classes - 1;
}

/* Adds one prediction to the counts for the two charts: to the class (bin) of its probability, and
 * to the cell of predicted and true score. predicted: its score; below: its probability of a score
 * below PREDICTION_INTERVENTION_BELOW; truth: the true score. All are in [0,1], which is divided
 * into classes of equal width. */
static void backtest_picture_add(struct backtest_picture *picture, double predicted, double below,
                                 double truth)
{
    struct backtest_bin *bin = &picture->bins[backtest_class(below, BACKTEST_BINS)];

    bin->n++;
    bin->sum += below;
    bin->hits += truth < PREDICTION_INTERVENTION_BELOW;
    picture
        ->cells[backtest_class(predicted, BACKTEST_CELLS)][backtest_class(truth, BACKTEST_CELLS)]++;
}

/* Predicts the score of a day by a fitted model, and adds the errors to the learner's sums. last:
 * the score of the day on which the prediction is made; truth: the true score of the predicted day.
 */
static void backtest_judge(struct backtest *backtest, int horizon, const struct forecast *forecast,
                           int32_t day, double last, double truth)
{
    double *sums = backtest->learner.v[horizon][forecast->model];
    double change = number_round12(truth - last), below, hit;
    bool improving, declining;
    struct prediction prediction;

    forecast_at(forecast, day, /* no intervention */ 0, &prediction);
    improving = strcmp(prediction.trend, "improving") == 0;
    declining = strcmp(prediction.trend, "declining") == 0;
    below = forecast_below(forecast, day, PREDICTION_INTERVENTION_BELOW);
    hit = truth < PREDICTION_INTERVENTION_BELOW;
    sums[SUM_N]++;
    sums[SUM_ABSOLUTE] += fabs(prediction.score - truth);
    sums[SUM_SQUARED] += (prediction.score - truth) * (prediction.score - truth);
    sums[SUM_ABSOLUTE_LAST] += fabs(last - truth);
    if (truth >= prediction.interval.lower && truth <= prediction.interval.upper)
        sums[SUM_COVERED]++;
    sums[SUM_WIDTH] += prediction.interval.upper - prediction.interval.lower;
    sums[SUM_BRIER] += (below - hit) * (below - hit);
    sums[SUM_ROSE] += change > 0;
    sums[SUM_FELL] += change < 0;
    sums[SUM_IMPROVING] += improving;
    if (improving && change > 0)
        sums[SUM_IMPROVING_ROSE]++;
    sums[SUM_DECLINING] += declining;
    if (declining && change < 0)
        sums[SUM_DECLINING_FELL]++;
    backtest_picture_add(&backtest->pictures[horizon][forecast->model], prediction.score, below,
                         truth);
}

/* Makes the predictions of day `today` by all models, from the first known_n of n days (those up to
 * today), and compares each with the true score. Skips a horizon that ends after `end`, the last
 * day of the records, or within which the learner was not active. */
static void backtest_add_day(struct backtest *backtest, const struct daily *days, size_t known_n,
                             size_t n, int32_t today, int32_t end)
{
    struct forecast forecasts[PREDICTION_MODELS];
    size_t last = known_n - 1;
    double last_score = days[last].score;

    for (int m = 0; m < PREDICTION_MODELS; m++) {
        forecast_fit((enum prediction_model)m, days, known_n, today, &forecasts[m]);
        forecasts[m].interval_level = backtest->interval_level;
    }
    for (int h = 0; h < BACKTEST_HORIZONS; h++) {
        int32_t day = today + backtest_horizons[h];

        while (last + 1 < n && days[last + 1].day <= day)
            last++;
        for (int m = 0; m < PREDICTION_MODELS && day <= end && days[last].day > today; m++)
            backtest_judge(backtest, h, &forecasts[m], day, last_score, days[last].score);
    }
}

/* Adds the learner's sums, multiplied by a weight, to other sums. Both structs are read as one
 * array of numbers. */
static void backtest_sums_add(struct backtest_sums *to, const struct backtest_sums *from,
                              double weight)
{
    double *out = &to->v[0][0][0];
    const double *in = &from->v[0][0][0];

    for (size_t i = 0; i < sizeof(*to) / sizeof(*out); i++)
        out[i] += weight * in[i];
}

/* Ends a learner, after all days: adds the learner's sums to the total and, with a random weight
 * for each, to the resamples, unless no prediction was compared with a true score. Counts the
 * predictions of model 0 only, because each model makes the same number of them. */
static void backtest_close_learner(struct backtest *backtest)
{
    double n = 0;

    for (int h = 0; h < BACKTEST_HORIZONS; h++)
        n += backtest->learner.v[h][0][SUM_N];
    if (n <= 0)
        return;
    backtest->learners++;
    backtest_sums_add(&backtest->total, &backtest->learner, /* weight */ 1);
    for (int i = 0; i < BOOTSTRAP_RESAMPLES; i++)
        backtest_sums_add(&backtest->resamples[i], &backtest->learner,
                          bootstrap_weight(backtest->bootstrap));
    backtest->learner = (struct backtest_sums){0};
}

void backtest_add(struct backtest *backtest, const struct daily *days, size_t n, int32_t end)
{
    size_t known = 0; /* number of days until the day of the prediction */

    while (n > 0 && days[n - 1].day > end)
        n--;
    if (n == 0)
        return;
    for (int32_t today = days[0].day + BACKTEST_STEP_DAYS - 1; today < days[n - 1].day;
         today += BACKTEST_STEP_DAYS) {
        while (known < n && days[known].day <= today)
            known++;
        backtest_add_day(backtest, days, known, n, today, end);
    }
    backtest_close_learner(backtest);
}

/* ---- results ---- */

size_t backtest_learners(const struct backtest *backtest)
{
    return backtest->learners;
}

size_t backtest_predictions(const struct backtest *backtest, int horizon)
{
    return (size_t)backtest->total.v[horizon][0][SUM_N];
}

/* Computes a figure from the sums; NaN when its denominator is 0. */
static double backtest_figure_of(const double sums[SUMS], enum backtest_figure figure)
{
    double denominator = sums[figures[figure].denominator], share;

    if (denominator <= 0)
        return (double)NAN;
    share = sums[figures[figure].numerator] / denominator;
    if (figure == FIGURE_RMSE)
        return sqrt(share);
    return figure == FIGURE_SKILL ? 1 - share : share;
}

struct measured backtest_measure(const struct backtest *backtest, int horizon,
                                 enum prediction_model model, enum backtest_figure figure)
{
    double resamples[BOOTSTRAP_RESAMPLES];

    for (int i = 0; i < BOOTSTRAP_RESAMPLES; i++)
        resamples[i] = backtest_figure_of(backtest->resamples[i].v[horizon][model], figure);
    return bootstrap_measure(backtest_figure_of(backtest->total.v[horizon][model], figure),
                             resamples);
}

const struct backtest_bin *backtest_bins(const struct backtest *backtest, int horizon,
                                         enum prediction_model model)
{
    return backtest->pictures[horizon][model].bins;
}

size_t backtest_cell(const struct backtest *backtest, int horizon, enum prediction_model model,
                     int predicted, int truth)
{
    return backtest->pictures[horizon][model].cells[predicted][truth];
}
