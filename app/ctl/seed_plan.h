/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan of mastery-ctl seed: all students and days that it will write to Redis. The plan is
 * complete before the first write. Its memory belongs to an arena. */
#ifndef CTL_SEED_PLAN_H
#define CTL_SEED_PLAN_H

#include "app/service/seed.h"

struct seed_plan {
    struct seed_student *students; /* the students, each with its days; sorted by id, each once */
    size_t n;                      /* number of students */
};

#endif
