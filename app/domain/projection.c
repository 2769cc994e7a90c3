/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model "projection" and, for comparison and for histories without events, "last_value". Both
 * give a centre (the expected score). The error of either is learned from what the same formula
 * would have predicted on each past day. Days that are computed from the rate of activity may be
 * fractions. They are counted from today, because counted from 1970 they would have fewer exact
 * digits. */
#include "app/domain/projection.h"

#include <math.h>

#include "app/base/clock.h"
#include "app/base/number.h"

enum {
    RATE_WINDOW_DAYS = 28, /* number of days over which the rate of activity is measured */
    PRIOR_DAYS = 7         /* number of days by which the assumed rate is weighted */
};
/* Active days for each day, assumed before anything is known: one active day is no habit yet. */
static const double prior_rate = 0.2;

/* The error of a prediction far ahead, as a difference of scores, while the student has no past to
 * learn from: s0 in docs/mastery-model.md, Prediction, equation 11c. */
static const double usual_error = 0.0424;
/* usual_error weighs as much as this many errors from the student's own past. */
static const double usual_count = 4;

/* Returns the number of active days after day `after`, up to the last day of the history. Bit i of
 * last->active_days is the day i days before the last one. */
static int active_days_after(const struct daily *last, int32_t after)
{
    /* number of days after `after`, the last one included */
    int64_t count = (int64_t)last->day - after;

    if (count <= 0)
        return 0;
    return __builtin_popcount(count < 32 ? last->active_days & ((UINT32_C(1) << count) - 1)
                                         : last->active_days);
}

/* Returns the first day with activity; there must be one. It is among the activity bits of the
 * first state with activity: if there were an earlier one, the state of that earlier day would be
 * in the history. */
static int32_t first_active_day(const struct daily *days)
{
    while (days->active_days == 0)
        days++;
    return days->day - (31 - __builtin_clz(days->active_days));
}

bool projection_has_activity(const struct daily *days, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (days[i].active_days != 0)
            return true;
    return false;
}

/* Returns the rate of activity: active days for each day in the last four weeks, or since the first
 * active day, averaged with prior_rate. It is above 0 and below 1, because prior_rate is, and no
 * more days are active than there were; fmin protects against a damaged history. The last state,
 * days[n - 1], has a bit for each of the 32 days up to it. */
static double activity_rate(const struct daily *days, size_t n, int32_t today)
{
    int64_t since_first = (int64_t)today - first_active_day(days) + 1;
    double observed = (double)(since_first < RATE_WINDOW_DAYS ? since_first : RATE_WINDOW_DAYS);
    double active = active_days_after(&days[n - 1], today - RATE_WINDOW_DAYS);

    return fmin(1, (PRIOR_DAYS * prior_rate + active) / (PRIOR_DAYS + observed));
}

/* Returns the consistency that is expected `ahead` days after today if each day after today is
 * active with the probability `rate`. The score changes only with an event, so its consistency is
 * that of the last active day up to the predicted one. On average (1 - rate) / rate inactive days
 * precede the predicted day (`wait`), but at most ahead - 1, because the last active day is after
 * today. The window of ACTIVITY_WINDOW_DAYS days that ends with the last active day contains that
 * day, the known active days up to today (the bits of the last state, days[n - 1]), and the days in
 * between, of which the share `rate` is expected to be active. The wait is rounded, because a known
 * day is either inside the window or not: 4 days must not become 3.9999999999999996. */
static double consistency_at_rate(const struct daily *days, size_t n, int32_t today, int ahead,
                                  double rate)
{
    double wait = fmin(ahead - 1, number_round12((1 - rate) / rate));
    /* days are counted from today */
    double last = ahead - wait, window_start = last - ACTIVITY_WINDOW_DAYS;
    int known = active_days_after(&days[n - 1], today + (int32_t)floor(window_start));
    double expected = rate * fmax(0, last - 1 - fmax(0, window_start));

    return fmin(1, (1 + fmin(ACTIVITY_WINDOW_DAYS - 1, known + expected)) / ACTIVITY_FULL_DAYS);
}

