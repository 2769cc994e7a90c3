/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The right to look at several students and cohorts at once: each of them is checked, by the table
 * of auth/access, and what the store must say about it is asked for in one round. The answer is one
 * for all of them: who is refused learns neither because of whom, nor whether anybody exists. */
#ifndef SERVICE_COHORT_ACCESS_H
#define SERVICE_COHORT_ACCESS_H

#include "app/auth/access.h"
#include "app/store/cohort.h"

enum { COHORT_ACCESS_LISTS = 2 };

struct cohort_access {
    const struct principal *principal;
    bool denied;
    struct command *
        own_cohorts_cmd; /* the cohorts that the caller teaches or is in; NULL: need not be known */
    struct {
        struct command **student_cmds; /* the cohorts of each, one of which must be among them */
        size_t n;
    } lists[COHORT_ACCESS_LISTS];
    size_t list_count;
    struct str cohorts[COHORT_ACCESS_LISTS]; /* which must be among them themselves */
    size_t cohort_count;
};

void cohort_access_init(struct cohort_access *r, const struct principal *who);
/* To read the data of all of them. COHORT_ACCESS_LISTS lists at most. */
void cohort_access_add_students(struct cohort_access *r, struct str_list students,
                                struct pipeline *pipeline);
/* To the cohort, which must live until the check, as a whole: ACCESS_READ_COHORT, or
 * ACCESS_COMPARE_COHORT for one student's place in it. COHORT_ACCESS_LISTS cohorts at most. */
void cohort_access_add_cohort(struct cohort_access *r, enum access access, struct str cohort,
                              struct pipeline *pipeline);
/* After the round, or at once when `own` is NULL. False with FORBIDDEN, or what came of the asks,
 * in p. */
bool cohort_access_check(const struct cohort_access *r, struct arena *arena, struct problem *p);

#endif
