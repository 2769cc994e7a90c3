/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/auth/access.h"

/* NOBODY is 0, so that a row or column that is forgotten refuses. */
enum right {
    NOBODY,
    ALL,
    OWN,    /* oneself */
    TAUGHT, /* students of a cohort that they teach */
    MEMBER, /* cohorts that contain oneself */
    COHORT, /* cohorts that they teach; without a subject: the list, which the handler narrows */
};

/* clang-format off */
static const unsigned char rights[ACCESSES][ROLES] = {
    /*                          student               teacher                  admin               service */
    [ACCESS_OPEN]          = {[ROLE_NONE] = ALL,
                              [ROLE_STUDENT] = ALL,  [ROLE_TEACHER] = ALL,    [ROLE_ADMIN] = ALL, [ROLE_SERVICE] = ALL},
    [ACCESS_ANY]           = {[ROLE_STUDENT] = ALL,  [ROLE_TEACHER] = ALL,    [ROLE_ADMIN] = ALL, [ROLE_SERVICE] = ALL},
    [ACCESS_ADMIN]         = {                                                [ROLE_ADMIN] = ALL},
    [ACCESS_READ_STUDENT]  = {[ROLE_STUDENT] = OWN,  [ROLE_TEACHER] = TAUGHT, [ROLE_ADMIN] = ALL},
    [ACCESS_WRITE_STUDENT] = {[ROLE_STUDENT] = OWN,  [ROLE_TEACHER] = TAUGHT, [ROLE_ADMIN] = ALL},
    [ACCESS_EXPORT]        = {[ROLE_STUDENT] = OWN,                           [ROLE_ADMIN] = ALL},
    [ACCESS_READ_COHORT]   = {                       [ROLE_TEACHER] = COHORT, [ROLE_ADMIN] = ALL},
    [ACCESS_COMPARE_COHORT] = {[ROLE_STUDENT] = MEMBER, [ROLE_TEACHER] = COHORT, [ROLE_ADMIN] = ALL},
    [ACCESS_HANDLER]       = {[ROLE_STUDENT] = ALL,  [ROLE_TEACHER] = ALL,    [ROLE_ADMIN] = ALL, [ROLE_SERVICE] = ALL},
};
/* clang-format on */

static bool is_self(const struct principal *who, struct str subject)
{
    return subject.n > 0 && str_equal(who->user, subject);
}

enum verdict access_decide(enum access access, const struct principal *who, struct str subject)
{
    if (access >= ACCESSES || who->role >= ROLES)
        return VERDICT_NO;
    switch ((enum right)rights[access][who->role]) {
    case NOBODY: break;
    case ALL: return VERDICT_YES;
    case OWN: return is_self(who, subject) ? VERDICT_YES : VERDICT_NO;
    case TAUGHT: return subject.n > 0 ? VERDICT_IF_OWN_STUDENT : VERDICT_NO;
    case MEMBER: return subject.n > 0 ? VERDICT_IF_MEMBER : VERDICT_NO;
    case COHORT: return subject.n > 0 ? VERDICT_IF_OWN_COHORT : VERDICT_YES;
    }
    return VERDICT_NO;
}
