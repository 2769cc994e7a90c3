/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recommendations as JSON. A description is two sentences of the catalogue: the reason, with the
 * student's figures filled in, then what the item is about. */
#include "app/service/recommend_json.h"

#include <math.h>

#include "app/base/number.h"
#include "app/service/catalogue.h"

/* Returns the score to show, cut after three decimals instead of rounded: a score just below a
 * threshold must not look as if it had reached it. 1e-9 corrects a product that is slightly too
 * small, such as 0.29 * 1000. */
static double recommend_shown_score(double score)
{
    return number_round12(floor(score * 1000 + 1e-9) / 1000);
}

/* Writes the sentence with its placeholders {area}, {score} and {threshold} replaced by values.
 * catalogue.c refuses a sentence with other placeholders. */
static void recommend_fill_reason(struct buf *out, struct str sentence, enum component area,
                                  double score)
{
    buf_str(out, str_cut(&sentence, '{'));
    while (sentence.n > 0) {
        struct str name = str_cut(&sentence, '}');

        if (str_equal(name, STR("area")))
            buf_text(out, component_names[area]);
        else
            buf_number(out, str_equal(name, STR("score")) ? recommend_shown_score(score)
                                                          : gap_thresholds[area]);
        buf_str(out, str_cut(&sentence, '{'));
    }
}

/* Writes the reason as a code with its numbers, for a client that has texts of its own. */
static void recommend_write_reason(struct jw *w, enum reason reason, enum component area,
                                   double score)
{
    jw_text(w, "reason", reason_names[reason]);
    if (reason == REASON_STARTER || reason == REASON_UNKNOWN)
        jw_null(w, "component_value");
    else
        jw_number(w, "component_value", recommend_shown_score(score));
    jw_number(w, "threshold", gap_thresholds[area]);
}

/* Writes the description (the sentence with the reason, a space, the item's own description) and
 * the item's own description alone. Both are null when the item has left the catalogue. */
static void recommend_write_description(struct jw *w, const struct catalogue *catalogue,
                                        enum reason reason, double score,
                                        const struct content *content)
{
    struct buf text;

    if (!content) {
        jw_null(w, "description");
        jw_null(w, "instruction");
        return;
    }
    buf_init(&text, w->out->arena);
    recommend_fill_reason(&text, catalogue->reasons[reason], content->component, score);
    buf_char(&text, ' ');
    buf_str(&text, content->description);
    if (text.failed)
        w->out->failed = true;
    else
        jw_str(w, "description", buf_view(&text));
    jw_str(w, "instruction", content->description);
}

/* Writes the recommendation's id, rec_TOKEN-YYYYMMDD-NUMBER. token: the random text that the ids of
 * a student's recommendations contain instead of the student's id. */
static void recommend_write_id(struct jw *w, struct str token, int32_t day, int number)
{
    char id[RECOMMENDATION_ID_SIZE];

    recommendation_id_print(token, day, number, id);
    jw_text(w, "recommendation_id", id);
}

void recommend_write_area(struct jw *w, const struct recommendation *item)
{
    struct buf text;

    buf_init(&text, w->out->arena);
    buf_text(&text, component_names[item->content->component]);
    if (item->topic.n > 0) {
        buf_char(&text, ':');
        buf_str(&text, item->topic);
    }
    if (text.failed)
        w->out->failed = true;
    else
        jw_str(w, "area", buf_view(&text));
}

/* Writes the i-th chosen item as an element of an array. */
static void recommend_write_item(struct jw *w, const struct recommend *recommend, size_t i,
                                 const struct catalogue *catalogue)
{
    const struct recommendation *item = &recommend->v[i];
    const struct content *content = item->content;

    jw_object(w, NULL);
    recommend_write_id(w, recommend->today.token, recommend->today.day, recommend->numbers[i]);
    jw_text(w, "action", action_names[content->action]);
    recommend_write_area(w, item);
    jw_text(w, "priority", priority_names[item->priority]);
    recommend_write_description(w, catalogue, item->reason, item->score, content);
    recommend_write_reason(w, item->reason, content->component, item->score);
    jw_int(w, "estimated_time", content->minutes);
    jw_array(w, "resources");
    for (size_t k = 0; k < content->resources.n; k++)
        jw_str(w, NULL, content->resources.v[k]);
    jw_array_end(w);
    jw_text(w, "difficulty", difficulty_names[content->difficulty]);
    jw_number(w, "score_gap", item->gap);
    jw_number(w, "confidence", item->confidence);
    jw_object_end(w);
}

