/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predicts scores by one of four models: ordinary least squares (struct line, in this file), a line
 * with correlated residuals (ar1_trend.c), and two without a line (projection.c). Each gives a
 * centre and a standard error for a future day (struct distribution). Interval, level, confidence
 * and trend of a prediction follow from these two.
 *
 * Intermediate values may lie outside [0,1] and are not rounded. Scores are limited to [0,1] and
 * rounded only at the end. */
#include "app/domain/prediction.h"

#include <math.h>

#include <gsl/gsl_cdf.h>

#include "app/base/number.h"
#include "app/domain/projection.h"

const char *const prediction_model_names[PREDICTION_MODELS + 1] = {
    [PROJECTION] = "projection",
    [LEAST_SQUARES] = "least_squares",
    [AR1_TREND] = "trend_with_memory",
    [LAST_VALUE] = "last_value"};
const char *const intervention_names[INTERVENTIONS + 1] = {
    [TUTORING] = "tutoring", [PRACTICE_SESSIONS] = "practice", [GUIDED_REVIEW] = "review"};
const double intervention_factors[INTERVENTIONS] = {
    [TUTORING] = 0.15, [PRACTICE_SESSIONS] = 0.10, [GUIDED_REVIEW] = 0.05};

/* The largest confidence of a prediction from too few days. */
static const double insufficient_confidence_max = 0.3;
/* No prediction is certain: a larger confidence would be the result of rounding. */
static const double confidence_max = 1 - 1e-12;
/* Smallest standard deviation of a new score about a least-squares line. When a few scores lie on a
 * line by chance, the interval would otherwise have no width. */
static const double residual_min = 0.02;

/* Sums over n points of (x - x_mean)^2, (y - y_mean)^2 and (x - x_mean) * (y - y_mean). */
struct spread {
    double xx, yy, xy;
};

/* Returns the sums of struct spread for n points about the given means. */
static struct spread spread_about(const double *x, const double *y, size_t n, double x_mean,
                                  double y_mean)
{
    struct spread spread = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - x_mean, dy = y[i] - y_mean;
        spread.xx += dx * dx;
        spread.yy += dy * dy;
        spread.xy += dx * dy;
    }
    return spread;
}

/* Returns the sum of the squared differences between the y[i] and the line. */
static double residual_squares(const struct line *line, const double *x, const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < line->n; i++) {
        double d = y[i] - line_at(line, x[i]);
        sum += d * d;
    }
    return sum;
}

/* Ordinary least squares. R^2 stays 0 when all y are equal, and the residual stays 0 when only two
 * points determine the line. */
bool line_fit(const double *x, const double *y, size_t n, struct line *ret)
{
    struct moments of_x = moments_of(x, n), of_y = moments_of(y, n);
    if (of_x.variance <= 0)
        return false;
    struct spread spread = spread_about(x, y, n, of_x.mean, of_y.mean);
    struct line line = {.n = n, .x_mean = of_x.mean, .y_mean = of_y.mean, .sxx = spread.xx};
    line.slope = spread.xy / spread.xx;
    double squares = residual_squares(&line, x, y);
    if (of_y.variance > 0)
        line.r_squared = number_clamp(1 - squares / spread.yy, 0, 1);
    if (n > 2)
        line.residual = sqrt(squares / (double)(n - 2));
    *ret = line;
    return true;
}

double line_at(const struct line *line, double x)
{
    return line->y_mean + line->slope * (x - line->x_mean);
}

/* Uses the formula for a new observation: the 1 under the root is the variance of the observation
 * itself, which the formula for the mean does not have. */
double line_error_at(const struct line *line, double x)
{
    double from_mean = x - line->x_mean;
    return line->residual * sqrt(1 + 1 / (double)line->n + from_mean * from_mean / line->sxx);
}

/* The daily values of the score or of one component, to which a line is fitted. */
struct series {
    double x[HISTORY_DAYS], y[HISTORY_DAYS]; /* x: days since the first day used; y: the value */
    size_t n;                                /* number of values */
};

/* Appends the value y of day d. first: the first day used, whose x is 0. */
static void series_add(struct series *series, const struct daily *first, const struct daily *day,
                       double y)
{
    series->x[series->n] = (double)day->day - first->day;
    series->y[series->n++] = y;
}

