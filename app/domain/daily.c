/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Converts a student's state at the end of a day (struct mastery_state) to the values of that day
 * (struct daily), and averages days to weeks and months. */
#include "app/domain/daily.h"

#include "app/base/clock.h"
#include "app/base/number.h"

const char *const aggregation_names[AGGREGATIONS + 1] = {
    [DAILY] = "daily", [WEEKLY] = "weekly", [MONTHLY] = "monthly"};

void daily_of_state(const struct mastery_state *state, struct daily *ret)
{
    *ret = (struct daily){.day = state->day,
                          .score = mastery_score_of_state(state),
                          .known = mastery_known_components(state),
                          .samples = state->samples,
                          .active_days = state->active_days};
    mastery_components_of_state(state, ret->components);
    ret->consistency_weight = mastery_consistency_weight(state);
}

/* Returns whether the student had evidence (at least one observation) of the component on that day.
 */
static bool daily_knows(const struct daily *day, int component)
{
    return day->known >> component & 1;
}

size_t daily_scores(const struct daily *days, size_t n, double *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = days[i].score;
    return n;
}

/* Collects the values of the component. Days without evidence of it are skipped: their 0 means
 * "unknown" and is no score. */
size_t daily_component(const struct daily *days, size_t n, enum component component, double *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (daily_knows(&days[i], (int)component))
            ret[count++] = days[i].components[component];
    return count;
}

const struct daily *daily_last_until(const struct daily *days, size_t n, int32_t day)
{
    while (n > 0 && days[n - 1].day > day)
        n--;
    return n > 0 ? &days[n - 1] : NULL;
}

/* Returns the Monday of the week of a day. Day 0, 1970-01-01, was a Thursday, three days after a
 * Monday; hence the 3. */
static int32_t monday_of(int32_t day)
{
    int weekday = (int)(((int64_t)day + 3) % 7); /* 0 is Monday; negative for a day before 1970 */

    return day - (weekday < 0 ? weekday + 7 : weekday);
}

int32_t period_start(enum aggregation aggregation, int32_t day)
{
    if (aggregation == WEEKLY)
        return monday_of(day);
    return aggregation == MONTHLY ? day - day_in_month(day) + 1 : day;
}

/* Returns the mean of n >= 1 days as a day whose date is `start`. The mean of a component is over
 * the days on which it has evidence; the number of samples is a sum. */
static struct daily mean_of_days(const struct daily *days, size_t n, int32_t start)
{
    struct daily sum = {.day = start};
    int known_days[COMPONENTS] = {0};
    for (size_t i = 0; i < n; i++) {
        sum.score += days[i].score;
        sum.samples += days[i].samples;
        sum.known |= days[i].known;
        for (int c = 0; c < COMPONENTS; c++)
            if (daily_knows(&days[i], c)) {
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

/* Summarizes each period. The days are in order of time, so the days of a period follow each other:
 * days[first] to days[next - 1] are one period. ret may be `days`, because no more results are
 * written than days read. */
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
