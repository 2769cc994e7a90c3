/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes a student's history, an array of struct daily, from a reply with packed snapshots (a
 * student's closing state of a day as one binary string). A snapshot that cannot be unpacked is an
 * INTERNAL_ERROR: it is never treated as a day without a snapshot. */
#include "app/service/history.h"

struct command *history_cmd(struct pipeline *pipeline, struct str student, int32_t today)
{
    return student_cmd_days(pipeline, student, today - HISTORY_DAYS + 1, HISTORY_DAYS);
}

/* Returns in *ret_count the number of days in the reply, with or without a snapshot. Returns false
 * with a problem. */
static bool history_day_count(const struct command *command, size_t *ret_count, struct problem *p)
{
    if (reply_array(command->reply, STUDENT_DAYS_MAX, ret_count) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

/* Parses the snapshots of the requested days; days without one (nil) are left out. A snapshot that
 * cannot be unpacked sets p but does not end the loop; p is tested after it. */
bool history_parse(const struct command *command, struct history *ret, struct problem *p)
{
    struct mastery_state state;
    size_t n;

    ret->n = 0;
    if (!history_day_count(command, &n, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        enum reply_result result = student_parse_day(command, i, &state);

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
    struct mastery_state state;
    enum reply_result result = REPLY_MISSING;
    size_t n;

    if (!history_day_count(command, &n, p))
        return false;
    while (n > 0 && result == REPLY_MISSING)
        result = student_parse_day(command, --n, &state);
    if (result == REPLY_ERROR) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    *ret_found = result == REPLY_OK;
    if (*ret_found)
        daily_of_state(&state, ret);
    return true;
}
