/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's history: the daily snapshots (closing states of a day) in Redis, converted to the
 * form that every analysis works on. */
#ifndef SERVICE_HISTORY_H
#define SERVICE_HISTORY_H

#include "app/domain/daily.h"
#include "app/store/student_days.h"

struct history {
    struct daily days[STUDENT_DAYS_MAX]; /* the n days with a snapshot, oldest first */
    size_t n;
};

/* Queues the read of the closing states of the last HISTORY_DAYS days, today included. state: a
 * command earlier in the pipeline that reads the student's state, and lives until the reply is
 * parsed; NULL: this command reads the state too. today: days since 1970-01-01. */
struct command *history_cmd(struct pipeline *pipeline, struct str student,
                            const struct command *state, int32_t today);
/* Reads the history from the reply; days without a snapshot are left out. False, with a problem,
 * when the reply is an error or a snapshot cannot be unpacked. command: from history_cmd or
 * student_cmd_days. */
bool history_parse(const struct command *command, struct history *ret, struct problem *p);
/* Reads a history of at least one day, as predictions need. When no requested day has a snapshot,
 * the only day is that of the current state, which is then older than these days. False with a
 * problem: NOT_FOUND when the current state is empty, or one that *p has already, or that of
 * history_parse. */
bool history_parse_nonempty(const struct command *command, const struct mastery_state *current,
                            struct history *ret, struct problem *p);
/* Gets the latest snapshot of the days in the reply; *ret_found is false when no day has one.
 * False, with a problem, when the reply is an error or that snapshot cannot be unpacked. */
bool history_parse_latest(const struct command *command, bool *ret_found, struct daily *ret,
                          struct problem *p);

#endif
