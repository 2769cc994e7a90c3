/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what: the contract's table (section 2) as a table, and the only place that decides. */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "app/auth/principal.h"
#include "app/http/route.h"

enum verdict {
    VERDICT_YES,
    VERDICT_NO,
    VERDICT_IF_OWN_STUDENT, /* yes if the student is in a cohort that this teacher teaches: ask the
                             * store
                             */
    VERDICT_IF_OWN_COHORT,  /* yes if the cohort is one that this teacher teaches: ask the store */
    VERDICT_IF_MEMBER,      /* yes if the caller is in the cohort: ask the store */
};

/* subject: the student (or cohort) that the request is about; empty for routes about nobody. */
enum verdict access_decide(enum access access, const struct principal *who, struct str subject);

#endif
