/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model "projection" and, for comparison and for histories without events, "last_value". Both
 * give a centre; the error of either is learned from what the same formula would have predicted on
 * each past day. Days are counted from today where an expected day is a fraction, so that no digits
 * are lost. */
#include "app/domain/projection.h"

#include <math.h>

#include "app/base/clock.h"
#include "app/base/number.h"

enum {
    RATE_WINDOW_DAYS = 28, /* the rate of activity is measured over so many days */
    PRIOR_DAYS = 7         /* weight of the prior rate, in days */
};
static const double prior_rate = 0.2; /* active days a day before anything is known */

/* The usual error far ahead, and how many observations it counts for. */
static const double usual_error = 0.0424, usual_count = 4;

/* Returns the number of active days after `after`, up to the last day of the history. */
static int active_days_after(const struct daily *last, int32_t after)
{
    int64_t count = (int64_t)last->day - after; /* of the days that are counted */

    if (count <= 0)
        return 0;
    return __builtin_popcount(count < 32 ? last->active_days & ((UINT32_C(1) << count) - 1)
                                         : last->active_days);
}

/* Returns the first day that has activity; the caller has made sure that there is one. The first
 * closing state with activity knows it: each later one has a day between whose state is in the
 * history, too. */
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

/* Returns the rate of active days, rho: those of the last four weeks, or since the first one, with
 * a prior. It is in (0,1), because at most as many days are active as there were. */
static double activity_rate(const struct daily *days, size_t n, int32_t today)
{
    int64_t since_first = (int64_t)today - first_active_day(days) + 1;
    double observed = (double)(since_first < RATE_WINDOW_DAYS ? since_first : RATE_WINDOW_DAYS);
    double active = active_days_after(&days[n - 1], today - RATE_WINDOW_DAYS);

    return fmin(1, (PRIOR_DAYS * prior_rate + active) / (PRIOR_DAYS + observed));
}

/* The last active day is expected (1 - rate) / rate days before the predicted one, but after today.
 * In the window that ends with it, the days up to today are known, and of those in between a share
 * `rate` is expected to be active. The wait is rounded, because a known day is inside the window or
 * not: 4 days must not become 3.9999999999999996. */
static double consistency_at_rate(const struct daily *days, size_t n, int32_t today, int ahead,
                                  double rate)
{
    double wait = fmin(ahead - 1, number_round12((1 - rate) / rate));
    double last = ahead - wait, window_start = last - ACTIVITY_WINDOW_DAYS; /* from today */
    int known = active_days_after(&days[n - 1], today + (int32_t)floor(window_start));
    double expected = rate * fmax(0, last - 1 - fmax(0, window_start));

    return fmin(1, (1 + fmin(ACTIVITY_WINDOW_DAYS - 1, known + expected)) / ACTIVITY_FULL_DAYS);
}

double projection_consistency(const struct daily *days, size_t n, int32_t today, int ahead)
{
    return consistency_at_rate(days, n, today, ahead, activity_rate(days, n, today));
}

typedef double centre_function(const struct daily *days, size_t n, int32_t today, int ahead);

static double last_value_centre(const struct daily *days, size_t n, int32_t today, int ahead)
{
    (void)today;
    (void)ahead;
    return days[n - 1].score;
}

/* If nothing happens at all, which has the probability (1 - rate)^ahead, the score stays; otherwise
 * only its consistency becomes the expected one. */
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

/* The errors that the formula would have made in this history. */
struct own_errors {
    size_t n;
    double squares; /* sum of the squared errors */
};

/* Predicts on each day of the history the score that many days later, where that day has come, and
 * compares with the score at its close. Spans without activity are left out: their score stays, and
 * their small errors would make the interval too narrow for spans in which something happens. */
static struct own_errors own_errors_of(centre_function *centre, const struct daily *days, size_t n,
                                       int32_t today, int ahead)
{
    struct own_errors errors = {0};
    size_t known = 0, then = 0; /* numbers of days up to the origin, and up to the predicted day */

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

/* The error is a mean of the usual one and of the student's own, each counted by its number. The
 * span of an error overlaps with those of 2 * ahead - 1 days, itself included, so at most one is
 * counted for so many days, or for each half-life of evidence if that is shorter
 * (docs/mastery-model.md, How predictions are judged). */
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
