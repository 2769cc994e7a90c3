/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The phases of a change of a cohort's roster (its students and teachers). store/cohort.h explains
 * their order. A lease (exclusive right for a limited time) prevents a second change of the same
 * cohort while one is running, because links (from a student or teacher to the cohort) of both
 * changes could be mixed. Each round trip renews the lease; the writes of the next one carry the
 * end of the lease (store/lease.h). */
#include "app/service/roster.h"

#include "app/base/str_list.h"
#include "app/store/erasure.h"
#include "app/store/keys.h"
#include "app/store/lease.h"
#include "app/store/unfinished.h"

enum roster_phase {
    ROSTER_BEGIN, /* nothing is queued yet */
    ROSTER_READ,  /* the lease and the old roster are awaited */
    ROSTER_UNLINK_TEACHERS,
    ROSTER_UNLINK_STUDENTS,
    ROSTER_WRITE,
    ROSTER_LINK_STUDENTS,
    ROSTER_DROP_ERASED,
    ROSTER_LINK_TEACHERS,
    ROSTER_UNLOCK,
    ROSTER_END,
    ROSTER_FAILED, /* after any phase: the lease is being released */
};

/* Reduces the list of old members, in place, to those who are not among the new ones, whose links
 * must be removed. False when out of memory. */
static bool roster_keep_removed(struct arena *arena, struct str_list *old, struct str_list new)
{
    struct str_list sorted = str_list_sorted_copy(arena, new);
    size_t n = 0;

    if (!sorted.v)
        return false;
    for (size_t i = 0; i < old->n; i++) {
        if (!str_list_contains(&sorted, old->v[i]))
            old->v[n++] = old->v[i];
    }
    old->n = n;
    return true;
}

/* Queues the command that acquires or renews the lease. */
static void roster_queue_lease(struct roster_change *change, struct pipeline *pipeline)
{
    change->lease_cmd =
        lease_cmd_acquire(pipeline, key_cohort_lock(pipeline->arena, change->new_roster.id),
                          str_of(change->lease_holder), change->lease_ms);
}

/* Queues the command that releases the lease, and resets lease_cmd, so that the reply of the last
 * renewal is not checked again. */
static void roster_queue_release(struct roster_change *change, struct pipeline *pipeline)
{
    lease_cmd_release(pipeline, key_cohort_lock(pipeline->arena, change->new_roster.id),
                      str_of(change->lease_holder));
    change->lease_cmd = NULL;
}

/* Queues the acquisition of the lease and the read of the old roster in one pipeline; the read is
 * used only if the lease was acquired. Also adds the cohort to the list of unfinished changes, even
 * if another change holds the lease, because that change is then unfinished. */
static void roster_begin(struct roster_change *change, struct pipeline *pipeline)
{
    uuid_make(change->lease_holder);
    roster_queue_lease(change, pipeline);
    change->read_cmd = cohort_cmd_get(pipeline, change->new_roster.id);
    unfinished_cmd_add(pipeline, UNFINISHED_COHORT, change->new_roster.id);
}

/* Checks that all replies of a round trip are no errors, and that all its writes were made within
 * the lease. lease_was_lost: Redis has refused a write because the lease had ended. Another change
 * may then be running, so the problem is CONFLICT, as when the lease could not be acquired. */
static bool roster_check_replies(struct roster_change *change, const struct pipeline *pipeline,
                                 struct problem *p)
{
    if (!pipeline_check_replies(pipeline, p))
        return false;
    if (change->lease_cmd && !lease_parse_acquire(change->lease_cmd, &change->lease_until_ms, p))
        return false;
    if (lease_was_lost(pipeline))
        problem_busy(p, change->lease_ms);
    return p->code == PROBLEM_NONE;
}

/* Reads the old roster, and reduces its lists to the members whose links must be removed. For a
 * repair, the roster to write is the stored one, so that links that an interrupted change has
 * removed are added again. */
