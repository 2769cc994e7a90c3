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
    if (component != WHOLE_SCORE && !(d->known >> component & 1))
        return false;
    *ret = component == WHOLE_SCORE ? d->score : d->components[component];
    return true;
}

size_t comparison_values(const struct compared *students, size_t n, int component, double *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (students[i].found && comparison_value(&students[i].daily, component, &ret[count]))
            count++;
    }
    sort_values(ret, count);
    return count;
}

static void take_state(const struct comparison *c, struct compared *student, struct problem *p)
{
    struct mastery_state state;

    if (!student_read_state(student->ask, &state, p))
        return;
    student->withdrawn = student_has_withdrawn(student->ask, CONSENT_ANALYTICS);
    if (student->withdrawn || mastery_state_empty(&state))
        return;
    student->later = c->at_date && state.day > c->date;
    student->found = !student->later;
    if (student->found)
        daily_of_state(&state, &student->daily);
}

static void take_days(struct compared *student, struct problem *p)
{
    if (history_read_latest(student->ask, &student->found, &student->daily, p) && student->found)
        student->later = false;
}

static void take_replies(const struct comparison *c, struct problem *p)
{
    for (size_t i = 0; i < c->n && p->code == PROBLEM_NONE; i++) {
        struct compared *student = &c->students[i];

        if (!student->ask)
            continue;
        if (c->states_read)
            take_days(student, p);
        else
            take_state(c, student, p);
        student->ask = NULL;
    }
}

static void ask_states(struct comparison *c, struct asks *asks)
{
    for (; c->next < c->n && asks->count < COMPARISON_ROUND; c->next++)
        c->students[c->next].ask = student_ask_state(asks, c->students[c->next].id);
}

static void ask_days(struct comparison *c, struct asks *asks)
{
    int32_t first = c->window_last - COMPARISON_WINDOW_DAYS + 1;

    if (first < c->oldest)
        first = c->oldest;
    for (; c->next < c->n && asks->count < COMPARISON_PIECE; c->next++) {
        struct compared *student = &c->students[c->next];

        if (student->later)
            student->ask = student_ask_days(asks, student->id, first, c->window_last - first + 1);
    }
}

/* The next window with anybody left to look for, or none. */
static void ask_more_days(struct comparison *c, struct asks *asks)
{
    while (c->window_last >= c->oldest) {
        ask_days(c, asks);
        if (asks->count > 0)
            return;
        c->next = 0;
        c->window_last -= COMPARISON_WINDOW_DAYS;
    }
}

enum step comparison_step(struct comparison *c, struct asks *asks, struct problem *p)
{
    if (c->asked)
        take_replies(c, p);
    if (p->code != PROBLEM_NONE)
        return STEP_DONE;
    c->asked = true;
    asks_clear(asks);
    if (!c->states_read)
        ask_states(c, asks);
    if (asks->count == 0 && !c->states_read) {
        c->states_read = true;
        c->next = 0;
        c->window_last = c->date;
    }
    if (c->states_read && c->at_date)
        ask_more_days(c, asks);
    return asks->count > 0 ? STEP_MORE : STEP_DONE;
}
