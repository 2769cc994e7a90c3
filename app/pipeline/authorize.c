/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides whether the caller may use the route. The right of a teacher depends on the cohorts that
 * Redis holds. The commands that read them are sent in one round trip with the commands of the
 * handler's first step, so that the right costs no round trip of its own. Therefore a handler's
 * first step must not write, and what it reads must not leave the process before
 * authorize_on_replies has granted the access. */
#include "app/pipeline/authorize.h"

#include "app/auth/access.h"
#include "app/store/cohort.h"

/* Refuses callers who are not admins on routes for admins only. Their access right does not depend
 * on a student or cohort, hence no_subject. All other routes pass: authorize_queue_subject decides
 * about them. */
bool authorize_role(struct exchange *x)
{
    const struct str no_subject = {0};

    if (x->route->access == ACCESS_ADMIN &&
        access_decide(ACCESS_ADMIN, &x->caller, no_subject) != VERDICT_YES)
        problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL);
    return x->problem.code == PROBLEM_NONE;
}

/* Queues the commands that read the teacher's cohorts when the right depends on them. The same
 * round trip also acquires the Idempotency-Key (the client's name for a change that must be made
 * once), so the key is acquired before the right is known. When the right is then refused,
 * idempotency_queue_finish releases the key again. This delays no other caller, because each caller
 * has keys of its own. */
bool authorize_queue_subject(struct exchange *x)
{
    bool delegated = x->route != x->match.route;
    struct str subject = exchange_subject(x);

    if (delegated && x->authority == AUTHORITY_SIDECAR)
        /* after a delegation: the route that delegated has already accepted the sidecar */
        return true;
    switch (access_decide(x->route->access, &x->caller, subject)) {
    case VERDICT_YES: return true;
    /* only handlers that compare cohorts can decide this; other routes refuse */
    case VERDICT_IF_MEMBER:
    case VERDICT_NO: problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL); return false;
    case VERDICT_IF_OWN_STUDENT:
        x->student_cohorts = cohort_cmd_of_student(&x->pipeline, subject);
        break;
    case VERDICT_IF_OWN_COHORT: break; /* needs only the teacher's cohorts, read below */
    }
    x->teacher_cohorts = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
    x->access_pending = true;
    return true;
}

/* Returns whether the caller teaches the cohort that the request is about. Returns false with
 * x->problem set when the reply cannot be parsed. */
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

/* When the request is about a cohort, x->student_cohorts is NULL. When a reply cannot be parsed,
 * the access is refused and x->problem is that error. */
void authorize_on_replies(struct exchange *x)
{
    bool granted = false;

    /* without all replies the right is unknown, so not even a cached response may be sent */
    if (x->pipeline.status != PIPELINE_COMPLETE)
        problem_unavailable(&x->problem, /* retry_after_s */ 1);
    else if (!x->student_cohorts)
        granted = authorize_own_cohort(x);
    else
        (void)cohort_parse_teaches(x->student_cohorts, x->teacher_cohorts, &granted, &x->problem);
    x->access_pending = !granted;
    if (!granted)
        problem_set(&x->problem, PROBLEM_FORBIDDEN, NULL); /* keeps a problem that is set already */
}
