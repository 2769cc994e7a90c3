/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads cohorts and histories for the subcommands that compute over many students. A history is a
 * student's daily scores of the last 90 days. */
#ifndef CTL_HISTORIES_H
#define CTL_HISTORIES_H

#include "app/service/engine.h"
#include "app/service/history.h"
#include "app/store/cohort.h"

/* Loads a cohort; its texts are in the arena. False with a problem in p when there is no such
 * cohort or Redis cannot be reached. */
bool cohort_load(struct engine *engine, struct arena *arena, const char *id, struct cohort *ret,
                 struct problem *p);

/* Called with each history that histories_read reads; context: the parameter of histories_read. */
typedef void history_function(void *context, const struct history *history);

/* Calls use_history for each student of the list, in its order, who has not withdrawn consent to
 * analytics; the history is valid only during that call. Students are read in chunks, one round
 * trip each, and the arena is reset before each chunk. `today` is in days since the epoch. The
 * number of students who have withdrawn is added to *withdrawn. False with a problem in p when
 * Redis fails. */
bool histories_read(struct engine *engine, struct arena *arena, struct str_list students,
                    int32_t today, history_function *use_history, void *context, size_t *withdrawn,
                    struct problem *p);

#endif
