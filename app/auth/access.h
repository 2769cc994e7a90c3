/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides what a caller may do, by the table of rights in access.c (docs/api.md, Access rights). */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "app/auth/principal.h"
#include "app/http/route.h"

enum verdict {
    VERDICT_YES,
    VERDICT_NO,
    /* These three depend on what the store holds: yes if ... */
    VERDICT_IF_OWN_STUDENT, /* the student is in a cohort that the caller teaches */
    VERDICT_IF_OWN_COHORT,  /* the caller teaches the cohort */
    VERDICT_IF_MEMBER,      /* the caller is a member of the cohort */
};

/* Decides whether the caller has an access right. subject: id of the student or cohort that the
 * request is about; empty when it is about neither. */
enum verdict access_decide(enum access access, const struct principal *caller, struct str subject);

#endif
