/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of /api/v1/analytics share. */
#ifndef ROUTES_ANALYTICS_H
#define ROUTES_ANALYTICS_H

#include "app/pipeline/exchange.h"

/* Limits, which analytics/config shows. */
enum {
    COMPARE_COHORT_MIN = 2, /* students on one side of compare/cohorts */
    COMPARE_COHORT_MAX = 1000,
    COMPARE_STUDENTS_MIN = 2, /* students of compare/students */
    COMPARE_STUDENTS_MAX = 50,
};

/* "mastery_score", then the components in the order of enum component; NULL-terminated. */
extern const char *const compare_metrics[];

/* Adds a field error, unless the field has one. message: a literal. */
void analytics_fail_field(struct exchange *x, const char *field, const char *message);

#endif
