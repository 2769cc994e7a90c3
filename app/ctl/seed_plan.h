/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to be seeded, complete before anything is written. It lives in an arena. */
#ifndef CTL_SEED_PLAN_H
#define CTL_SEED_PLAN_H

#include "app/service/seed.h"

struct seed_plan {
    struct seed_student *students; /* ordered by id, none twice */
    size_t n;
};

#endif
