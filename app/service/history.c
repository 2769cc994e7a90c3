/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/history.h"

struct ask *history_ask(struct asks *asks, struct str student, int32_t today)
{
    return student_ask_days(asks, student, today - HISTORY_DAYS + 1, HISTORY_DAYS);
}

static bool read_count(const struct ask *ask, size_t *ret_count, struct problem *p)
{
    if (reply_array(ask->reply, STUDENT_DAYS_MAX, ret_count) == REPLY_THERE)
        return true;
    reply_problem(ask->reply, p);
    return false;
}

bool history_read(const struct ask *ask, struct history *ret, struct problem *p)
{
    struct mastery_state state;
    size_t n;

    ret->n = 0;
    if (!read_count(ask, &n, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        enum reply there = student_read_day(ask, i, &state);

        if (there == REPLY_THERE)
            daily_of_state(&state, &ret->days[ret->n++]);
        else if (there == REPLY_ERROR)
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    return p->code == PROBLEM_NONE;
}

bool history_read_some(const struct ask *ask, const struct mastery_state *now, struct history *ret,
                       struct problem *p)
{
    if (mastery_state_empty(now))
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    if (p->code != PROBLEM_NONE || !history_read(ask, ret, p))
        return false;
    if (ret->n == 0)
        daily_of_state(now, &ret->days[ret->n++]);
    return true;
}

bool history_read_latest(const struct ask *ask, bool *ret_found, struct daily *ret,
                         struct problem *p)
{
    struct mastery_state state;
    enum reply there = REPLY_MISSING;
    size_t n;

    if (!read_count(ask, &n, p))
        return false;
    while (n > 0 && there == REPLY_MISSING)
        there = student_read_day(ask, --n, &state);
    if (there == REPLY_ERROR) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    *ret_found = there == REPLY_THERE;
    if (*ret_found)
        daily_of_state(&state, ret);
    return true;
}
