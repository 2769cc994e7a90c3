/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/daily.h"

#include "app/base/number.h"

const char *const aggregation_names[AGGREGATIONS + 1] = {
    [DAILY] = "daily", [WEEKLY] = "weekly", [MONTHLY] = "monthly"};

void daily_of_state(const struct mastery_state *s, struct daily *ret)
{
    *ret = (struct daily){.day = s->day,
                          .score = mastery_score_of_state(s),
                          .known = mastery_known_components(s),
                          .samples = s->samples};
    mastery_components_of_state(s, ret->components);
}

static bool knows(const struct daily *d, int component)
{
    return d->known >> component & 1;
}

size_t daily_scores(const struct daily *days, size_t n, double *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = days[i].score;
    return n;
}

size_t daily_component(const struct daily *days, size_t n, enum component component, double *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (knows(&days[i], (int)component))
            ret[count++] = days[i].components[component];
    return count;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Day 0, 1970-01-01, was a Thursday: three days after the Monday of its week. */
static int32_t monday_of(int32_t day)
{
    return (int32_t)(floor_divide((int64_t)day + 3, 7) * 7 - 3);
}

/* Day of the month, from 1: the proleptic Gregorian calendar in years that begin in March
 * (Hinnant, "chrono-compatible low-level date algorithms", civil_from_days). */
static int32_t day_of_month(int32_t day)
{
    const int64_t era_days = 146097, day_of_0000_03_01 = -719468;
    int64_t since = (int64_t)day - day_of_0000_03_01;
    int64_t of_era = since - floor_divide(since, era_days) * era_days;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    return (int32_t)(of_year - (153 * month + 2) / 5 + 1);
}

int32_t period_start(enum aggregation aggregation, int32_t day)
{
    if (aggregation == WEEKLY)
        return monday_of(day);
    return aggregation == MONTHLY ? day - day_of_month(day) + 1 : day;
}

/* The mean of n >= 1 days, as the period that begins at `start`. */
static struct daily mean_of_days(const struct daily *days, size_t n, int32_t start)
{
    struct daily sum = {.day = start};
    int known_days[COMPONENTS] = {0};
    for (size_t i = 0; i < n; i++) {
        sum.score += days[i].score;
        sum.samples += days[i].samples;
        sum.known |= days[i].known;
        for (int c = 0; c < COMPONENTS; c++)
            if (knows(&days[i], c)) {
                sum.components[c] += days[i].components[c];
                known_days[c]++;
            }
    }
    sum.score = number_round12(sum.score / (double)n);
    for (int c = 0; c < COMPONENTS; c++)
        if (known_days[c] > 0)
            sum.components[c] = number_round12(sum.components[c] / known_days[c]);
    return sum;
}

size_t daily_aggregate(const struct daily *days, size_t n, enum aggregation aggregation,
                       struct daily *ret)
{
    size_t count = 0;
    for (size_t first = 0, next; first < n; first = next) {
        int32_t start = period_start(aggregation, days[first].day);
        next = first + 1;
        while (next < n && period_start(aggregation, days[next].day) == start)
            next++;
        ret[count++] = mean_of_days(days + first, next - first, start);
    }
    return count;
}
