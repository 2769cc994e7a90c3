/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides the right to write about one student of a list, in two steps: what is known without
 * Redis, and what depends on the cohorts of a teacher. */
#include "app/routes/write_access.h"

#include "app/auth/access.h"
#include "app/store/cohort.h"

/* VERDICT_IF_MEMBER and VERDICT_IF_OWN_COHORT are about cohorts, so ACCESS_WRITE_STUDENT never
 * gives them; the switch refuses them to be safe. */
struct command *write_access_queue(struct exchange *x, struct write_access *access,
                                   struct str student)
{
    switch (access_decide(ACCESS_WRITE_STUDENT, &x->caller, student)) {
    case VERDICT_YES: return NULL;
    case VERDICT_NO:
    case VERDICT_IF_MEMBER:
    case VERDICT_IF_OWN_COHORT: break;
    case VERDICT_IF_OWN_STUDENT:
        if (!access->teacher_cohorts)
            access->teacher_cohorts = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
        return cohort_cmd_of_student(&x->pipeline, student);
    }
    problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
    return NULL;
}

void write_access_check(struct exchange *x, const struct write_access *access,
                        const struct command *student_cohorts)
{
    bool granted = true;

    if (student_cohorts &&
        cohort_parse_teaches(student_cohorts, access->teacher_cohorts, &granted, &x->problem) &&
        !granted)
        problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
}