/* Fits a line of least squares to the series. Returns false, with *ret untouched, when there are
 * too few days. */
static bool series_fit(const struct series *series, struct line *ret)
{
    return series->n >= PREDICTION_MIN_DAYS && line_fit(series->x, series->y, series->n, ret);
}

/* Returns the address of the first of the *n days that is among the last HISTORY_DAYS days up to
 * today, or of the last day if all are older. Sets *n to the number of days from there on. */
static const struct daily *recent_days(const struct daily *days, size_t *n, int32_t today)
{
    for (; *n > 1 && days->day <= (int64_t)today - HISTORY_DAYS; --*n)
        days++;
    return days;
}

/* Sets the members of the forecast that describe the least-squares line; they are the same for
 * every model. */
static void forecast_set_line(const struct series *series, struct forecast *forecast)
{
    forecast->insufficient = !series_fit(series, &forecast->line);
    forecast->intercept = forecast->latest_score;
    if (forecast->insufficient)
        return;
    forecast->slope = number_round12(forecast->line.slope);
    forecast->intercept = number_round12(line_at(&forecast->line, 0));
    forecast->r_squared = number_round12(forecast->line.r_squared);
}

void forecast_fit(enum prediction_model model, const struct daily *days, size_t n, int32_t today,
                  struct forecast *ret)
{
    struct series scores = {.n = 0};
    if (days[n - 1].day > today)
        today = days[n - 1].day;
    days = recent_days(days, &n, today);
    for (size_t i = 0; i < n; i++)
        series_add(&scores, days, &days[i], days[i].score);
    *ret = (struct forecast){.model = model,
                             .history = days,
                             .days = n,
                             .today = today,
                             .day_zero = days[0].day,
                             .latest_score = days[n - 1].score,
                             .interval_level = PREDICTION_LEVEL};
    forecast_set_line(&scores, ret);
    if (model == AR1_TREND)
        /* returns false when there are too few days; ret->insufficient is then set */
        (void)ar1_trend_fit(scores.x, scores.y, n, &ret->ar1);
}

/* Returns the number of days from today to `day`, at least 1: the models of projection.c predict
 * only days after today, so an earlier day is treated like tomorrow. */
static int days_ahead(const struct forecast *forecast, int32_t day)
{
    return day > forecast->today ? day - forecast->today : 1;
}

/* Returns the predictive distribution of a model with a line: AR1_TREND or LEAST_SQUARES. AR1_TREND
 * predicts only days after the last score, so an earlier day is like the day after it. */
static struct distribution line_distribution_at(const struct forecast *forecast, int32_t day)
{
    double x = (double)day - forecast->day_zero;
    /* the line has two parameters, so two degrees of freedom are lost */
    struct distribution distribution = {.df = (double)forecast->days - 2};
    struct line line = forecast->line;
    if (forecast->model == AR1_TREND) {
        ar1_trend_at(&forecast->ar1, fmax(x, forecast->ar1.last_x + 1), &distribution.centre,
                     &distribution.error);
        return distribution;
    }
    line.residual = fmax(line.residual, residual_min);
    distribution.centre = line_at(&line, x);
    distribution.error = line_error_at(&line, x);
    return distribution;
}

/* Returns the predictive distribution for a day, by the forecast's model. With too few days, a
 * model with a line predicts the latest score, and PROJECTION predicts the same as LAST_VALUE. */
static struct distribution distribution_at(const struct forecast *forecast, int32_t day)
{
    bool has_line = forecast->model == LEAST_SQUARES || forecast->model == AR1_TREND;
    struct distribution distribution;
    if (has_line && forecast->insufficient)
        /* sqrt(1/12) is the standard deviation of the uniform distribution on [0,1]; df 0: normal
         * distribution */
        return (struct distribution){forecast->latest_score, sqrt(1 / 12.0), 0};
    if (has_line)
        return line_distribution_at(forecast, day);
    if (forecast->model == PROJECTION && !forecast->insufficient)
        projection_at(forecast->history, forecast->days, forecast->today, days_ahead(forecast, day),
                      &distribution);
    else
        last_value_at(forecast->history, forecast->days, forecast->today, days_ahead(forecast, day),
                      &distribution);
    return distribution;
}

