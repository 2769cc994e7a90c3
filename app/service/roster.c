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

static void begin(struct roster_change *c, struct pipeline *pipeline)
{
    uuid_make(c->lock_token);
    c->lock_cmd = cohort_cmd_lock(pipeline, c->new_roster.id, str_of(c->lock_token));
    c->read_cmd = cohort_cmd_get(pipeline, c->new_roster.id);
}

/* The cohort as it was; on the way out the lists of `from` hold those whose links must go. */
static bool read_old(struct roster_change *c, struct pipeline *pipeline, struct problem *p)
{
    bool taken = false;

    if (!cohort_parse_lock(c->lock_cmd, &taken, p) ||
        !cohort_parse(c->read_cmd, pipeline->arena, c->new_roster.id, &c->old_roster, p))
        return false;
    if (!taken) {
        problem_set(p, PROBLEM_CONFLICT, "Another change of this cohort is under way");
        return false;
    }
    c->new_roster.created_at_ms =
        c->old_roster.exists ? c->old_roster.created_at_ms : c->new_roster.updated_at_ms;
    if (keep_only_removed(pipeline->arena, &c->old_roster.teachers, c->new_roster.teachers) &&
        keep_only_removed(pipeline->arena, &c->old_roster.students, c->new_roster.students))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

typedef void ask_link(struct pipeline *a, enum link_change change, struct str member,
                      struct str cohort);

/* One piece of the links; true when this was the last one. */
static bool change_links(struct roster_change *c, struct pipeline *pipeline, ask_link *command,
                         enum link_change change, struct str_list members)
{
    size_t end = c->next + COHORT_CHUNK;

    if (end > members.n)
        end = members.n;
    for (; c->next < end; c->next++)
        command(pipeline, change, members.v[c->next], c->new_roster.id);
    return c->next == members.n;
}

/* Notes who could not be linked. */
static bool read_links(struct roster_change *c, const struct pipeline *pipeline)
{
    for (const struct command *command = pipeline->first; command; command = command->next) {
        struct str *student;

        if (command->script != &script_cohort_link_student)
            continue;
        student = &c->new_roster.students.v[c->link_attempts++];
        if (cohort_parse_link(command))
            continue;
        if (!c->erased.v)
            c->erased.v =
                arena_array(pipeline->arena, c->new_roster.students.n, sizeof(*c->erased.v));
        if (!c->erased.v)
            return false;
        c->erased.v[c->erased.n++] = *student;
        *student = (struct str){0};
    }
    return true;
}

/* Who has been erased since the list was made leaves the roster again: each alone, since others may
 * have left it in the same way meanwhile. */
static void drop_erased(struct roster_change *c, struct pipeline *pipeline)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->erased.n; i++)
        (void)erasure_cmd_leave_cohort(pipeline, c->new_roster.id, c->erased.v[i], false,
                                       c->new_roster.updated_at_ms);
    for (size_t i = 0; i < c->new_roster.students.n; i++) {
        if (c->new_roster.students.v[i].n > 0)
            c->new_roster.students.v[kept++] = c->new_roster.students.v[i];
    }
    c->new_roster.students.n = kept;
    c->new_roster.student_count = (int64_t)kept;
}

static bool ask_phase(struct roster_change *c, struct pipeline *pipeline)
{
    switch ((enum phase)c->phase) {
    case UNLINK_TEACHERS:
        return change_links(c, pipeline, cohort_cmd_link_teacher, LINK_REMOVE,
                            c->old_roster.teachers);
    case UNLINK_STUDENTS:
        return change_links(c, pipeline, cohort_cmd_link_student, LINK_REMOVE,
                            c->old_roster.students);
    case WRITE:
        if (c->new_roster.exists)
            cohort_cmd_write(pipeline, &c->new_roster);
        else
            cohort_cmd_delete(pipeline, c->new_roster.id);
        return true;
    case LINK_STUDENTS:
        return change_links(c, pipeline, cohort_cmd_link_student, LINK_ADD, c->new_roster.students);
    case DROP_ERASED: drop_erased(c, pipeline); return true;
    case LINK_TEACHERS:
        return change_links(c, pipeline, cohort_cmd_link_teacher, LINK_ADD, c->new_roster.teachers);
    case UNLOCK: cohort_cmd_unlock(pipeline, c->new_roster.id, str_of(c->lock_token)); return true;
    case BEGIN:
    case READ:
    case END: break;
    }
    return true;
}

enum step roster_change_step(struct roster_change *c, struct pipeline *pipeline, struct problem *p)
{
    if (c->phase == BEGIN) {
        begin(c, pipeline);
        c->phase = READ;
        return STEP_MORE;
    }
    if (c->phase == READ ? !read_old(c, pipeline, p) : !pipeline_check_replies(pipeline, p))
        return STEP_DONE;
    if (!read_links(c, pipeline)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return STEP_DONE;
    }
    if (c->phase == READ)
        c->phase = UNLINK_TEACHERS;
    pipeline_clear(pipeline);
    while (c->phase < END && pipeline->count == 0 && !pipeline->failed) {
        if (ask_phase(c, pipeline)) {
            c->phase++;
            c->next = 0;
        }
    }
    if (pipeline->count > 0 || pipeline->failed)
        return STEP_MORE;
    if (!c->new_roster.exists && !c->old_roster.exists)
        problem_set(p, PROBLEM_NOT_FOUND, NULL);
    return STEP_DONE;
}
