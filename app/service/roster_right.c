/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/roster_right.h"

#include <stdlib.h>

void roster_right_init(struct roster_right *r, const struct principal *who)
{
    *r = (struct roster_right){.who = who};
}

static void ask_own(struct roster_right *r, struct asks *asks)
{
    if (!r->own)
        r->own = r->who->role == ROLE_TEACHER ? cohort_ask_of_teacher(asks, r->who->user)
                                              : cohort_ask_of_student(asks, r->who->user);
}

void roster_right_to_students(struct roster_right *r, struct str_list students, struct asks *asks)
{
    struct ask **asked = arena_array(asks->arena, students.n, sizeof(*asked));
    size_t n = 0;

    for (size_t i = 0; i < students.n; i++) {
        enum verdict verdict = access_decide(ACCESS_READ_STUDENT, r->who, students.v[i]);

        if (verdict == VERDICT_IF_TAUGHT && asked)
            asked[n++] = cohort_ask_of_student(asks, students.v[i]);
        else if (verdict != VERDICT_YES)
            r->refused = true;
    }
    if (n == 0)
        return;
    ask_own(r, asks);
    r->lists[r->list_count].of_students = asked;
    r->lists[r->list_count++].n = n;
}

void roster_right_to_cohort(struct roster_right *r, enum access access, struct str cohort,
                            struct asks *asks)
{
    switch (access_decide(access, r->who, cohort)) {
    case VERDICT_YES: return;
    case VERDICT_IF_OWN_COHORT:
    case VERDICT_IF_MEMBER:
        ask_own(r, asks);
        r->cohorts[r->cohort_count++] = cohort;
        return;
    case VERDICT_IF_TAUGHT:
    case VERDICT_NO: r->refused = true; return;
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

static bool students_granted(const struct roster_right *r, const struct str_list *own,
                             struct arena *arena, struct problem *p)
{
    struct str_list cohorts;

    for (size_t list = 0; list < r->list_count; list++) {
        for (size_t i = 0; i < r->lists[list].n; i++) {
            if (!cohort_read_ids(r->lists[list].of_students[i], arena, &cohorts, p) ||
                !meets(own, &cohorts))
                return false;
        }
    }
    return true;
}

static bool granted(const struct roster_right *r, struct arena *arena, struct problem *p)
{
    struct str_list own;

    if (r->refused)
        return false;
    if (!r->own)
        return true;
    if (!cohort_read_ids(r->own, arena, &own, p))
        return false;
    qsort(own.v, own.n, sizeof(*own.v), by_text);
    for (size_t i = 0; i < r->cohort_count; i++) {
        if (!among(&own, r->cohorts[i]))
            return false;
    }
    return students_granted(r, &own, arena, p);
}

bool roster_right_check(const struct roster_right *r, struct arena *arena, struct problem *p)
{
    if (granted(r, arena, p))
        return true;
    problem_set(p, PROBLEM_FORBIDDEN, NULL); /* unless it is a problem already */
    return false;
}
