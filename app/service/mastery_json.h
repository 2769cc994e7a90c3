/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mastery as JSON: results, days and activity (docs/api.md, MasteryResult). */
#ifndef SERVICE_MASTERY_JSON_H
#define SERVICE_MASTERY_JSON_H

#include "app/base/json_write.h"
#include "app/domain/mastery.h"

/* {"completion":…,"quiz":…,"quality":…,"consistency":…} */
void mastery_write_components(struct jw *w, const char *key, const double values[COMPONENTS]);
/* A day of a history as an element of an array, from its closing state. */
void mastery_write_day(struct jw *w, const struct mastery_state *day);
/* Counts of recent exercises and quizzes, and streaks of active days. days: the history, oldest
 * first. */
void mastery_write_activity(struct jw *w, const char *key, const struct mastery_state *current,
                            const struct mastery_state *days, size_t n, int32_t today);
/* The MasteryResult; p is NULL without memory. */
struct str mastery_result_json(struct arena *arena, struct str student,
                               const struct mastery_result *result, int64_t calculated_at_ms,
                               bool with_components);

#endif
