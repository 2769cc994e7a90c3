/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides about access by a table of rights (docs/api.md, Access rights). The subject is the
 * student or cohort that a request is about. When a right depends on cohorts in Redis, the verdict
 * says so, and the caller of access_decide reads the cohorts. */
#include "app/auth/access.h"

/* The subjects (students and cohorts that requests are about) that a role may reach. RIGHT_NONE is
 * 0, so that a missing row or column of the table refuses. */
enum right {
    RIGHT_NONE,        /* no student and no cohort: refused */
    RIGHT_ALL,         /* all students and cohorts */
    RIGHT_OWN,         /* the caller's own data */
    RIGHT_OWN_STUDENT, /* students of a cohort that the caller teaches */
    RIGHT_MEMBER,      /* cohorts of which the caller is a member */
    RIGHT_OWN_COHORT,  /* cohorts that the caller teaches */
};

/* clang-format off */
#define STUDENT(right) [ROLE_STUDENT] = RIGHT_##right
#define TEACHER(right) [ROLE_TEACHER] = RIGHT_##right
#define ADMIN          [ROLE_ADMIN] = RIGHT_ALL
#define SERVICE        [ROLE_SERVICE] = RIGHT_ALL

/* The right that an access right of a route (row) gives to a role (column). */
static const unsigned char rights[ACCESSES][ROLES] = {
    [ACCESS_OPEN]           = {STUDENT(ALL),    TEACHER(ALL),         ADMIN, SERVICE,
                               [ROLE_NONE] = RIGHT_ALL},
    [ACCESS_ANY]            = {STUDENT(ALL),    TEACHER(ALL),         ADMIN, SERVICE},
    [ACCESS_ADMIN]          = {                                       ADMIN},
    [ACCESS_READ_STUDENT]   = {STUDENT(OWN),    TEACHER(OWN_STUDENT), ADMIN},
    [ACCESS_WRITE_STUDENT]  = {STUDENT(OWN),    TEACHER(OWN_STUDENT), ADMIN, SERVICE},
    [ACCESS_EXPORT]         = {STUDENT(OWN),                          ADMIN},
    [ACCESS_READ_COHORT]    = {                 TEACHER(OWN_COHORT),  ADMIN},
    [ACCESS_COMPARE_COHORT] = {STUDENT(MEMBER), TEACHER(OWN_COHORT),  ADMIN},
    [ACCESS_HANDLER]        = {STUDENT(ALL),    TEACHER(ALL),         ADMIN, SERVICE},
};
/* clang-format on */

/* Looks up the right in the table. A right to own data, students or cohorts needs a subject. The
 * exception is RIGHT_OWN_COHORT: a request without a subject lists cohorts, and its handler limits
 * the list to those that the caller teaches. */
enum verdict access_decide(enum access access, const struct principal *caller, struct str subject)
{
    if (access >= ACCESSES || caller->role >= ROLES)
        return VERDICT_NO;
    switch ((enum right)rights[access][caller->role]) {
    case RIGHT_NONE: break;
    case RIGHT_ALL: return VERDICT_YES;
    case RIGHT_OWN:
        return subject.n > 0 && str_equal(caller->user, subject) ? VERDICT_YES : VERDICT_NO;
    case RIGHT_OWN_STUDENT: return subject.n > 0 ? VERDICT_IF_OWN_STUDENT : VERDICT_NO;
    case RIGHT_MEMBER: return subject.n > 0 ? VERDICT_IF_MEMBER : VERDICT_NO;
    case RIGHT_OWN_COHORT: return subject.n > 0 ? VERDICT_IF_OWN_COHORT : VERDICT_YES;
    }
    return VERDICT_NO;
}
