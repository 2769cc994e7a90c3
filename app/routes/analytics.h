/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declarations that the three files of /api/v1/analytics (routes/analytics*.c) share. */
#ifndef ROUTES_ANALYTICS_H
#define ROUTES_ANALYTICS_H

#include "app/pipeline/exchange.h"

/* Limits of the numbers of students; clients see them in the response of analytics/config. */
enum {
    COMPARE_COHORT_MIN = 2,    /* fewest students with data on one side of compare/cohorts */
    COMPARE_COHORT_MAX = 1000, /* most students on one side of compare/cohorts */
    COMPARE_STUDENTS_MIN = 2,  /* fewest students with data in compare/students */
    COMPARE_STUDENTS_MAX = 50, /* most students named in compare/students */
};

/* Names of the metrics that students can be compared by: "mastery_score", then the four components
 * in the order of enum component, then NULL. */
extern const char *const compare_metrics[];

/* Adds an error about a field of the request to x->problem, unless validation has found one in that
 * field. message is a string literal. */
void analytics_fail_field(struct exchange *x, const char *field, const char *message);

#endif
