/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predicts scores from a line through the daily scores, by one of two models: ordinary least
 * squares (struct line, in this file) or a line with correlated residuals (ar1_trend.c). Both
 * models give a centre and a standard error for a future day (struct distribution). Interval, level
 * and confidence of a prediction follow from these two.
 *
 * Intermediate values may lie outside [0,1] and are not rounded. Scores are limited to [0,1] and
 * rounded only at the end. */
#include "app/domain/prediction.h"

#include <math.h>

#include <gsl/gsl_cdf.h>

#include "app/base/number.h"

const char *const prediction_model_names[PREDICTION_MODELS + 1] = {
    [LEAST_SQUARES] = "ordinary_least_squares", [AR1_TREND] = "trend_with_memory"};
const char *const intervention_names[INTERVENTIONS + 1] = {
    [TUTORING] = "tutoring", [PRACTICE_SESSIONS] = "practice", [GUIDED_REVIEW] = "review"};
const double intervention_factors[INTERVENTIONS] = {
    [TUTORING] = 0.15, [PRACTICE_SESSIONS] = 0.10, [GUIDED_REVIEW] = 0.05};

/* The largest confidence of a prediction from too few days. */
static const double insufficient_confidence_max = 0.3;
/* A standard error below this limit is a rounding error and counts as 0, because scores are rounded
 * to 12 decimals. */
static const double error_min = 1e-12;

/* Sums over n points of (x - x_mean)^2, (y - y_mean)^2 and (x - x_mean) * (y - y_mean). */
struct spread {
    double xx, yy, xy;
};

/* Returns the sums of struct spread for n points about the given means. */
static struct spread spread_about(const double *x, const double *y, size_t n, double x_mean,
                                  double y_mean)
{
    struct spread s = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - x_mean, dy = y[i] - y_mean;
        s.xx += dx * dx;
        s.yy += dy * dy;
        s.xy += dx * dy;
    }
    return s;
}

/* Returns the sum of the squared differences between the y[i] and the line. */
static double residual_squares(const struct line *l, const double *x, const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < l->n; i++) {
        double d = y[i] - line_at(l, x[i]);
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
    struct spread s = spread_about(x, y, n, of_x.mean, of_y.mean);
    struct line l = {.n = n, .x_mean = of_x.mean, .y_mean = of_y.mean, .sxx = s.xx};
    l.slope = s.xy / s.xx;
    double squares = residual_squares(&l, x, y);
    if (of_y.variance > 0)
        l.r_squared = number_clamp(1 - squares / s.yy, 0, 1);
    if (n > 2)
        l.residual = sqrt(squares / (double)(n - 2));
    *ret = l;
    return true;
}

double line_at(const struct line *l, double x)
{
    return l->y_mean + l->slope * (x - l->x_mean);
}

/* The formula is that of a new observation, not of the mean: the 1 under the root is the variance
 * of the observation itself. */
double line_error_at(const struct line *l, double x)
{
    double from_mean = x - l->x_mean;
    return l->residual * sqrt(1 + 1 / (double)l->n + from_mean * from_mean / l->sxx);
}

/* Names the trend of a line by its slope, in score a day. */
static const char *trend_of_slope(double slope)
{
    if (slope > PREDICTION_TREND_SLOPE)
        return "improving";
    return slope < -PREDICTION_TREND_SLOPE ? "declining" : "stable";
}

/* The daily values of the score or of one component, to which a line is fitted. */
struct series {
    double x[HISTORY_DAYS], y[HISTORY_DAYS]; /* x: days since the first day used; y: the value */
    size_t n;                                /* number of values */
};

/* Appends the value y of day d. first: the first day used, whose x is 0. */
static void series_add(struct series *s, const struct daily *first, const struct daily *d, double y)
{
    s->x[s->n] = (double)d->day - first->day;
    s->y[s->n++] = y;
}

/* Fits a line by least squares. Returns false, with *ret untouched, when there are too few days. */
static bool series_fit(const struct series *s, struct line *ret)
{
    return s->n >= PREDICTION_MIN_DAYS && line_fit(s->x, s->y, s->n, ret);
}

/* Returns a pointer to the last HISTORY_DAYS days of the *n days, and sets *n to their number. */
static const struct daily *last_days(const struct daily *days, size_t *n)
{
    size_t dropped = *n > HISTORY_DAYS ? *n - HISTORY_DAYS : 0;
    *n -= dropped;
    return days + dropped;
}

/* Sets line, slope, intercept and R^2 of the forecast by least squares. With too few days it only
 * sets f->insufficient. */