void recommend_write_items(struct jw *w, const struct recommend *recommend,
                           const struct catalogue *catalogue)
{
    jw_array(w, "recommendations");
    for (size_t i = 0; i < recommend->n; i++)
        recommend_write_item(w, recommend, i, catalogue);
    jw_array_end(w);
}

/* priority_areas fills the first n elements of `areas`: the components with a gap, the one that
 * needs work most first. The list is empty when there is no gap. */
void recommend_write_areas(struct jw *w, const char *key, const struct learner *learner)
{
    enum component areas[COMPONENTS];
    size_t n = priority_areas(learner, areas);

    jw_array(w, key);
    for (size_t i = 0; i < n; i++)
        jw_text(w, NULL, component_names[areas[i]]);
    jw_array_end(w);
}

/* Writes the members of a learning path except its id and time. recommend.c compares the text of
 * these members with that of the saved path, so it must depend only on what was planned. */
void recommend_write_path_members(struct jw *w, const struct recommend *recommend,
                                  const struct catalogue *catalogue)
{
    const struct learning_path *path = &recommend->path;

    recommend_write_items(w, recommend, catalogue);
    jw_day(w, "estimated_completion", recommend->today.day + path->days);
    jw_int(w, "total_time_estimate", path->minutes);
    recommend_write_areas(w, "priority_areas", &recommend->learner);
    jw_number(w, "expected_score", path->expected_score);
    jw_object(w, "metadata");
    jw_text(w, "current_level", level_names[path->current_level]);
    jw_text(w, "target_level", level_names[path->target_level]);
    jw_int(w, "days_estimate", path->days);
    jw_object_end(w);
}

void recommend_write_path(struct jw *w, const struct recommend *recommend,
                          const struct catalogue *catalogue)
{
    jw_text(w, "path_id", recommend->path_id);
    recommend_write_path_members(w, recommend, catalogue);
}

/* Writes the student's feedback; null when there is none. Optional members that the student did not
 * give are left out. */
static void recommend_write_feedback(struct jw *w, const struct recommendation_record *record)
{
    const struct feedback *feedback = &record->feedback;

    if (!record->has_feedback) {
        jw_null(w, "feedback");
        return;
    }
    jw_object(w, "feedback");
    jw_time(w, "received_at", record->feedback_at_ms);
    jw_bool(w, "completed", feedback->completed);
    if (feedback->has_minutes)
        jw_number(w, "time_taken", feedback->minutes);
    if (feedback->has_rating)
        jw_int(w, "satisfaction_rating", feedback->rating);
    if (feedback->has_improvement)
        jw_number(w, "improvement_score", feedback->improvement);
    jw_object_end(w);
}

/* Writes what was recommended at that time. All members but the texts come from the record, because
 * the catalogue may have changed since. */
void recommend_write_record(struct jw *w, struct str token,
                            const struct recommendation_record *record,
                            const struct catalogue *catalogue)
{
    const struct content *content = catalogue_find(catalogue, record->item);

    jw_object(w, NULL);
    recommend_write_id(w, token, record->day, record->number);
    jw_time(w, "recommended_at", record->at_ms);
    jw_text(w, "action", action_names[record->action]);
    jw_text(w, "area", component_names[record->area]);
    jw_text(w, "priority", priority_names[record->priority]);
    recommend_write_description(w, catalogue, record->reason, record->score, content);
    recommend_write_reason(w, record->reason, record->area, record->score);
    jw_int(w, "estimated_time", record->minutes);
    jw_text(w, "difficulty", difficulty_names[record->difficulty]);
    jw_number(w, "score_gap", record->gap);
    jw_number(w, "confidence", record->confidence);
    recommend_write_feedback(w, record);
    jw_object_end(w);
}
