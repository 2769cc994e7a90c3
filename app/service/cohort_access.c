/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides whether a caller may access students and cohorts. The caller's own cohorts (those that a
 * teacher teaches or a student is in) are read and sorted once. Then each cohort, and each cohort
 * of each student, is searched in them. */
#include "app/service/cohort_access.h"

#include "app/base/str_list.h"

void cohort_access_init(struct cohort_access *access, const struct principal *principal)
{
    *access = (struct cohort_access){.principal = principal};
}

/* Queues the read of the caller's own cohorts, unless it is queued already. The caller is a teacher
 * or a student: for other roles the table in auth/access.c needs no cohorts. */
static void cohort_access_queue_own(struct cohort_access *access, struct pipeline *pipeline)
{
    if (!access->own_cohorts_cmd)
        access->own_cohorts_cmd = access->principal->role == ROLE_TEACHER
                                      ? cohort_cmd_of_teacher(pipeline, access->principal->user)
                                      : cohort_cmd_of_student(pipeline, access->principal->user);
}

/* Adds the students who, by the table in auth/access.c, must share a cohort with the caller: queues
 * the reads of their cohorts. Refuses the whole check when the table refuses one student, or when
 * there is no memory for the commands. */
void cohort_access_add_students(struct cohort_access *access, struct str_list students,
                                struct pipeline *pipeline)
{
    struct command **cmds = arena_array(pipeline->arena, students.n, sizeof(*cmds));
    size_t n = 0;

    for (size_t i = 0; i < students.n; i++) {
        enum verdict verdict = access_decide(ACCESS_READ_STUDENT, access->principal, students.v[i]);

        if (verdict == VERDICT_IF_OWN_STUDENT && cmds)
            cmds[n++] = cohort_cmd_of_student(pipeline, students.v[i]);
        /* VERDICT_IF_OWN_STUDENT gets here only without memory for cmds */
        else if (verdict != VERDICT_YES)
            access->denied = true;
    }
    if (n == 0)
        return;
    cohort_access_queue_own(access, pipeline);
    access->lists[access->list_count].student_cmds = cmds;
    access->lists[access->list_count++].n = n;
}

/* Decides by the table in auth/access.c when that is possible. Otherwise stores the cohort, which
 * cohort_access_check looks for among the caller's own cohorts. VERDICT_IF_OWN_STUDENT is no
 * decision about a cohort, so it counts as a refusal. */
void cohort_access_add_cohort(struct cohort_access *access, enum access right, struct str cohort,
                              struct pipeline *pipeline)
{
    switch (access_decide(right, access->principal, cohort)) {
    case VERDICT_YES: return;
    case VERDICT_IF_OWN_COHORT:
    case VERDICT_IF_MEMBER:
        cohort_access_queue_own(access, pipeline);
        access->cohorts[access->cohort_count++] = cohort;
        return;
    case VERDICT_IF_OWN_STUDENT:
    case VERDICT_NO: access->denied = true; return;
    }
}

/* Returns whether at least one cohort is in both lists. own: the caller's cohorts, sorted. */
static bool cohort_access_overlaps(const struct str_list *own, const struct str_list *others)
{
    for (size_t i = 0; i < others->n; i++) {
        if (str_list_contains(own, others->v[i]))
            return true;
    }
    return false;
}

/* Returns whether every student shares a cohort with the caller. own: the caller's cohorts, sorted.
 * False also when a reply is an error; p then has its problem. */
static bool cohort_access_to_students(const struct cohort_access *access,
                                      const struct str_list *own, struct arena *arena,
                                      struct problem *p)
{
    struct str_list cohorts;

    for (size_t list = 0; list < access->list_count; list++) {
        for (size_t i = 0; i < access->lists[list].n; i++) {
            if (!cohort_parse_ids(access->lists[list].student_cmds[i], arena, &cohorts, p) ||
                !cohort_access_overlaps(own, &cohorts))
                return false;
        }
    }
    return true;
}

/* Returns whether the caller has access to all students and cohorts that were added. False also
 * when a reply is an error; p then has its problem. */
static bool cohort_access_is_granted(const struct cohort_access *access, struct arena *arena,
                                     struct problem *p)
{
    struct str_list own;

    if (access->denied)
        return false;
    if (!access->own_cohorts_cmd)
        return true;
    if (!cohort_parse_ids(access->own_cohorts_cmd, arena, &own, p))
        return false;
    str_list_sort(&own);
    for (size_t i = 0; i < access->cohort_count; i++) {
        if (!str_list_contains(&own, access->cohorts[i]))
            return false;
    }
    return cohort_access_to_students(access, &own, arena, p);
}

/* Every refusal has the same problem, FORBIDDEN, unless an error reply has set another one. */
bool cohort_access_check(const struct cohort_access *access, struct arena *arena, struct problem *p)
{
    if (cohort_access_is_granted(access, arena, p))
        return true;
    problem_set(p, PROBLEM_FORBIDDEN, NULL); /* changes nothing if p has a problem already */
    return false;
}