static void forecast_fit_line(const struct series *s, struct forecast *f)
{
    f->insufficient = !series_fit(s, &f->line);
    if (f->insufficient)
        return;
    f->slope = number_round12(f->line.slope);
    f->intercept = number_round12(line_at(&f->line, 0));
    f->r_squared = number_round12(f->line.r_squared);
}

/* Returns R^2 of the line without the predicted residual, by the same formula as for least squares,
 * so that the two models can be compared. Returns 0 when all scores are equal. */
static double ar1_r_squared(const struct ar1_trend *m, const struct series *s)
{
    struct moments of_y = moments_of(s->y, s->n);
    double squares = 0;
    if (of_y.variance <= 0)
        return 0;
    for (size_t i = 0; i < s->n; i++) {
        double d = s->y[i] - ar1_trend_level(m, s->x[i]);
        squares += d * d;
    }
    return number_clamp(1 - squares / (of_y.variance * (double)(s->n - 1)), 0, 1);
}

/* Sets ar1, slope, intercept and R^2 of the forecast by AR1_TREND. With too few days it only sets
 * f->insufficient. */
static void forecast_fit_ar1(const struct series *s, struct forecast *f)
{
    f->insufficient = s->n < PREDICTION_MIN_DAYS || !ar1_trend_fit(s->x, s->y, s->n, &f->ar1);
    if (f->insufficient)
        return;
    f->slope = number_round12(ar1_trend_slope(&f->ar1));
    f->intercept = number_round12(ar1_trend_level(&f->ar1, 0));
    f->r_squared = number_round12(ar1_r_squared(&f->ar1, s));
}

/* Sets the members that do not depend on the model, then lets the model set the others. A model
 * that finds too few days sets only `insufficient`: slope and R^2 stay 0, and the intercept stays
 * the latest score. */
void forecast_fit(enum prediction_model model, const struct daily *days, size_t n,
                  struct forecast *ret)
{
    days = last_days(days, &n);
    struct series scores = {.n = 0};
    for (size_t i = 0; i < n; i++)
        series_add(&scores, days, &days[i], days[i].score);
    *ret = (struct forecast){.model = model,
                             .days = n,
                             .day_zero = days[0].day,
                             .latest_score = days[n - 1].score,
                             .interval_level = PREDICTION_LEVEL};
    ret->intercept = ret->latest_score; /* stays when there are too few days for a line */
    if (model == AR1_TREND)
        forecast_fit_ar1(&scores, ret);
    else
        forecast_fit_line(&scores, ret);
    ret->trend = trend_of_slope(ret->slope);
}

/* The predictive distribution of a future score: centre + error * T, where T has Student's t
 * distribution with df degrees of freedom, or the normal one when df is 0. With error 0 the score
 * is certain. */
struct distribution {
    double centre, error, df;
};

/* Returns the predictive distribution for a day. With too few days it is normal about the latest
 * score and so wide that any score in [0,1] is plausible. */
static struct distribution distribution_at(const struct forecast *f, int32_t day)
{
    if (f->insufficient) /* sqrt(1/12) is the standard deviation of the uniform distribution on
                            [0,1] */
        return (struct distribution){f->latest_score, sqrt(1 / 12.0), 0};
    double x = (double)day - f->day_zero;
    struct distribution distribution = {.df = (double)f->days - 2};
    if (f->model == AR1_TREND) {
        ar1_trend_at(&f->ar1, x, &distribution.centre, &distribution.error);
        return distribution;
    }
    distribution.centre = line_at(&f->line, x);
    distribution.error = line_error_at(&f->line, x);
    if (distribution.error < error_min)
        distribution.error = 0;
    return distribution;
}

/* Returns half of the width of the interval about the centre that contains the score with the
 * probability `level`. */
static double distribution_margin(const struct distribution *d, double level)
{
    double p = (1 + level) / 2; /* probability of a score below the upper end */
    return d->error * (d->df > 0 ? gsl_cdf_tdist_Pinv(p, d->df) : gsl_cdf_ugaussian_Pinv(p));
}

/* Returns the probability of from <= score < to; either limit may be infinite. A certain score
 * (error 0) has probability 1 or 0. */
static double distribution_between(const struct distribution *d, double from, double to)
{
    if (d->error <= 0) {
        double centre = number_round12(d->centre);
        return centre >= from && centre < to;
    }
    double low = (from - d->centre) / d->error, high = (to - d->centre) / d->error;
    if (d->df > 0)
        return gsl_cdf_tdist_P(high, d->df) - gsl_cdf_tdist_P(low, d->df);
    return gsl_cdf_ugaussian_P(high) - gsl_cdf_ugaussian_P(low);
}

/* Returns the score y after an intervention, y + factor * (1 - y), where y is limited to [0,1]
 * first. */
