/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the caller may do what the route does. A right that depends on Redis costs no round trip
 * of its own: its commands go out with the handler's first ones. So a handler's first step must not
 * write, and nothing that it reads may leave the process before authorize_on_replies. */
#include "app/pipeline/authorize.h"

#include "app/auth/access.h"
#include "app/store/cohort.h"

bool authorize_role(struct exchange *x)
{
    if (x->route->access == ACCESS_ADMIN &&
        access_decide(ACCESS_ADMIN, &x->caller, (struct str){0}) != VERDICT_YES)
        problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
    return x->problem.code == PROBLEM_NONE;
}

/* The Idempotency-Key is acquired in the same round trip as the teacher's cohorts are read, before
 * the right is known. A caller without the right releases the key again (idempotency_queue_finish);
 * no other caller can have waited for it, because a key belongs to one caller. */
bool authorize_queue_subject(struct exchange *x)
{
    bool delegated = x->route != x->match.route;
    struct str subject = exchange_subject(x);

    if (delegated && x->authority == AUTHORITY_SIDECAR)
        return true; /* the matched route trusts the sidecar with the target */
    switch (access_decide(x->route->access, &x->caller, subject)) {
    case VERDICT_YES: return true;
    case VERDICT_IF_MEMBER: /* only comparisons grant this, and decide it themselves */
    case VERDICT_NO: problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL); return false;
    case VERDICT_IF_OWN_STUDENT:
        x->student_cohorts = cohort_cmd_of_student(&x->pipeline, subject);
        break;
    case VERDICT_IF_OWN_COHORT: break;
    }
    x->teacher_cohorts = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
    x->access_pending = true;
    return true;
}

static bool authorize_own_cohort(struct exchange *x)
{
    struct str wanted = exchange_subject(x);
    struct str_list cohorts;

    if (!cohort_parse_ids(x->teacher_cohorts, x->arena, &cohorts, &x->problem))
        return false;
    for (size_t i = 0; i < cohorts.n; i++) {
        if (str_equal(cohorts.v[i], wanted))
            return true;
    }
    return false;
}

void authorize_on_replies(struct exchange *x)
{
    bool granted = false;

    /* without all replies no right is known, so not even a stale response may be given */
    if (x->pipeline.status != PIPELINE_COMPLETE)
        problem_unavailable(&x->problem, 1);
    else if (!x->student_cohorts)
        granted = authorize_own_cohort(x);
    else
        (void)cohort_parse_teaches(x->student_cohorts, x->teacher_cohorts, &granted, &x->problem);
    x->access_pending = !granted;
    if (!granted)
        problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL); /* keeps an earlier problem */
}
