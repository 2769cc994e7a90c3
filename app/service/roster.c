/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/roster.h"

#include <stdlib.h>

#include "app/store/erasure.h"

enum phase {
    BEGIN,
    READ,
    UNLINK_TEACHERS,
    UNLINK_STUDENTS,
    WRITE,
    LINK_STUDENTS,
    DROP_ERASED,
    LINK_TEACHERS,
    UNLOCK,
    END
};

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static struct str_list sorted(struct arena *arena, struct str_list list)
{
    struct str_list copy = {arena_array(arena, list.n + 1, sizeof(struct str)), list.n};

    if (!copy.v)
        return (struct str_list){0};
    if (list.n > 0)
        memcpy(copy.v, list.v, list.n * sizeof(*list.v));
    qsort(copy.v, copy.n, sizeof(*copy.v), by_text);
    return copy;
}

/* from without to, in place: those whose link must go. */
static bool keep_only_removed(struct arena *arena, struct str_list *from, struct str_list to)
{
    struct str_list staying = sorted(arena, to);
    size_t kept = 0;

    if (!staying.v)
        return false;
    for (size_t i = 0; i < from->n; i++) {
        if (!bsearch(&from->v[i], staying.v, staying.n, sizeof(*staying.v), by_text))
            from->v[kept++] = from->v[i];
    }
    from->n = kept;
    return true;
}

static void begin(struct roster_change *c, struct asks *asks)
{
    uuid_make(c->lock);
    c->lock_ask = cohort_ask_lock(asks, c->to.id, str_of(c->lock));
    c->read_ask = cohort_ask(asks, c->to.id);
}

/* The cohort as it was; on the way out the lists of `from` hold those whose links must go. */
static bool read_old(struct roster_change *c, struct asks *asks, struct problem *p)
{
    bool taken = false;

    if (!cohort_read_lock(c->lock_ask, &taken, p) ||
        !cohort_read(c->read_ask, asks->arena, c->to.id, &c->from, p))
        return false;
    if (!taken) {
        problem_set(p, PROBLEM_CONFLICT, "Another change of this cohort is under way");
        return false;
    }
    c->to.created_at_ms = c->from.exists ? c->from.created_at_ms : c->to.updated_at_ms;
    if (keep_only_removed(asks->arena, &c->from.teachers, c->to.teachers) &&
        keep_only_removed(asks->arena, &c->from.students, c->to.students))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

typedef void ask_link(struct asks *a, enum link_change change, struct str member,
                      struct str cohort);

/* One piece of the links; true when this was the last one. */
static bool change_links(struct roster_change *c, struct asks *asks, ask_link *ask,
                         enum link_change change, struct str_list members)
{
    size_t end = c->next + COHORT_PIECE;

    if (end > members.n)
        end = members.n;
    for (; c->next < end; c->next++)
        ask(asks, change, members.v[c->next], c->to.id);
    return c->next == members.n;
}

/* Notes who could not be linked. */
static bool read_links(struct roster_change *c, const struct asks *asks)
{
    for (const struct ask *ask = asks->first; ask; ask = ask->next) {
        struct str *student;

        if (ask->script != &script_link)
            continue;
        student = &c->to.students.v[c->linked++];
        if (cohort_read_link(ask))
            continue;
        if (!c->erased.v)
            c->erased.v = arena_array(asks->arena, c->to.students.n, sizeof(*c->erased.v));
        if (!c->erased.v)
            return false;
        c->erased.v[c->erased.n++] = *student;
        *student = (struct str){0};
    }
    return true;
}

/* Who has been erased since the list was made leaves the roster again: each alone, since others may
 * have left it in the same way meanwhile. */
static void drop_erased(struct roster_change *c, struct asks *asks)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->erased.n; i++)
        (void)erasure_ask_cohort(asks, c->to.id, c->erased.v[i], false, c->to.updated_at_ms);
    for (size_t i = 0; i < c->to.students.n; i++) {
        if (c->to.students.v[i].n > 0)
            c->to.students.v[kept++] = c->to.students.v[i];
    }
    c->to.students.n = kept;
    c->to.student_count = (int64_t)kept;
}

static bool ask_phase(struct roster_change *c, struct asks *asks)
{
    switch ((enum phase)c->phase) {
    case UNLINK_TEACHERS:
        return change_links(c, asks, cohort_ask_link_teacher, LINK_REMOVE, c->from.teachers);
    case UNLINK_STUDENTS:
        return change_links(c, asks, cohort_ask_link_student, LINK_REMOVE, c->from.students);
    case WRITE:
        if (c->to.exists)
            cohort_ask_write(asks, &c->to);
        else
            cohort_ask_delete(asks, c->to.id);
        return true;
    case LINK_STUDENTS:
        return change_links(c, asks, cohort_ask_link_student, LINK_ADD, c->to.students);
    case DROP_ERASED: drop_erased(c, asks); return true;
    case LINK_TEACHERS:
        return change_links(c, asks, cohort_ask_link_teacher, LINK_ADD, c->to.teachers);
    case UNLOCK: cohort_ask_unlock(asks, c->to.id, str_of(c->lock)); return true;
    case BEGIN:
    case READ:
    case END: break;
    }
    return true;
}

enum step roster_change_step(struct roster_change *c, struct asks *asks, struct problem *p)
{
    if (c->phase == BEGIN) {
        begin(c, asks);
        c->phase = READ;
        return STEP_MORE;
    }
    if (c->phase == READ ? !read_old(c, asks, p) : !asks_read_done(asks, p))
        return STEP_DONE;
    if (!read_links(c, asks)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return STEP_DONE;
    }
    if (c->phase == READ)
        c->phase = UNLINK_TEACHERS;
    asks_clear(asks);
    while (c->phase < END && asks->count == 0 && !asks->failed) {
        if (ask_phase(c, asks)) {
            c->phase++;
            c->next = 0;
        }
    }
    if (asks->count > 0 || asks->failed)
        return STEP_MORE;
    if (!c->to.exists && !c->from.exists)
        problem_set(p, PROBLEM_NOT_FOUND, NULL);
    return STEP_DONE;
}
