/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two files of /api/v1/analytics share: limits, which config shows. */
#ifndef ROUTES_ANALYTICS_H
#define ROUTES_ANALYTICS_H

#include "app/pipeline/exchange.h"

enum {
    COMPARE_COHORT_MIN = 2, /* students on one side of compare/cohorts */
    COMPARE_COHORT_MAX = 1000,
    COMPARE_STUDENTS_MIN = 2, /* students of compare/students */
    COMPARE_STUDENTS_MAX = 50,
};

/* mastery_score, then the components in the order of enum component; ends with NULL. */
extern const char *const compare_metrics[];

#endif
