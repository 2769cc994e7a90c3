/* SPDX-License-Identifier: GPL-3.0-or-later */
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

static const double largest_blind_confidence = 0.3;
/* Below this a standard error is rounding: scores are rounded to 12 decimals. */
static const double exact_below = 1e-12;

/* Sums of squares and products about the means. */
struct spread {
    double xx, yy, xy;
};

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

static double residual_squares(const struct line *l, const double *x, const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < l->n; i++) {
        double d = y[i] - line_at(l, x[i]);
        sum += d * d;
    }
    return sum;
}

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

double line_error_at(const struct line *l, double x)
{
    double from_mean = x - l->x_mean;
    return l->residual * sqrt(1 + 1 / (double)l->n + from_mean * from_mean / l->sxx);
}

static const char *trend_of_slope(double slope)
{
    if (slope > PREDICTION_TREND_SLOPE)
        return "improving";
    return slope < -PREDICTION_TREND_SLOPE ? "declining" : "stable";
}

/* Values by day, as the line takes them. */
struct series {
    double x[HISTORY_DAYS], y[HISTORY_DAYS]; /* x: days since the history's first */
    size_t n;
};

static void series_add(struct series *s, const struct daily *first, const struct daily *d, double y)
{
    s->x[s->n] = (double)d->day - first->day;
    s->y[s->n++] = y;
}

static bool series_fit(const struct series *s, struct line *ret)
{
    return s->n >= PREDICTION_MIN_DAYS && line_fit(s->x, s->y, s->n, ret);
}

/* Leaves the last HISTORY_DAYS days. */
static const struct daily *last_days(const struct daily *days, size_t *n)
{
    size_t dropped = *n > HISTORY_DAYS ? *n - HISTORY_DAYS : 0;
    *n -= dropped;
    return days + dropped;
}

static void fit_line(const struct series *s, struct forecast *f)
{
    f->insufficient = !series_fit(s, &f->line);
    if (f->insufficient)
        return;
    f->slope = number_round12(f->line.slope);
    f->intercept = number_round12(line_at(&f->line, 0));
    f->r_squared = number_round12(f->line.r_squared);
}

/* What the line alone explains, as least squares' R^2. */
static double explained(const struct ar1_trend *m, const struct series *s)
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

static void fit_memory(const struct series *s, struct forecast *f)
{
    f->insufficient = s->n < PREDICTION_MIN_DAYS || !ar1_trend_fit(s->x, s->y, s->n, &f->ar1);
    if (f->insufficient)
        return;
    f->slope = number_round12(ar1_trend_slope(&f->ar1));
    f->intercept = number_round12(ar1_trend_level(&f->ar1, 0));
    f->r_squared = number_round12(explained(&f->ar1, s));
}

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
    ret->intercept = ret->latest_score;
    if (model == AR1_TREND)
        fit_memory(&scores, ret);
    else
        fit_line(&scores, ret);
    ret->trend = trend_of_slope(ret->slope);
}

/* A score to come: centre + error * T, T by Student's t with df degrees of freedom, or normal when
 * df is 0. An error of 0 is certainty. */
struct outlook {
    double centre, error, df;
};

static struct outlook outlook_at(const struct forecast *f, int32_t day)
{
    if (f->insufficient)
        return (struct outlook){f->latest_score, sqrt(1 / 12.0), 0};
    double x = (double)day - f->day_zero;
    struct outlook o = {.df = (double)f->days - 2};
    if (f->model == AR1_TREND) {
        ar1_trend_at(&f->ar1, x, &o.centre, &o.error);
        return o;
    }
    o.centre = line_at(&f->line, x);
    o.error = line_error_at(&f->line, x);
    if (o.error < exact_below)
        o.error = 0;
    return o;
}

static double outlook_margin(const struct outlook *o, double level)
{
    double p = (1 + level) / 2;
    return o->error * (o->df > 0 ? gsl_cdf_tdist_Pinv(p, o->df) : gsl_cdf_ugaussian_Pinv(p));
}

