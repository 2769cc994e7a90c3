/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/mastery_json.h"

void mastery_write_components(struct jw *w, const char *key, const double values[COMPONENTS])
{
    jw_object(w, key);
    for (int i = 0; i < COMPONENTS; i++)
        jw_number(w, component_names[i], values[i]);
    jw_object_end(w);
}

struct str mastery_result_json(struct arena *arena, struct str student,
                               const struct mastery_result *result, int64_t calculated_at_ms,
                               bool with_components)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_str(&w, "student_id", student);
    jw_number(&w, "mastery_score", result->score);
    jw_text(&w, "level", level_names[result->level]);
    if (with_components) {
        mastery_write_components(&w, "components", result->components);
        jw_object(&w, "breakdown");
        for (int i = 0; i < COMPONENTS; i++)
            jw_number(&w, component_names[i], result->breakdown[i]);
        jw_number(&w, "weighted_sum", result->weighted_sum);
        mastery_write_components(&w, "weights", result->weights);
        jw_object_end(&w);
        mastery_write_components(&w, "evidence", result->evidence);
    }
    jw_time(&w, "calculated_at", calculated_at_ms);
    jw_text(&w, "version", MASTERY_VERSION);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}
