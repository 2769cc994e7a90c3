/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mastery as JSON: results, days and activity (docs/api.md, MasteryResult). */
#ifndef SERVICE_MASTERY_JSON_H
#define SERVICE_MASTERY_JSON_H

#include "app/base/json_write.h"
#include "app/domain/mastery.h"
#include "app/domain/topics.h"

/* Writes an object with the four components: {"completion":…,"quiz":…,"quality":…,"consistency":…}.
 */
void mastery_write_components(struct jw *w, const char *key, const double values[COMPONENTS]);
/* Writes a day of a history as an element of an array. day: the student's state at its close. */
void mastery_write_day(struct jw *w, const struct mastery_state *day);
/* Writes the numbers of recent exercises and quizzes, and the streaks of active days. days: the
 * closing states of the n days in the history, oldest first. key: NULL in an array. */
void mastery_write_activity(struct jw *w, const char *key, const struct mastery_state *current,
                            const struct mastery_state *days, size_t n, int32_t today);
/* Writes a ranked topic as an element of an array. evidence_at_ms: the time to which its evidence
 * decays. */
void mastery_write_topic(struct jw *w, const struct topic *topic, int64_t evidence_at_ms);
/* Writes the MasteryResult of the student's state. Its evidence is that of the time when the state
 * was written, so the same state always gives the same result. with_components: with the components
 * and how the score is made of them. */
void mastery_write_result(struct jw *w, const char *key, struct str student,
                          const struct mastery_state *state, bool with_components);
/* Returns the MasteryResult with components as JSON text; its p is NULL when out of memory. */
struct str mastery_result_json(struct arena *arena, struct str student,
                               const struct mastery_state *state);

#endif
