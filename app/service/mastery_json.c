/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes mastery as JSON. The member names are part of the API and of stored records. */
#include "app/service/mastery_json.h"

#include "app/base/number.h"
#include "app/domain/trend.h"

void mastery_write_components(struct jw *w, const char *key, const double values[COMPONENTS])
{
    jw_object(w, key);
    for (int i = 0; i < COMPONENTS; i++)
        jw_number(w, component_names[i], values[i]);
    jw_object_end(w);
}

/* Writes the score, level and components of the day. They are computed from the student's state at
 * the end of the day, which is all that is stored about a day. */
void mastery_write_day(struct jw *w, const struct mastery_state *day)
{
    double score = mastery_score_of_state(day), components[COMPONENTS];

    mastery_components_of_state(day, components);
    jw_object(w, NULL);
    jw_day(w, "date", day->day);
    jw_number(w, "mastery_score", score);
    jw_text(w, "level", level_names[mastery_level(score)]);
    mastery_write_components(w, "components", components);
    jw_int(w, "sample_size", day->samples);
    jw_object_end(w);
}

/* recent_exercises and recent_quizzes count the last ACTIVITY_WINDOW_DAYS days; the streaks and
 * days_active are about the whole history. When an event was dated ahead, the history has more than
 * HISTORY_DAYS days, and the newest day is left out. */
void mastery_write_activity(struct jw *w, const char *key, const struct mastery_state *current,
                            const struct mastery_state *days, size_t n, int32_t today)
{
    int64_t exercises = 0, quizzes = 0;
    int32_t active[HISTORY_DAYS];
    struct streaks streaks;

    n = n < HISTORY_DAYS ? n : HISTORY_DAYS;
    for (size_t i = 0; i < n; i++) {
        active[i] = days[i].day;
        if (days[i].day > today - ACTIVITY_WINDOW_DAYS) {
            exercises += days[i].exercises;
            quizzes += days[i].quizzes;
        }
    }
    streaks = streaks_of_days(active, n, today);
    jw_object(w, key);
    jw_time(w, "last_updated", current->updated_at_ms);
    jw_int(w, "recent_exercises", exercises);
    jw_int(w, "recent_quizzes", quizzes);
    jw_int(w, "days_active", (int64_t)n);
    jw_int(w, "current_streak", streaks.current);
    jw_int(w, "max_streak", streaks.longest);
    jw_object_end(w);
}

void mastery_write_topic(struct jw *w, const struct topic *topic, int64_t evidence_at_ms)
{
    double weight = evidence_weight_at(&topic->evidence, evidence_at_ms);

    jw_object(w, NULL);
    jw_str(w, "topic_id", topic->id);
    jw_number(w, "mastery", topic->mastery);
    jw_text(w, "level", level_names[mastery_level(topic->mastery)]);
    jw_number(w, "evidence", number_round12(weight));
    jw_time(w, "last_event_at", topic->evidence.at_ms);
    jw_object_end(w);
}

/* The member breakdown has each component times its weight; their sum is weighted_sum, the score
 * before it is limited to 1. The member evidence has, for each component, the sum of the weights of
 * its observations, which decay with time. */
void mastery_write_result(struct jw *w, const char *key, struct str student,
                          const struct mastery_state *state, bool with_components)
{
    struct mastery_result result;

    mastery_of_state(state, state->updated_at_ms, &result);
    jw_object(w, key);
    jw_str(w, "student_id", student);
    jw_number(w, "mastery_score", result.score);
    jw_text(w, "level", level_names[result.level]);
    if (with_components) {
        mastery_write_components(w, "components", result.components);
        jw_object(w, "breakdown");
        for (int i = 0; i < COMPONENTS; i++)
            jw_number(w, component_names[i], result.breakdown[i]);
        jw_number(w, "weighted_sum", result.weighted_sum);
        mastery_write_components(w, "weights", result.weights);
        jw_object_end(w);
        mastery_write_components(w, "evidence", result.evidence);
    }
    jw_time(w, "calculated_at", state->updated_at_ms);
    jw_text(w, "version", MASTERY_VERSION);
    jw_object_end(w);
}

struct str mastery_result_json(struct arena *arena, struct str student,
                               const struct mastery_state *state)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    mastery_write_result(&w, NULL, student, state, /* with_components */ true);
    return out.failed ? (struct str){0} : buf_view(&out);
}