static double with_intervention(double y, double factor)
{
    y = number_clamp(y, 0, 1);
    return number_round12(y + factor * (1 - y));
}

/* The inverse of with_intervention: returns the score that the intervention raises exactly to
 * level_floor. Returns minus infinity when the intervention raises even 0 to that floor or above,
 * since then every score reaches it. */
static double floor_before_intervention(double level_floor, double factor)
{
    return level_floor <= factor ? -HUGE_VAL
                                 : number_round12((level_floor - factor) / (1 - factor));
}

/* Returns the probability that the score, raised by the intervention, has this level. The lowest
 * level has no lower end, because its floor 0 gives minus infinity, and the highest level no upper
 * end, because scores are unlimited here. */
static double level_probability(const struct distribution *d, enum level level, double factor)
{
    double from = floor_before_intervention(level_floors[level], factor), to = HUGE_VAL;
    if (level < MASTER)
        to = floor_before_intervention(level_floors[level + 1], factor);
    return number_clamp(distribution_between(d, from, to), 0, 1);
}

/* The interval is computed before the intervention and its two ends are raised like the score. */
void forecast_at(const struct forecast *f, int32_t day, double factor, struct prediction *ret)
{
    struct distribution distribution = distribution_at(f, day);
    double margin = distribution_margin(&distribution, f->interval_level);
    double score = with_intervention(distribution.centre, factor);
    *ret = (struct prediction){.day = day, .score = score, .level = mastery_level(score)};
    ret->interval = (struct interval){with_intervention(distribution.centre - margin, factor),
                                      with_intervention(distribution.centre + margin, factor),
                                      f->interval_level};
    ret->confidence = number_round12(level_probability(&distribution, ret->level, factor));
    if (f->insufficient)
        ret->confidence = fmin(ret->confidence, insufficient_confidence_max);
    ret->intervention_needed = score < PREDICTION_INTERVENTION_BELOW;
}

/* Returns the value that the model predicts at x, or the latest value when the series is too short
 * for a fit. Requires at least one value. */
static double series_at(enum prediction_model model, const struct series *s, double x)
{
    struct ar1_trend ar1;
    struct line line;
    double centre = s->y[s->n - 1], error; /* error is not used: no interval */
    if (model == AR1_TREND && s->n >= PREDICTION_MIN_DAYS && ar1_trend_fit(s->x, s->y, s->n, &ar1))
        ar1_trend_at(&ar1, x, &centre, &error);
    if (model == LEAST_SQUARES && series_fit(s, &line))
        centre = line_at(&line, x);
    return centre;
}

/* Predicts one component from the days on which it has evidence; 0 when there are none. series_at
 * handles too few days. forecast_components (prediction.h) describes the arguments. */
static double component_at(enum prediction_model model, const struct daily *days, size_t n,
                           int component, int32_t day, double factor)
{
    struct series values = {.n = 0};
    for (size_t i = 0; i < n; i++)
        if (days[i].known >> component & 1) /* there is evidence of the component on that day */
            series_add(&values, days, &days[i], days[i].components[component]);
    if (values.n == 0)
        return 0;
    return with_intervention(series_at(model, &values, (double)day - days[0].day), factor);
}

void forecast_components(enum prediction_model model, const struct daily *days, size_t n,
                         int32_t day, double factor, double ret[COMPONENTS])
{
    days = last_days(days, &n);
    for (int c = 0; c < COMPONENTS; c++)
        ret[c] = component_at(model, days, n, c, day, factor);
}

/* Returns the last of the days that is not after `day`; NULL when all are later. */
static const struct daily *last_day_until(const struct daily *days, size_t n, int32_t day)
{
    while (n > 0 && days[n - 1].day > day)
        n--;
    return n > 0 ? &days[n - 1] : NULL;
}

/* A prediction is verified when its day has come and the history has a true score for it. The other
 * predictions count only in total_predictions. */
void accuracy_of(const struct stored_prediction *predictions, size_t n, const struct daily *days,
                 size_t day_count, int32_t today, struct accuracy *ret)
{
    *ret = (struct accuracy){.total_predictions = n};
    double errors = 0, recent_errors = 0;
    size_t recent = 0, within = 0;
    for (size_t i = n; i-- > 0;) { /* newest first, so that the first RECENT_PREDICTIONS verified
                                      ones are the most recent */
        const struct stored_prediction *p = &predictions[i];
        const struct daily *true_day = last_day_until(days, day_count, p->day);
        if (p->day > today || !true_day)
            continue;
        double error = fabs(p->score - true_day->score);
        errors += error;
        within += true_day->score >= p->lower && true_day->score <= p->upper;
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