static bool roster_read_old(struct roster_change *change, struct pipeline *pipeline,
                            struct problem *p)
{
    if (!cohort_parse(change->read_cmd, pipeline->arena, change->new_roster.id, &change->old_roster,
                      p))
        return false;
    if (change->repair)
        change->new_roster = change->old_roster;
    change->new_roster.created_at_ms = change->old_roster.exists ? change->old_roster.created_at_ms
                                                                 : change->new_roster.updated_at_ms;
    if (roster_keep_removed(pipeline->arena, &change->old_roster.teachers,
                            change->new_roster.teachers) &&
        roster_keep_removed(pipeline->arena, &change->old_roster.students,
                            change->new_roster.students))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* The type of cohort_cmd_link_teacher and cohort_cmd_link_student: queues one change of a link. */
typedef void roster_link_cmd(struct pipeline *pipeline, enum link_change link, struct str member,
                             struct str cohort, int64_t until_ms);

/* Queues the changes of the links between the cohort and the next COHORT_CHUNK members, each by the
 * function `queue`. link: LINK_ADD or LINK_REMOVE. Returns true when these are the last members;
 * change->next is then the length of the list. */
static bool roster_queue_links(struct roster_change *change, struct pipeline *pipeline,
                               roster_link_cmd *queue, enum link_change link,
                               struct str_list members)
{
    size_t end = change->next + COHORT_CHUNK;

