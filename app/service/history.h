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
struct ask *history_ask(struct asks *asks, struct str student, int32_t today);
/* ask: of history_ask or student_ask_days. */
bool history_read(const struct ask *ask, struct history *ret, struct problem *p);
/* The same for who needs a day at least: when there is none, the one that the state closes, which
 * lies further back; NOT_FOUND when the state is empty. */
bool history_read_some(const struct ask *ask, const struct mastery_state *now, struct history *ret,
                       struct problem *p);
/* The latest of the days asked for that there is; *ret_found false when there is none. */
bool history_read_latest(const struct ask *ask, bool *ret_found, struct daily *ret,
                         struct problem *p);

#endif
