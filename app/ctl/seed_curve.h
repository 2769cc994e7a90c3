/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Made-up history: values that go in a straight line from the first day to today, with normal noise
 * around it. The same settings give the same values, for each student others. */
#ifndef CTL_SEED_CURVE_H
#define CTL_SEED_CURVE_H

#include "app/ctl/seed_plan.h"

struct seed_curve {
    struct str_list students; /* these */
    int64_t student_count;    /* and so many more: prefix with 1, 2, … behind it */
    const char *prefix;
    int64_t days; /* the last one is today; a single one has the value of the end */
    double from, to;
    double noise; /* standard deviation, a draw a component and day; the sum is kept in [0,1] */
    int64_t random_seed;
};

/* False with a line in ret_error: an id that is none, a student twice, no memory. */
bool seed_curve_plan(const struct seed_curve *curve, int32_t today, struct arena *arena,
                     struct seed_plan *ret, char ret_error[200]);

#endif
