/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics of app/domain as JSON. */
#ifndef SERVICE_STATISTICS_JSON_H
#define SERVICE_STATISTICS_JSON_H

#include "app/base/json_write.h"
#include "app/domain/daily.h"
#include "app/domain/statistics.h"

/* Writes the object Summary of docs/api.md. */
void statistics_write_summary(struct jw *w, const char *key, const struct summary *summary);
/* Writes {"lower":…,"upper":…,"level":…}. */
void statistics_write_interval(struct jw *w, const char *key, const struct interval *interval);
/* Writes a list with {date, mastery_score, level, components, sample_size} for each day or period.
 */
void statistics_write_days(struct jw *w, const char *key, const struct daily *days, size_t n);
/* Writes the value as the member `key`, or null when `has` is false. */
void statistics_write_or_null(struct jw *w, const char *key, bool has, double value);

#endif
