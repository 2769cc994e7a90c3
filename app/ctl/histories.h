/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads cohorts and the histories of many students for the subcommands that compute over them. */
#ifndef CTL_HISTORIES_H
#define CTL_HISTORIES_H

#include "app/service/engine.h"
#include "app/service/history.h"
#include "app/store/cohort.h"

/* Loads a cohort into arena. False with p: there is no such cohort, or Redis cannot be reached. */
bool cohort_load(struct engine *engine, struct arena *arena, const char *id, struct cohort *ret,
                 struct problem *p);

typedef void history_function(void *context, const struct history *history);

/* Calls use_history for each student who has not withdrawn consent to analytics, in their order;
 * the history is valid during the call. arena is reset before each chunk of students, each of which
 * costs one round trip. today: days since the epoch. Adds the students who have withdrawn to
 * *withdrawn. False with p when Redis fails. */
bool histories_read(struct engine *engine, struct arena *arena, struct str_list students,
                    int32_t today, history_function *use_history, void *context, size_t *withdrawn,
                    struct problem *p);

#endif
