/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/comparison.h"

#include "app/domain/statistics.h"
#include "app/service/history.h"

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

bool comparison_value(const struct daily *d, int component, double *ret)
{
    if (component != OVERALL_SCORE && !(d->known >> component & 1))
        return false;
    *ret = component == OVERALL_SCORE ? d->score : d->components[component];
    return true;
}

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

static void take_state(const struct comparison *c, struct compared_student *student,
                       struct problem *p)
{
    struct mastery_state state;

    if (!student_parse_state(student->cmd, &state, p))
        return;
    student->withdrawn = student_has_withdrawn(student->cmd, CONSENT_ANALYTICS);
    if (student->withdrawn || mastery_state_empty(&state))
        return;
    student->is_later = c->at_date && state.day > c->day;
    student->found = !student->is_later;
    if (student->found)
        daily_of_state(&state, &student->daily);
}

static void take_days(struct compared_student *student, struct problem *p)
{
    if (history_parse_latest(student->cmd, &student->found, &student->daily, p) && student->found)
        student->is_later = false;
}

static void take_replies(const struct comparison *c, struct problem *p)
{
    for (size_t i = 0; i < c->n && p->code == PROBLEM_NONE; i++) {
        struct compared_student *student = &c->students[i];

        if (!student->cmd)
            continue;
        if (c->states_read)
            take_days(student, p);
        else
            take_state(c, student, p);
        student->cmd = NULL;
    }
}

static void ask_states(struct comparison *c, struct pipeline *pipeline)
{
    for (; c->next < c->n && pipeline->count < COMPARISON_STATES_MAX; c->next++)
        c->students[c->next].cmd = student_cmd_state(pipeline, c->students[c->next].id);
}

static void ask_days(struct comparison *c, struct pipeline *pipeline)
{
    int32_t first = c->window_last - COMPARISON_WINDOW_DAYS + 1;

    if (first < c->oldest_day)
        first = c->oldest_day;
    for (; c->next < c->n && pipeline->count < COMPARISON_SNAPSHOTS_MAX; c->next++) {
        struct compared_student *student = &c->students[c->next];

        if (student->is_later)
            student->cmd =
                student_cmd_days(pipeline, student->id, first, c->window_last - first + 1);
    }
}

/* The next window with anybody left to look for, or none. */
static void ask_more_days(struct comparison *c, struct pipeline *pipeline)
{
    while (c->window_last >= c->oldest_day) {
        ask_days(c, pipeline);
        if (pipeline->count > 0)
            return;
        c->next = 0;
        c->window_last -= COMPARISON_WINDOW_DAYS;
    }
}

enum step comparison_step(struct comparison *c, struct pipeline *pipeline, struct problem *p)
{
    if (c->started)
        take_replies(c, p);
    if (p->code != PROBLEM_NONE)
        return STEP_DONE;
    c->started = true;
    pipeline_clear(pipeline);
    if (!c->states_read)
        ask_states(c, pipeline);
    if (pipeline->count == 0 && !c->states_read) {
        c->states_read = true;
        c->next = 0;
        c->window_last = c->day;
    }
    if (c->states_read && c->at_date)
        ask_more_days(c, pipeline);
    return pipeline->count > 0 ? STEP_MORE : STEP_DONE;
}
