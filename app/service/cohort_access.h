/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks access to several students and cohorts at once. Each of them is checked by the table in
 * auth/access.c. When its verdict (decision) depends on memberships of cohorts, these are read from
 * Redis in one pipeline. There is one result for all, so that a caller who is refused does not
 * learn which student or cohort was the reason, nor whether it exists. */
#ifndef SERVICE_COHORT_ACCESS_H
#define SERVICE_COHORT_ACCESS_H

#include "app/auth/access.h"
#include "app/store/cohort.h"

enum { COHORT_ACCESS_MAX = 2 }; /* most lists of students, and most cohorts, of one check */

/* A check of the access of one caller. */
struct cohort_access {
    const struct principal *principal;
    bool denied; /* the table in auth/access.c refuses a student or cohort, or out of memory */
    struct command *own_cohorts_cmd; /* reads the caller's own cohorts; NULL: not needed */
    struct {
        struct command **student_cmds; /* n commands; each reads the cohorts of one student */
        size_t n;
    } lists[COHORT_ACCESS_MAX]; /* students who must share a cohort with the caller */
    size_t list_count;
    struct str cohorts[COHORT_ACCESS_MAX]; /* cohorts that must be among the caller's own */
    size_t cohort_count;
};

/* Begins a check of what this caller may access; the functions below add what is accessed. */
void cohort_access_init(struct cohort_access *access, const struct principal *principal);
/* Adds students to whose data the caller must have access. Call it for COHORT_ACCESS_MAX lists at
 * most. */
void cohort_access_add_students(struct cohort_access *access, struct str_list students,
                                struct pipeline *pipeline);
/* Adds a cohort to which the caller must have access: to its data (ACCESS_READ_COHORT), or to the
 * rank of one student in it (ACCESS_COMPARE_COHORT). The text `cohort` must live until the check.
 * Call it for COHORT_ACCESS_MAX cohorts at most. */
void cohort_access_add_cohort(struct cohort_access *access, enum access right, struct str cohort,
                              struct pipeline *pipeline);
/* Returns whether the caller has access to all students and cohorts that were added. Returns false,
 * with a problem, when access is FORBIDDEN or a reply is an error. To be called when the pipeline
 * has its replies, or at once when own_cohorts_cmd is NULL. */
bool cohort_access_check(const struct cohort_access *access, struct arena *arena,
                         struct problem *p);

#endif
