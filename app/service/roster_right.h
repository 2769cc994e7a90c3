/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The right to look at several students and cohorts at once: each of them is checked, by the table
 * of auth/access, and what the store must say about it is asked for in one round. The answer is one
 * for all of them: who is refused learns neither because of whom, nor whether anybody exists. */
#ifndef SERVICE_ROSTER_RIGHT_H
#define SERVICE_ROSTER_RIGHT_H

#include "app/auth/access.h"
#include "app/store/cohort.h"

enum { ROSTER_RIGHT_LISTS = 2 };

struct roster_right {
    const struct principal *who;
    bool refused;
    struct ask *own; /* the cohorts that the caller teaches or is in; NULL: need not be known */
    struct {
        struct ask **of_students; /* the cohorts of each, one of which must be among them */
        size_t n;
    } lists[ROSTER_RIGHT_LISTS];
    size_t list_count;
    struct str cohorts[ROSTER_RIGHT_LISTS]; /* which must be among them themselves */
    size_t cohort_count;
};

void roster_right_init(struct roster_right *r, const struct principal *who);
/* To read the data of all of them. ROSTER_RIGHT_LISTS lists at most. */
void roster_right_to_students(struct roster_right *r, struct str_list students, struct asks *asks);
/* To the cohort, which must live until the check, as a whole: ACCESS_READ_COHORT, or
 * ACCESS_COMPARE_COHORT for one student's place in it. ROSTER_RIGHT_LISTS cohorts at most. */
void roster_right_to_cohort(struct roster_right *r, enum access access, struct str cohort,
                            struct asks *asks);
/* After the round, or at once when `own` is NULL. False with FORBIDDEN, or what came of the asks,
 * in p. */
bool roster_right_check(const struct roster_right *r, struct arena *arena, struct problem *p);

#endif
