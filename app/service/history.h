/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's history: the daily snapshots in Redis, in the form that every analysis works on. */
#ifndef SERVICE_HISTORY_H
#define SERVICE_HISTORY_H

#include "app/domain/daily.h"
#include "app/store/student.h"

struct history {
    struct daily days[STUDENT_DAYS_MAX]; /* oldest first */
    size_t n;
};

/* Queues the read of the last HISTORY_DAYS days, today included. */
struct command *history_cmd(struct pipeline *pipeline, struct str student, int32_t today);
/* command: of history_cmd or student_cmd_days. Days without a snapshot are left out. */
bool history_parse(const struct command *command, struct history *ret, struct problem *p);
/* The same for callers that need at least one day: when there is no snapshot, the history is the
 * current state, whose day then lies before the history. NOT_FOUND when the state is empty. */
bool history_parse_nonempty(const struct command *command, const struct mastery_state *current,
                            struct history *ret, struct problem *p);
/* The latest snapshot of the days that were read; *ret_found is false when there is none. */
bool history_parse_latest(const struct command *command, bool *ret_found, struct daily *ret,
                          struct problem *p);

#endif