/* P(from <= score < to). */
static double outlook_between(const struct outlook *o, double from, double to)
{
    if (o->error <= 0) {
        double centre = number_round12(o->centre);
        return centre >= from && centre < to;
    }
    double low = (from - o->centre) / o->error, high = (to - o->centre) / o->error;
    if (o->df > 0)
        return gsl_cdf_tdist_P(high, o->df) - gsl_cdf_tdist_P(low, o->df);
    return gsl_cdf_ugaussian_P(high) - gsl_cdf_ugaussian_P(low);
}

/* y + factor * (1 - y), for y limited to [0,1]. */
static double intervene(double y, double factor)
{
    y = number_clamp(y, 0, 1);
    return number_round12(y + factor * (1 - y));
}

/* The y that the intervention lifts to a level's limit; what lies below 0 is lifted from 0, so a
 * limit that 0 reaches is reached by every y. */
static double before_intervention(double limit, double factor)
{
    return limit <= factor ? -HUGE_VAL : number_round12((limit - factor) / (1 - factor));
}

/* The probability that the outlook, lifted by the intervention, falls in the level. Nothing lies
 * below the lowest (its floor of 0 is always reached) nor above the highest. */
static double level_probability(const struct outlook *o, enum level level, double factor)
{
    double from = before_intervention(level_floors[level], factor), to = HUGE_VAL;
    if (level < MASTER)
        to = before_intervention(level_floors[level + 1], factor);
    return number_clamp(outlook_between(o, from, to), 0, 1);
}

void forecast_at(const struct forecast *f, int32_t day, double factor, struct prediction *ret)
{
    struct outlook o = outlook_at(f, day);
    double margin = outlook_margin(&o, f->interval_level);
    double score = intervene(o.centre, factor);
    *ret = (struct prediction){.day = day, .score = score, .level = mastery_level(score)};
    ret->interval = (struct interval){intervene(o.centre - margin, factor),
                                      intervene(o.centre + margin, factor), f->interval_level};
    ret->confidence = number_round12(level_probability(&o, ret->level, factor));
    if (f->insufficient)
        ret->confidence = fmin(ret->confidence, largest_blind_confidence);
    ret->intervention_needed = score < PREDICTION_INTERVENTION_BELOW;
}

/* Where the model's line leads; the latest value with too few. */
static double series_at(enum prediction_model model, const struct series *s, double x)
{
    struct ar1_trend memory;
    struct line line;
    double centre = s->y[s->n - 1], error;
    if (model == AR1_TREND && s->n >= PREDICTION_MIN_DAYS &&
        ar1_trend_fit(s->x, s->y, s->n, &memory))
        ar1_trend_at(&memory, x, &centre, &error);
    if (model == LEAST_SQUARES && series_fit(s, &line))
        centre = line_at(&line, x);
    return centre;
}

static double component_at(enum prediction_model model, const struct daily *days, size_t n,
                           int component, int32_t day, double factor)
{
    struct series values = {.n = 0};
    for (size_t i = 0; i < n; i++)
        if (days[i].known >> component & 1)
            series_add(&values, days, &days[i], days[i].components[component]);
    if (values.n == 0)
        return 0;
    return intervene(series_at(model, &values, (double)day - days[0].day), factor);
}

void forecast_components(enum prediction_model model, const struct daily *days, size_t n,
                         int32_t day, double factor, double ret[COMPONENTS])
{
    days = last_days(days, &n);
    for (int c = 0; c < COMPONENTS; c++)
        ret[c] = component_at(model, days, n, c, day, factor);
}

/* The last day at or before `day`; NULL when there is none. */
static const struct daily *close_of_day(const struct daily *days, size_t n, int32_t day)
{
    while (n > 0 && days[n - 1].day > day)
        n--;
    return n > 0 ? &days[n - 1] : NULL;
}

void accuracy_of(const struct stored_prediction *predictions, size_t n, const struct daily *days,
                 size_t day_count, int32_t today, struct accuracy *ret)
{
    *ret = (struct accuracy){.total_predictions = n};
    double errors = 0, recent_errors = 0;
    size_t recent = 0, within = 0;
    for (size_t i = n; i-- > 0;) { /* newest first, for the recent ones */
        const struct stored_prediction *p = &predictions[i];
        const struct daily *true_day = close_of_day(days, day_count, p->day);
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
