/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One day of a student's history, reduced to what analyses need. Arrays of them are in order of
 * time, with distinct days. */
#ifndef DOMAIN_DAILY_H
#define DOMAIN_DAILY_H

#include <stddef.h>
#include <stdint.h>

#include "app/domain/mastery.h"

struct daily {
    int32_t day; /* of a week or month: its first day */
    double score;
    double components[COMPONENTS];
    uint32_t known;   /* set of the components with evidence, a bit each; others are 0 */
    uint32_t samples; /* events and statements */
};

void daily_of_state(const struct mastery_state *s, struct daily *ret);

/* Copy the scores, or the values of one component on the days with evidence; return how many. */
size_t daily_scores(const struct daily *days, size_t n, double *ret);
size_t daily_component(const struct daily *days, size_t n, enum component component, double *ret);

enum aggregation { DAILY, WEEKLY, MONTHLY, AGGREGATIONS };
extern const char *const aggregation_names[AGGREGATIONS + 1]; /* ends with NULL */

/* First day of the period of a day: the day itself, the Monday of its ISO 8601 week, or the first
 * of its calendar month. */
int32_t period_start(enum aggregation aggregation, int32_t day);

/* Aggregates days to periods: means, rounded (of a component: over the days with evidence), and the
 * sum of the samples. ret has room for n and may be `days`. Returns the number of periods. */
size_t daily_aggregate(const struct daily *days, size_t n, enum aggregation aggregation,
                       struct daily *ret);

#endif
