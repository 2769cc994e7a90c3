/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generates history for mastery-ctl seed: values along a straight line from the first day to today,
 * plus normally distributed noise. The same settings always give the same values, but each student
 * gets different noise. */
#ifndef CTL_SEED_CURVE_H
#define CTL_SEED_CURVE_H

#include "app/ctl/seed_plan.h"

struct seed_curve {
    struct str_list students; /* ids of named students */
    int64_t student_count;    /* number of further students, with the ids PREFIX1, PREFIX2, ... */
    const char *prefix;       /* PREFIX in the ids of the further students */
    int64_t days;             /* length of the history; the last day is today */
    double from, to; /* values on the first and last day, in [0, 1]; a single day has `to` */
    double noise;    /* standard deviation; on each day each of the four components of the score has
                        noise of its own; a value with noise is clamped to [0, 1] */
    int64_t random_seed; /* number from which the noise is computed */
};

/* Makes the plan (all students with their days) in the arena. False with the reason in ret_error:
 * an invalid id, a student given twice, or no memory. */
bool seed_curve_plan(const struct seed_curve *curve, int32_t today, struct arena *arena,
                     struct seed_plan *ret, char ret_error[200]);

#endif
