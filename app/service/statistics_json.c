/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics as JSON. Figures are not rounded here: app/domain does that where it computes. */
#include "app/service/statistics_json.h"

#include "app/service/mastery_json.h"

/* The names of the percentiles are in the order of struct summary. */
void statistics_write_summary(struct jw *w, const char *key, const struct summary *summary)
{
    static const char *const names[SUMMARY_PERCENTILES] = {"25", "50", "75", "90", "95"};

    jw_object(w, key);
    jw_int(w, "count", (int64_t)summary->count);
    jw_number(w, "mean", summary->mean);
    jw_number(w, "median", summary->median);
    jw_number(w, "std_dev", summary->std_dev);
    jw_number(w, "min_value", summary->min_value);
    jw_number(w, "max_value", summary->max_value);
    jw_object(w, "percentiles");
    for (int i = 0; i < SUMMARY_PERCENTILES; i++)
        jw_number(w, names[i], summary->percentiles[i]);
    jw_object_end(w);
    jw_object_end(w);
}

void statistics_write_interval(struct jw *w, const char *key, const struct interval *interval)
{
    jw_object(w, key);
    jw_number(w, "lower", interval->lower);
    jw_number(w, "upper", interval->upper);
    jw_number(w, "level", interval->level);
    jw_object_end(w);
}

/* Writes the n days as an array. The elements may also be periods of several days: the date of a
 * period is its first day. */
void statistics_write_days(struct jw *w, const char *key, const struct daily *days, size_t n)
{
    jw_array(w, key);
    for (size_t i = 0; i < n; i++) {
        jw_object(w, NULL);
        jw_day(w, "date", days[i].day);
        jw_number(w, "mastery_score", days[i].score);
        jw_text(w, "level", level_names[mastery_level(days[i].score)]);
        mastery_write_components(w, "components", days[i].components);
        jw_int(w, "sample_size", days[i].samples);
        jw_object_end(w);
    }
    jw_array_end(w);
}

void statistics_write_or_null(struct jw *w, const char *key, bool has, double value)
{
    if (has)
        jw_number(w, key, value);
    else
        jw_null(w, key);
}
