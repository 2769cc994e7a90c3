/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/cohort_access.h"

#include <stdlib.h>

void cohort_access_init(struct cohort_access *r, const struct principal *who)
{
    *r = (struct cohort_access){.principal = who};
}

static void ask_own(struct cohort_access *r, struct pipeline *pipeline)
{
    if (!r->own_cohorts_cmd)
        r->own_cohorts_cmd = r->principal->role == ROLE_TEACHER
                                 ? cohort_cmd_of_teacher(pipeline, r->principal->user)
                                 : cohort_cmd_of_student(pipeline, r->principal->user);
}

void cohort_access_add_students(struct cohort_access *r, struct str_list students,
                                struct pipeline *pipeline)
{
    struct command **asked = arena_array(pipeline->arena, students.n, sizeof(*asked));
    size_t n = 0;

    for (size_t i = 0; i < students.n; i++) {
        enum verdict verdict = access_decide(ACCESS_READ_STUDENT, r->principal, students.v[i]);

        if (verdict == VERDICT_IF_OWN_STUDENT && asked)
            asked[n++] = cohort_cmd_of_student(pipeline, students.v[i]);
        else if (verdict != VERDICT_YES)
            r->denied = true;
    }
    if (n == 0)
        return;
    ask_own(r, pipeline);
    r->lists[r->list_count].student_cmds = asked;
    r->lists[r->list_count++].n = n;
}

void cohort_access_add_cohort(struct cohort_access *r, enum access access, struct str cohort,
                              struct pipeline *pipeline)
{
    switch (access_decide(access, r->principal, cohort)) {
    case VERDICT_YES: return;
    case VERDICT_IF_OWN_COHORT:
    case VERDICT_IF_MEMBER:
        ask_own(r, pipeline);
        r->cohorts[r->cohort_count++] = cohort;
        return;
    case VERDICT_IF_OWN_STUDENT:
    case VERDICT_NO: r->denied = true; return;
    }
}

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static bool among(const struct str_list *own, struct str cohort)
{
    return bsearch(&cohort, own->v, own->n, sizeof(*own->v), by_text) != NULL;
}

static bool meets(const struct str_list *own, const struct str_list *others)
{
    for (size_t i = 0; i < others->n; i++) {
        if (among(own, others->v[i]))
            return true;
    }
    return false;
}

static bool students_granted(const struct cohort_access *r, const struct str_list *own,
                             struct arena *arena, struct problem *p)
{
    struct str_list cohorts;

    for (size_t list = 0; list < r->list_count; list++) {
        for (size_t i = 0; i < r->lists[list].n; i++) {
            if (!cohort_parse_ids(r->lists[list].student_cmds[i], arena, &cohorts, p) ||
                !meets(own, &cohorts))
                return false;
        }
    }
    return true;
}

static bool granted(const struct cohort_access *r, struct arena *arena, struct problem *p)
{
    struct str_list own;

    if (r->denied)
        return false;
    if (!r->own_cohorts_cmd)
        return true;
    if (!cohort_parse_ids(r->own_cohorts_cmd, arena, &own, p))
        return false;
    qsort(own.v, own.n, sizeof(*own.v), by_text);
    for (size_t i = 0; i < r->cohort_count; i++) {
        if (!among(&own, r->cohorts[i]))
            return false;
    }
    return students_granted(r, &own, arena, p);
}

bool cohort_access_check(const struct cohort_access *r, struct arena *arena, struct problem *p)
{
    if (granted(r, arena, p))
        return true;
    problem_set(p, PROBLEM_FORBIDDEN, NULL); /* unless it is a problem already */
    return false;
}
