/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's days, from their snapshots in the store to the form that every analysis takes. */
#ifndef SERVICE_HISTORY_H
#define SERVICE_HISTORY_H

#include "app/domain/daily.h"
#include "app/store/student.h"

struct history {
    struct daily days[STUDENT_DAYS_MAX]; /* oldest first */
    size_t n;
};

/* The last HISTORY_DAYS days, today included. */
struct command *history_cmd(struct pipeline *pipeline, struct str student, int32_t today);
/* ask: of history_cmd or student_cmd_days. */
bool history_parse(const struct command *command, struct history *ret, struct problem *p);
/* The same for who needs a day at least: when there is none, the one that the state closes, which
 * lies further back; NOT_FOUND when the state is empty. */
bool history_parse_nonempty(const struct command *command, const struct mastery_state *now,
                            struct history *ret, struct problem *p);
/* The latest of the days asked for that there is; *ret_found false when there is none. */
bool history_parse_latest(const struct command *command, bool *ret_found, struct daily *ret,
                          struct problem *p);

#endif