double projection_consistency(const struct daily *days, size_t n, int32_t today, int ahead)
{
    return consistency_at_rate(days, n, today, ahead, activity_rate(days, n, today));
}

/* Returns the centre (expected score) of a model's prediction for the day `ahead` days after today.
 */
typedef double centre_function(const struct daily *days, size_t n, int32_t today, int ahead);

/* Returns the centre of the model "last_value", the latest score. */
static double last_value_centre(const struct daily *days, size_t n, int32_t today, int ahead)
{
    (void)today;
    (void)ahead;
    return days[n - 1].score;
}

/* Returns the centre of the model "projection". With the probability (1 - rate)^ahead nothing
 * happens, and the score stays. Otherwise the consistency becomes the expected one, and the other
 * components stay. */
static double projection_centre(const struct daily *days, size_t n, int32_t today, int ahead)
{
    const struct daily *last = &days[n - 1];
    double rate, change;

    if (!projection_has_activity(days, n))
        return last->score;
    rate = activity_rate(days, n, today);
    change = consistency_at_rate(days, n, today, ahead, rate) - last->components[CONSISTENCY];
    return last->score + (1 - pow(1 - rate, ahead)) * last->consistency_weight * change;
}

/* The errors that a model would have made in the student's own past. */
struct own_errors {
    size_t n;
    double squares; /* sum of the squared errors */
};

/* Predicts, on each past day of the history, the score `ahead` days later, and compares it with the
 * true score of that day. Spans without activity are skipped: the score stays in them, and their
 * small errors would make the interval too narrow for spans in which something happens. */
static struct own_errors own_errors_of(centre_function *centre, const struct daily *days, size_t n,
                                       int32_t today, int ahead)
{
    struct own_errors errors = {0};
    /* numbers of days of the history up to the origin, and up to the predicted day */
    size_t known = 0, then = 0;

    for (int32_t origin = days[0].day; origin + ahead <= today; origin++) {
        while (known < n && days[known].day <= origin)
            known++;
        while (then < n && days[then].day <= origin + ahead)
            then++;
        if (then == known)
            continue;
        double error = centre(days, known, origin, ahead) - days[then - 1].score;
        errors.squares += error * error;
        errors.n++;
    }
    return errors;
}

/* Sets the distribution: its centre (the expected score) by the model, and its error as a mean of
 * usual_error and of the errors that the model would have made in the student's past. The usual
 * error grows with `ahead`: of the present evidence the share r = 2^(-ahead / half-life) remains,
 * so the square of the error is 1 - r^2 times that of a prediction far ahead. It is doubled for a
 * history of one day. The weight of the own errors is their number, but at most one for each 2 *
 * ahead - 1 days (or each half-life of evidence if that is shorter), because predictions whose
 * spans of `ahead` days overlap have similar errors (docs/mastery-model.md, How predictions are
 * judged). */
static void distribution_learn(centre_function *centre, const struct daily *days, size_t n,
                               int32_t today, int ahead, struct distribution *ret)
{
    double half_life_days = (double)EVIDENCE_HALF_LIFE_MS / (double)DAY_MS;
    double usual = usual_error * sqrt(1 - exp2(-2 * ahead / half_life_days));
    struct own_errors own = own_errors_of(centre, days, n, today, ahead);
    double apart_days = fmin(2 * ahead - 1, half_life_days);
    double count = fmin((double)own.n, ((double)today - days[0].day + 1) / apart_days);
    double mean_square = own.n > 0 ? own.squares / (double)own.n : 0;

    if (n == 1)
        usual *= 2;
    ret->df = usual_count + count;
    ret->error = sqrt((usual_count * usual * usual + count * mean_square) / ret->df);
    ret->centre = centre(days, n, today, ahead);
}

void projection_at(const struct daily *days, size_t n, int32_t today, int ahead,
                   struct distribution *ret)
{
    distribution_learn(projection_centre, days, n, today, ahead, ret);
}

void last_value_at(const struct daily *days, size_t n, int32_t today, int ahead,
                   struct distribution *ret)
{
    distribution_learn(last_value_centre, days, n, today, ahead, ret);
}