/* Returns half of the width of the interval, centred on distribution->centre, that contains the
 * score with the probability `level`. */
static double distribution_margin(const struct distribution *distribution, double level)
{
    double p = (1 + level) / 2; /* probability of a score below the upper end */
    return distribution->error * (distribution->df > 0 ? gsl_cdf_tdist_Pinv(p, distribution->df)
                                                       : gsl_cdf_ugaussian_Pinv(p));
}

/* Returns the probability of from <= score < to; either limit may be infinite. */
static double distribution_between(const struct distribution *distribution, double from, double to)
{
    double low = (from - distribution->centre) / distribution->error,
           high = (to - distribution->centre) / distribution->error;
    if (distribution->df > 0)
        return gsl_cdf_tdist_P(high, distribution->df) - gsl_cdf_tdist_P(low, distribution->df);
    return gsl_cdf_ugaussian_P(high) - gsl_cdf_ugaussian_P(low);
}

/* Returns the score y after an intervention, y + factor * (1 - y), where y is limited to [0,1]
 * first. */
static double with_intervention(double y, double factor)
{
    y = number_clamp(y, 0, 1);
    return number_round12(y + factor * (1 - y));
}

/* The inverse of with_intervention: returns the score y for which y + factor * (1 - y) is exactly
 * level_floor. The intervention raises a score of 0 to factor. If that reaches the floor, every
 * score does, and the result is minus infinity. */
static double floor_before_intervention(double level_floor, double factor)
{
    return level_floor <= factor ? -HUGE_VAL
                                 : number_round12((level_floor - factor) / (1 - factor));
}

/* Returns the probability that the score, raised by the intervention, has this level. The lowest
 * level has no lower limit, because its floor 0 gives minus infinity; the highest level has no
 * upper limit, because scores are not limited here. */
static double level_probability(const struct distribution *distribution, enum level level,
                                double factor)
{
    double from = floor_before_intervention(level_floors[level], factor), to = HUGE_VAL;
    if (level < MASTER)
        to = floor_before_intervention(level_floors[level + 1], factor);
    return number_clamp(distribution_between(distribution, from, to), 0, 1);
}

/* Returns the interval that contains the future score with probability `level`. score: the
 * predicted one. factor: the effect of an intervention, by which the ends are raised like the
 * score. They are limited to [0,1], and kept at least PREDICTION_WIDTH_MIN apart, because both may
 * reach the same limit. */
static struct interval interval_about(const struct distribution *distribution, double level,
                                      double factor, double score)
{
    const double half = PREDICTION_WIDTH_MIN / 2;
    double margin = distribution_margin(distribution, level);
    double lower = fmin(with_intervention(distribution->centre - margin, factor), score - half);
    double upper = fmax(with_intervention(distribution->centre + margin, factor), score + half);
    return (struct interval){number_round12(number_clamp(lower, 0, 1 - PREDICTION_WIDTH_MIN)),
                             number_round12(number_clamp(upper, PREDICTION_WIDTH_MIN, 1)), level};
}

/* Returns the name of the trend. For LEAST_SQUARES it depends on the slope of the line, in score a
 * day. For the other models it depends on the predicted change, if its direction is probable
 * enough: rise and fall are the probabilities that the score rises or falls (for LEAST_SQUARES they
 * stay 1, because it needs none). The change is rounded, because 0.51 - 0.5 is a little more than
 * 0.01 in binary. */
static const char *trend_of(const struct forecast *forecast,
                            const struct distribution *distribution)
{
    double change =
        number_round12(number_clamp(distribution->centre, 0, 1) - forecast->latest_score);
    double limit = PREDICTION_TREND_CHANGE, rise = 1, fall = 1;
    if (forecast->model == LEAST_SQUARES) {
        change = forecast->slope;
        limit = PREDICTION_TREND_SLOPE;
    } else {
        rise = distribution_between(distribution, forecast->latest_score, HUGE_VAL);
        fall = 1 - rise;
    }
    if (change > limit && rise >= PREDICTION_TREND_PROBABILITY)
        return "improving";
    return change < -limit && fall >= PREDICTION_TREND_PROBABILITY ? "declining" : "stable";
}

