/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Access to several students and cohorts at once. Each of them is checked by the table of
 * auth/access; what depends on memberships is read from Redis in one pipeline. The verdict is one
 * for all: a caller who is refused does not learn for which of them, nor whether they exist. */
#ifndef SERVICE_COHORT_ACCESS_H
#define SERVICE_COHORT_ACCESS_H

#include "app/auth/access.h"
#include "app/store/cohort.h"

enum { COHORT_ACCESS_LISTS = 2 };

struct cohort_access {
    const struct principal *principal;
    bool denied;                     /* decided without Redis */
    struct command *own_cohorts_cmd; /* those the caller teaches or is in; NULL: not needed */
    struct {
        struct command **student_cmds; /* cohorts of each student: one must be the caller's own */
        size_t n;
    } lists[COHORT_ACCESS_LISTS];
    size_t list_count;
    struct str cohorts[COHORT_ACCESS_LISTS]; /* each must be one of the caller's own */
    size_t cohort_count;
};

void cohort_access_init(struct cohort_access *access, const struct principal *principal);
/* Demands access to the data of all the students. COHORT_ACCESS_LISTS lists at most. */
void cohort_access_add_students(struct cohort_access *access, struct str_list students,
                                struct pipeline *pipeline);
/* Demands access to a cohort: ACCESS_READ_COHORT for its data, or ACCESS_COMPARE_COHORT for one
 * student's rank in it. The text must live until the check. COHORT_ACCESS_LISTS cohorts at most. */
void cohort_access_add_cohort(struct cohort_access *access, enum access right, struct str cohort,
                              struct pipeline *pipeline);
/* Call with the replies, or at once when own_cohorts_cmd is NULL. False with FORBIDDEN, or with the
 * problem of a reply. */
bool cohort_access_check(const struct cohort_access *access, struct arena *arena,
                         struct problem *p);

#endif
