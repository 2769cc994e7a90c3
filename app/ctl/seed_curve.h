/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generates history: values along a straight line from the first day to today, with normal noise.
 * The same settings give the same values; each student has values of its own. */
#ifndef CTL_SEED_CURVE_H
#define CTL_SEED_CURVE_H

#include "app/ctl/seed_plan.h"

struct seed_curve {
    struct str_list students; /* these ids, and */
    int64_t student_count;    /* so many more: prefix followed by 1, 2, ... */
    const char *prefix;
    int64_t days; /* the last one is today; a single day has the value `to` */
    double from, to;
    double noise; /* standard deviation; drawn for each component and day, the value is clamped to
                     [0,1] */
    int64_t random_seed;
};

/* Makes the plan in arena. False with the reason in ret_error: an invalid id, a student given
 * twice, or no memory. */
bool seed_curve_plan(const struct seed_curve *curve, int32_t today, struct arena *arena,
                     struct seed_plan *ret, char ret_error[200]);

#endif
