/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads scores of many students in steps. The first steps read all current states. When scores at
 * the close of a day are requested, further steps read snapshots (closing states of a day) in
 * windows of 15 days, backwards from that day, until every student is found or the oldest day is
 * reached. */
#include "app/service/comparison.h"

#include "app/domain/statistics.h"
#include "app/service/history.h"

/* The array has room for one student more than there are, so that it has an element even when both
 * lists are empty. */
bool comparison_fill(struct comparison *c, const struct str_list ids[2], struct arena *arena,
                     struct problem *p)
{
    c->n = ids[0].n + ids[1].n;
    c->students = arena_array(arena, c->n + 1, sizeof(*c->students));
    if (!c->students) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    for (size_t i = 0; i < c->n; i++)
        c->students[i].id = i < ids[0].n ? ids[0].v[i] : ids[1].v[i - ids[0].n];
    return true;
}

/* daily->known has a bit for each component, which is set when the component was observed. The
 * score always has a value. */
bool comparison_value(const struct daily *daily, int component, double *ret)
{
    if (component != OVERALL_SCORE && !(daily->known >> component & 1))
        return false;
    *ret = component == OVERALL_SCORE ? daily->score : daily->components[component];
    return true;
}

/* Skips students without data that may be compared. For a component, also skips students whose
 * value was not observed. */
size_t comparison_values(const struct compared_student *students, size_t n, int component,
                         double *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (students[i].found && comparison_value(&students[i].daily, component, &ret[count]))
            count++;
    }
    sort_values(ret, count);
    return count;
}

/* Reads the current state of a student. A state of a later day than the requested one cannot be
 * used: needs_snapshot is then set, and the latest snapshot up to the requested day is searched. */
static void comparison_parse_state(const struct comparison *c, struct compared_student *student,
                                   struct problem *p)
{
    struct mastery_state state;

    if (!student_parse_state(student->cmd, &state, p))
        return;
    student->withdrawn = student_has_withdrawn(student->cmd, CONSENT_ANALYTICS);
    if (student->withdrawn || mastery_state_empty(&state))
        return;
    student->needs_snapshot = c->at_date && state.day > c->day;
    student->found = !student->needs_snapshot;
    if (student->found)
        daily_of_state(&state, &student->daily);
}

/* Reads the student's latest snapshot in the window of days. When there is none, needs_snapshot
 * stays true, so that the next window is searched. */
static void comparison_parse_days(struct compared_student *student, struct problem *p)
{
    if (history_parse_latest(student->cmd, &student->found, &student->daily, p) && student->found)
        student->needs_snapshot = false;
}

/* Parses the replies of the students who had a command in the pipeline. */
static void comparison_parse_replies(const struct comparison *c, struct problem *p)
{
    for (size_t i = 0; i < c->n && p->code == PROBLEM_NONE; i++) {
        struct compared_student *student = &c->students[i];

        if (!student->cmd)
            continue;
        if (c->states_read)
            comparison_parse_days(student, p);
        else
            comparison_parse_state(c, student, p);
        student->cmd = NULL;
    }
}

/* Queues the reads of states, beginning with student c->next, up to the most that one pipeline may
 * have. */
static void comparison_queue_states(struct comparison *c, struct pipeline *pipeline)
{
    for (; c->next < c->n && pipeline->count < COMPARISON_STATES_MAX; c->next++)
        c->students[c->next].cmd = student_cmd_state(pipeline, c->students[c->next].id);
}

/* Queues the reads of snapshots for the window of days that ends at c->window_last: for students
 * from c->next on who still need a snapshot, up to the most that one pipeline may have. */
static void comparison_queue_days(struct comparison *c, struct pipeline *pipeline)
{
    int32_t first = c->window_last - COMPARISON_WINDOW_DAYS + 1;

    if (first < c->oldest_day)
        first = c->oldest_day;
    for (; c->next < c->n && pipeline->count < COMPARISON_SNAPSHOTS_MAX; c->next++) {
        struct compared_student *student = &c->students[c->next];

        if (student->needs_snapshot)
            student->cmd =
                student_cmd_days(pipeline, student->id, NULL, first, c->window_last - first + 1);
    }
}

/* Queues reads of the current window of days or, when all its students are read, of the next
 * earlier window in which students still need a snapshot. Queues nothing when no student is left or
 * the oldest day was reached. */
static void comparison_queue_window(struct comparison *c, struct pipeline *pipeline)
{
    while (c->window_last >= c->oldest_day) {
        comparison_queue_days(c, pipeline);
        if (pipeline->count > 0)
            return;
        c->next = 0;
        c->window_last -= COMPARISON_WINDOW_DAYS;
    }
}

/* Reads the replies to the last step, then queues the commands of the next: first reads of states
 * until all students are done, then, for a requested day, reads of snapshots. Each of these two
 * stages ends when the pipeline stays empty. Returns STEP_DONE also when p has a problem. */
enum step comparison_step(struct comparison *c, struct pipeline *pipeline, struct problem *p)
{
    if (c->started)
        comparison_parse_replies(c, p);
    if (p->code != PROBLEM_NONE)
        return STEP_DONE;
    c->started = true;
    pipeline_clear(pipeline);
    if (!c->states_read)
        comparison_queue_states(c, pipeline);
    /* an empty pipeline means that all states have been read: the search in the snapshots begins at
     * the requested day */
    if (pipeline->count == 0 && !c->states_read) {
        c->states_read = true;
        c->next = 0;
        c->window_last = c->day;
    }
    if (c->states_read && c->at_date)
        comparison_queue_window(c, pipeline);
    return pipeline->count > 0 ? STEP_MORE : STEP_DONE;
}