void forecast_at(const struct forecast *forecast, int32_t day, double factor,
                 struct prediction *ret)
{
    struct distribution distribution = distribution_at(forecast, day);
    double score = with_intervention(distribution.centre, factor);
    double most = forecast->insufficient ? insufficient_confidence_max : confidence_max;
    *ret = (struct prediction){.day = day, .score = score, .level = mastery_level(score)};
    ret->interval = interval_about(&distribution, forecast->interval_level, factor, score);
    ret->confidence =
        fmin(number_round12(level_probability(&distribution, ret->level, factor)), most);
    ret->trend = trend_of(forecast, &distribution);
    ret->intervention_needed = score < PREDICTION_INTERVENTION_BELOW;
}

double forecast_below(const struct forecast *forecast, int32_t day, double limit)
{
    struct distribution distribution = distribution_at(forecast, day);
    return number_clamp(distribution_between(&distribution, -HUGE_VAL, limit), 0, 1);
}

/* Returns the value that the model predicts at x, or the latest value when the series is too short
 * for a fit. Requires at least one value. */
static double series_at(enum prediction_model model, const struct series *series, double x)
{
    struct ar1_trend ar1;
    struct line line;
    double centre = series->y[series->n - 1], error; /* error is not used: no interval */
    if (model == AR1_TREND && series->n >= PREDICTION_MIN_DAYS &&
        ar1_trend_fit(series->x, series->y, series->n, &ar1))
        ar1_trend_at(&ar1, x, &centre, &error);
    if (model == LEAST_SQUARES && series_fit(series, &line))
        centre = line_at(&line, x);
    return centre;
}

/* Predicts one component for a day from the days on which it has evidence; 0 when there are none.
 * series_at handles too few days. factor: the effect of an intervention, in [0,1]; 0: none. */
static double component_at(const struct forecast *forecast, int component, int32_t day,
                           double factor)
{
    struct series values = {.n = 0};
    for (size_t i = 0; i < forecast->days; i++)
        /* the component has evidence on that day */
        if (forecast->history[i].known >> component & 1)
            series_add(&values, forecast->history, &forecast->history[i],
                       forecast->history[i].components[component]);
    if (values.n == 0)
        return 0;
    return with_intervention(series_at(forecast->model, &values, (double)day - forecast->day_zero),
                             factor);
}

void forecast_components(const struct forecast *forecast, int32_t day, double factor,
                         double ret[COMPONENTS])
{
    for (int c = 0; c < COMPONENTS; c++)
        ret[c] = component_at(forecast, c, day, factor);
    if (forecast->model == PROJECTION && !forecast->insufficient &&
        projection_has_activity(forecast->history, forecast->days))
        ret[CONSISTENCY] =
            with_intervention(projection_consistency(forecast->history, forecast->days,
                                                     forecast->today, days_ahead(forecast, day)),
                              factor);
}

/* Counts the verified predictions and their errors. A prediction is verified when its day has come
 * and the history has a true score for it. The others count only in total_predictions. */
void accuracy_of(const struct stored_prediction *predictions, size_t n, const struct daily *days,
                 size_t day_count, int32_t today, struct accuracy *ret)
{
    *ret = (struct accuracy){.total_predictions = n};
    double errors = 0, recent_errors = 0;
    size_t recent = 0, within = 0;
    /* newest first: the first RECENT_PREDICTIONS verified ones are the most recent */
    for (size_t i = n; i-- > 0;) {
        const struct stored_prediction *prediction = &predictions[i];
        const struct daily *true_day = daily_last_until(days, day_count, prediction->day);
        if (prediction->day > today || !true_day)
            continue;
        double error = fabs(prediction->score - true_day->score);
        errors += error;
        if (true_day->score >= prediction->lower && true_day->score <= prediction->upper)
            within++;
        if (ret->verified_predictions++ < RECENT_PREDICTIONS) {
            recent_errors += error;
            recent++;
        }
    }
    if (ret->verified_predictions == 0)
        return;
    double verified = (double)ret->verified_predictions;
    ret->average_error = number_round12(errors / verified);
    ret->within_variance_rate = number_round12((double)within / verified);
    ret->recent_accuracy = number_round12(1 - recent_errors / (double)recent);
}
