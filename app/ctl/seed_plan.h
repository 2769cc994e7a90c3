/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The students and days that `mastery-ctl seed` will write, complete before anything is written. It
 * lives in an arena. */
#ifndef CTL_SEED_PLAN_H
#define CTL_SEED_PLAN_H

#include "app/service/seed.h"

struct seed_plan {
    struct seed_student *students; /* sorted by id, each once */
    size_t n;
};

#endif