    if (end > members.n)
        end = members.n;
    for (; change->next < end; change->next++)
        queue(pipeline, link, members.v[change->next], change->new_roster.id,
              change->lease_until_ms);
    return change->next == members.n;
}

/* Collects in change->erased the students who got no link to the cohort because they are erased
 * (cohort_parse_link returns false). Only the commands that add links of students call the script;
 * their replies have the order of new_roster.students, and link_attempts counts them. The id of an
 * erased student in that list becomes empty, so that roster_drop_erased skips it. False, with a
 * problem, when out of memory. */
static bool roster_read_links(struct roster_change *change, const struct pipeline *pipeline,
                              struct problem *p)
{
    for (const struct command *command = pipeline->first; command; command = command->next) {
        struct str *student;

        if (command->script != &script_cohort_link_student)
            continue;
        student = &change->new_roster.students.v[change->link_attempts++];
        if (cohort_parse_link(command))
            continue;
        if (!change->erased.v)
            change->erased.v = arena_array(pipeline->arena, change->new_roster.students.n,
                                           sizeof(*change->erased.v));
        if (!change->erased.v) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
        change->erased.v[change->erased.n++] = *student;
        *student = (struct str){0};
    }
    return true;
}

/* Removes from the roster the students who were erased after the client had sent it. Uses a command
 * for each student instead of writing a new list, because an erasure may be removing other students
 * from the same roster. new_roster, which the response shows, loses them too: roster_read_links has
 * emptied their ids. */
static void roster_drop_erased(struct roster_change *change, struct pipeline *pipeline)
{
    size_t n = 0;

    for (size_t i = 0; i < change->erased.n; i++)
        (void)erasure_cmd_leave_cohort(pipeline, change->new_roster.id, change->erased.v[i],
                                       /* dry_run */ false, change->new_roster.updated_at_ms);
    for (size_t i = 0; i < change->new_roster.students.n; i++) {
        if (change->new_roster.students.v[i].n > 0)
            change->new_roster.students.v[n++] = change->new_roster.students.v[i];
    }
    change->new_roster.students.n = n;
    change->new_roster.student_count = (int64_t)n;
}

/* Queues the next commands of the current phase. Returns true when they are the last ones of the
 * phase. Links are removed before the record is written and added after it, and teachers only have
 * links while those of the students are right: a change that stops half-way leaves fewer rights.
 * old_roster contains only members who are not in new_roster. */
static bool roster_queue_phase(struct roster_change *change, struct pipeline *pipeline)
{
    switch ((enum roster_phase)change->phase) {
    case ROSTER_UNLINK_TEACHERS:
        return roster_queue_links(change, pipeline, cohort_cmd_link_teacher, LINK_REMOVE,
                                  change->old_roster.teachers);
    case ROSTER_UNLINK_STUDENTS:
        return roster_queue_links(change, pipeline, cohort_cmd_link_student, LINK_REMOVE,
                                  change->old_roster.students);
    case ROSTER_WRITE:
        if (change->new_roster.exists)
            cohort_cmd_write(pipeline, &change->new_roster, change->lease_until_ms);
        else
            cohort_cmd_delete(pipeline, change->new_roster.id, change->lease_until_ms);
        return true;
    case ROSTER_LINK_STUDENTS:
        return roster_queue_links(change, pipeline, cohort_cmd_link_student, LINK_ADD,
                                  change->new_roster.students);
    case ROSTER_DROP_ERASED: roster_drop_erased(change, pipeline); return true;
    case ROSTER_LINK_TEACHERS:
        return roster_queue_links(change, pipeline, cohort_cmd_link_teacher, LINK_ADD,
                                  change->new_roster.teachers);
    /* the entry in the list of unfinished changes is removed first: once the lease is released,
     * another change may add the cohort again */
    case ROSTER_UNLOCK:
        unfinished_cmd_remove(pipeline, UNFINISHED_COHORT, change->new_roster.id);
        roster_queue_release(change, pipeline);
        return true;
    case ROSTER_BEGIN:
    case ROSTER_READ:
    case ROSTER_END:
    case ROSTER_FAILED: break;
    }
    return true;
}

/* Ends the change with the problem. If all replies have arrived, no write of this change can be
 * executed later, so the lease (the exclusive right to change the cohort) is released first, by one
 * more step. Otherwise the lease is left to expire, because a write may still be on its way. */
static enum step roster_fail(struct roster_change *change, struct pipeline *pipeline,
                             struct problem *p)
{
    if (pipeline->status != PIPELINE_COMPLETE)
        return STEP_DONE;
    change->failure = *p;
    *p = (struct problem){.code = PROBLEM_NONE};
    change->phase = ROSTER_FAILED;
    pipeline_clear(pipeline);
    roster_queue_release(change, pipeline);
    return STEP_MORE;
}

/* Queues the commands of the next phase that has any, beginning with the current one: a phase such
 * as the links of an empty list is skipped. Also renews the lease, except after the last phase. */
static void roster_queue_next(struct roster_change *change, struct pipeline *pipeline)
{
    pipeline_clear(pipeline);
    while (change->phase < ROSTER_END && pipeline->count == 0 && !pipeline->failed) {
        if (roster_queue_phase(change, pipeline)) {
            change->phase++;
            change->next = 0;
        }
    }
    if (change->phase < ROSTER_END)
        roster_queue_lease(change, pipeline);
}

/* Runs one step of the change. The first call queues the commands for lease and record; each later
 * call checks the replies to the previous phase and queues the commands of the next one. STEP_DONE
 * also ends a change with a problem. */
enum step roster_change_step(struct roster_change *change, struct pipeline *pipeline,
                             struct problem *p)
{
    if (change->phase == ROSTER_BEGIN) {
        roster_begin(change, pipeline);
        change->phase = ROSTER_READ;
        return STEP_MORE;
    }
    if (change->phase == ROSTER_FAILED) {
        *p = change->failure;
        return STEP_DONE;
    }
    if (!roster_check_replies(change, pipeline, p) ||
        (change->phase == ROSTER_READ && !roster_read_old(change, pipeline, p)) ||
        !roster_read_links(change, pipeline, p))
        return roster_fail(change, pipeline, p);
    if (change->phase == ROSTER_READ)
        change->phase = ROSTER_UNLINK_TEACHERS;
    roster_queue_next(change, pipeline);
    if (pipeline->count > 0 || pipeline->failed)
        return STEP_MORE;
    if (!change->new_roster.exists && !change->old_roster.exists)
        problem_set(p, PROBLEM_NOT_FOUND, NULL);
    return STEP_DONE;
}
