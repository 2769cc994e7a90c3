/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One day of a student's history, as every analysis takes it: oldest first, days distinct. */
#ifndef DOMAIN_DAILY_H
#define DOMAIN_DAILY_H

#include <stddef.h>
#include <stdint.h>

#include "app/domain/mastery.h"

struct daily {
    int32_t day; /* of a week or month: its first day */
    double score;
    double components[COMPONENTS];
    uint32_t known;   /* bit per component: it has evidence, so its value means something */
    uint32_t samples; /* events and statements */
};

void daily_of_state(const struct mastery_state *s, struct daily *ret);

/* Copies the scores, or one component's values on the days it is known; returns how many. */
size_t daily_scores(const struct daily *days, size_t n, double *ret);
size_t daily_component(const struct daily *days, size_t n, enum component component, double *ret);

enum aggregation { DAILY, WEEKLY, MONTHLY, AGGREGATIONS };
extern const char *const aggregation_names[AGGREGATIONS + 1]; /* ends with NULL */

/* First day of the period a day lies in: itself, the Monday of its ISO 8601 week, the first of its
 * calendar month. */
int32_t period_start(enum aggregation aggregation, int32_t day);

/* Days into periods, each the mean of its days (of a component: of the days it is known), rounded,
 * with their samples summed. ret has room for n and may be `days`. Returns how many periods. */
size_t daily_aggregate(const struct daily *days, size_t n, enum aggregation aggregation,
                       struct daily *ret);

#endif
