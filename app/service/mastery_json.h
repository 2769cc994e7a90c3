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
/* Returns the MasteryResult as JSON text; its p is NULL when out of memory. with_components: with
 * the components and how the score is made of them. */
struct str mastery_result_json(struct arena *arena, struct str student,
                               const struct mastery_result *result, int64_t calculated_at_ms,
                               bool with_components);

#endif
