/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One day of a student's history (struct daily), reduced to what analyses need. An array of days is
 * in order of time, with each day at most once. */
#ifndef DOMAIN_DAILY_H
#define DOMAIN_DAILY_H

#include <stddef.h>
#include <stdint.h>

#include "app/domain/mastery.h"

struct daily {
    int32_t day;                   /* days since 1970-01-01; of a week or month: its first day */
    double score;                  /* the student's score on that day, in [0,1] */
    double components[COMPONENTS]; /* value of each component, in [0,1]; 0: no evidence */
    uint32_t known;                /* set of the components with evidence: bit i is component i */
    uint32_t samples; /* number of learning events and of requests `calculate` (by which a client
                         states all components itself) of the day or period */
    /* The following two are 0 for a mean of days or students. */
    uint32_t active_days;      /* bit i: there was an event on day - i */
    double consistency_weight; /* weight with which consistency is in the score */
};

/* Converts the student's state at the end of a day to the values of that day. */
void daily_of_state(const struct mastery_state *state, struct daily *ret);

/* Copies the scores of n days to ret, in the same order. Returns how many (n). */
size_t daily_scores(const struct daily *days, size_t n, double *ret);
/* Copies the values of one component to ret, only for the days with evidence of it (observations of
 * that component). Returns how many were copied. */
size_t daily_component(const struct daily *days, size_t n, enum component component, double *ret);

/* Returns the last of n days that is not after `day`; NULL when all are later. */
const struct daily *daily_last_until(const struct daily *days, size_t n, int32_t day);

enum aggregation { DAILY, WEEKLY, MONTHLY, AGGREGATIONS };
extern const char *const aggregation_names[AGGREGATIONS + 1]; /* ends with NULL */

/* Returns the first day of the period that contains `day`: the day itself, the Monday of its ISO
 * 8601 week, or the first of its calendar month. */
int32_t period_start(enum aggregation aggregation, int32_t day);

/* Aggregates n days to periods. Score and components are means, rounded to 12 decimals; the mean of
 * a component is over the days with evidence of it. Samples are sums. ret has room for n and may be
 * `days`. Returns the number of periods. */
size_t daily_aggregate(const struct daily *days, size_t n, enum aggregation aggregation,
                       struct daily *ret);

#endif
