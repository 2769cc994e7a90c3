/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes a student's history, an array of struct daily, from a reply with the closing states of
 * days. A snapshot that cannot be unpacked is an INTERNAL_ERROR: it is never treated as a day
 * without a snapshot. */
#include "app/service/history.h"

struct command *history_cmd(struct pipeline *pipeline, struct str student,
                            const struct command *state, int32_t today)
{
    return student_cmd_days(pipeline, student, state, today - HISTORY_DAYS + 1, HISTORY_DAYS);
}

/* Parses the closing states of the requested days; days without one are left out. A state that
 * cannot be unpacked sets p but does not end the loop; p is tested after it. */
bool history_parse(const struct command *command, struct history *ret, struct problem *p)
{
    struct student_days days;
    struct mastery_state state;

    ret->n = 0;
    if (!student_parse_day_texts(command, &days, p))
        return false;
    for (size_t i = 0; i < days.count; i++) {
        enum reply_result result = student_day_state(&days, i, &state);

        if (result == REPLY_OK)
            daily_of_state(&state, &ret->days[ret->n++]);
        else if (result == REPLY_ERROR)
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    return p->code == PROBLEM_NONE;
}

/* Does not read the reply when *p already has a problem from an earlier parse, such as that of the
 * current state. */
bool history_parse_nonempty(const struct command *command, const struct mastery_state *current,
                            struct history *ret, struct problem *p)
{
    if (mastery_state_empty(current))
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    if (p->code != PROBLEM_NONE || !history_parse(command, ret, p))
        return false;
    if (ret->n == 0)
        daily_of_state(current, &ret->days[ret->n++]);
    return true;
}

/* Searches from the newest day backwards and stops at the first snapshot. A snapshot that cannot be
 * unpacked also stops the search, with a problem. */
bool history_parse_latest(const struct command *command, bool *ret_found, struct daily *ret,
                          struct problem *p)
{
    struct student_days days;
    struct mastery_state state;
    enum reply_result result = REPLY_MISSING;

    if (!student_parse_day_texts(command, &days, p))
        return false;
    for (size_t n = days.count; n > 0 && result == REPLY_MISSING; n--)
        result = student_day_state(&days, n - 1, &state);
    if (result == REPLY_ERROR) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    *ret_found = result == REPLY_OK;
    if (*ret_found)
        daily_of_state(&state, ret);
    return true;
}
