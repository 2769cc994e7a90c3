/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/recommendations: adaptive, learning-path, compact, feedback, history, config. */
#include "app/auth/access.h"
#include "app/base/clock.h"
#include "app/domain/consent.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/catalogue.h"
#include "app/service/recommend.h"
#include "app/store/cohort.h"

enum {
    LIMIT_PRESET = 5,
    PATH_MINUTES_MAX = 1440,
    HISTORY_DAYS_PRESET = 30,
    TIME_TAKEN_MAX = 100000,
};

/* ---- adaptive and compact ---- */

struct wish {
    struct str student;
    int64_t limit;
    bool priority_given;
    int priority;
    uint32_t component_filter;
};

static struct recommend *begin(struct exchange *x, enum recommend_kind kind, struct str student)
{
    struct recommend *r = arena_zalloc(x->arena, sizeof(*r));

    x->state = r;
    if (!r)
        return NULL;
    r->kind = kind;
    r->student = student;
    r->now_ms = x->now_ms;
    return r;
}

/* More rounds, or done: then the answer may be written unless there is a problem. */
static enum step recommend_to(struct exchange *x, enum recommend_kind kind)
{
    const struct wish *in = x->input;
    struct recommend *r = x->state;

    if (!r) {
        r = begin(x, kind, in->student);
        if (!r)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        r->filter = (struct recommendation_filter){.limit = (size_t)in->limit,
                                                   .has_priority = in->priority_given,
                                                   .priority = (enum priority)in->priority,
                                                   .component_filter = in->component_filter};
    }
    return recommend_step(r, x->engine, &x->pipeline, &x->problem);
}

static enum step adaptive(struct exchange *x)
{
    enum step step = recommend_to(x, RECOMMEND_ITEMS);
    const struct recommend *r = x->state;
    struct jw w;

    if (step == STEP_MORE || x->problem.code != PROBLEM_NONE)
        return step;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", r->student);
    recommend_write_items(&w, r, x->engine->catalogue);
    jw_int(&w, "count", (int64_t)r->n);
    jw_object(&w, "metadata");
    jw_str(&w, "correlation_id", x->request_id);
    jw_time(&w, "generated_at", x->now_ms);
    if (r->has_data) {
        jw_number(&w, "mastery_score", r->learner.score);
        jw_text(&w, "level", level_names[mastery_level(r->learner.score)]);
    } else {
        jw_null(&w, "mastery_score");
        jw_null(&w, "level");
    }
    recommend_write_areas(&w, "priority_areas", &r->learner);
    jw_object_end(&w);
    jw_object_end(&w);
    return STEP_DONE;
}

static enum step compact(struct exchange *x)
{
    enum step step = recommend_to(x, RECOMMEND_PREVIEW);
    const struct recommend *r = x->state;
    struct jw w;

    if (step == STEP_MORE || x->problem.code != PROBLEM_NONE)
        return step;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", r->student);
    jw_array(&w, "skills");
    for (size_t i = 0; i < r->n; i++) {
        jw_object(&w, NULL);
        jw_text(&w, "action", action_names[r->v[i].content->action]);
        jw_text(&w, "area", component_names[r->v[i].content->component]);
        jw_text(&w, "priority", priority_names[r->v[i].priority]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_int(&w, "count", (int64_t)r->n);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- learning path ---- */

struct path_input {
    struct str student;
    bool target_given;
    int target;
    bool max_minutes_given; /* 0 minutes when not */
    int64_t max_minutes;
};

static enum step learning_path(struct exchange *x)
{
    const struct path_input *in = x->input;
    struct recommend *r = x->state;
    struct jw w;

    if (!r) {
        r = begin(x, RECOMMEND_PATH, in->student);
        if (!r)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        r->path_options = (struct path_options){.has_target = in->target_given,
                                                .target = (enum level)in->target,
                                                .max_minutes = (int)in->max_minutes};
    }
    if (recommend_step(r, x->engine, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", r->student);
    recommend_write_path(&w, r, x->engine->catalogue);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- feedback ---- */

struct feedback_input {
    struct str recommendation;
    bool completed;
    bool minutes_given, rating_given, improvement_given;
    double minutes;
    int64_t rating;
    double improvement;
};

struct feedback_state {
    struct str token;
    int32_t day;
    int number;
    struct command *owner, *read, *written;
    struct command *of_student, *of_teacher; /* a teacher's right, or NULL */
    struct str student;
    struct recommendations given;
    int tries;
};

/* Whoever may not see the student learns what everybody learns of an id that there never was. */
static enum step unknown(struct exchange *x)
{
    problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such recommendation");
    return STEP_DONE;
}

static enum step feedback_begin(struct exchange *x, const struct feedback_input *in)
{
    struct feedback_state *s = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    x->state = s;
    if (!recommendation_id_parse(in->recommendation, &s->token, &s->day, &s->number))
        return unknown(x);
    s->owner = recommendation_cmd_student(&x->pipeline, s->token);
    return STEP_MORE;
}

static enum step feedback_find(struct exchange *x, struct feedback_state *s)
{
    enum verdict verdict;

    if (!recommendation_parse_student(s->owner, &s->student, &x->problem))
        return STEP_DONE;
    verdict = access_decide(ACCESS_READ_STUDENT, &x->caller, s->student);
    x->audit_subjects = (struct str_list){&s->student, s->student.n > 0};
    if (s->student.n == 0 || (verdict != VERDICT_YES && verdict != VERDICT_IF_OWN_STUDENT))
        return unknown(x);
    pipeline_clear(&x->pipeline);
    if (verdict == VERDICT_IF_OWN_STUDENT) {
        s->of_student = cohort_cmd_of_student(&x->pipeline, s->student);
        s->of_teacher = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
    }
    s->read = recommendation_cmd_get(&x->pipeline, s->student, s->day, false);
    return STEP_MORE;
}

static enum step feedback_keep(struct exchange *x, struct feedback_state *s,
                               const struct command *read)
{
    const struct feedback_input *in = x->input;
    const struct feedback feedback = {.completed = in->completed,
                                      .has_minutes = in->minutes_given,
                                      .minutes = in->minutes,
                                      .has_rating = in->rating_given,
                                      .rating = (int)in->rating,
                                      .has_improvement = in->improvement_given,
                                      .improvement = in->improvement};

    if (!recommendation_parse(read, x->arena, s->day, 0, &s->given, &x->problem))
        return STEP_DONE;
    if ((size_t)s->number > s->given.n || !str_equal(s->given.token, s->token))
        return unknown(x);
    recommendation_add_feedback(&s->given, s->number, &feedback, x->now_ms);
    pipeline_clear(&x->pipeline);
    s->written = recommendation_cmd_change(
        &x->pipeline, &(struct recommendation_change){.student = s->student,
                                                      .recommendations = &s->given,
                                                      .today = day_of_ms(x->now_ms),
                                                      .path = {"", 0}});
    return STEP_MORE;
}

static bool may_see(struct exchange *x, const struct feedback_state *s)
{
    bool taught = true;

    if (s->of_student && !cohort_parse_teaches(s->of_student, s->of_teacher, &taught, &x->problem))
        return false;
    if (!taught)
        (void)unknown(x);
    return taught;
}

static enum step feedback_done(struct exchange *x, struct feedback_state *s)
{
    struct jw w;

    if (x->pipeline.status != PIPELINE_COMPLETE) {
        problem_unavailable(&x->problem, 1);
        return STEP_DONE;
    }
    switch (recommendation_parse_change(s->written, &x->problem)) {
    case RECOMMENDATIONS_PROBLEM: return STEP_DONE;
    case RECOMMENDATIONS_ERASED: return unknown(x);
    case RECOMMENDATIONS_WITHDRAWN:
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA);
        return STEP_DONE;
    case RECOMMENDATIONS_OUTDATED:
        if (++s->tries < RECOMMEND_ATTEMPTS_MAX)
            return feedback_keep(x, s, s->written);
        problem_unavailable(&x->problem, 1);
        return STEP_DONE;
    case RECOMMENDATIONS_SAVED: break;
    }
    http_response_json(&x->response, 200, &w);
    jw_text(&w, "status", "received");
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

static enum step feedback(struct exchange *x)
{
    struct feedback_state *s = x->state;

    if (!s)
        return feedback_begin(x, x->input);
    if (!s->read)
        return feedback_find(x, s);
    if (s->written)
        return feedback_done(x, s);
    return may_see(x, s) ? feedback_keep(x, s, s->read) : STEP_DONE;
}

/* ---- history ---- */

struct history_input {
    struct str student;
    int64_t days;
};

static enum step history(struct exchange *x)
{
    const struct history_input *in = x->input;
    int32_t first = day_of_ms(x->now_ms) - (int32_t)in->days + 1;
    const struct command *asked = x->state;
    struct recommendation_record *given;
    struct str token;
    struct jw w;
    size_t n;

    if (!asked) {
        x->state = recommendation_cmd_days(&x->pipeline, in->student, first, (int)in->days);
        return STEP_MORE;
    }
    if (!recommendation_parse_days(asked, x->arena, first, &given, &n, &token, &x->problem))
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", in->student);
    jw_int(&w, "days", in->days);
    jw_int(&w, "count", (int64_t)n);
    jw_array(&w, "recommendations");
    for (size_t i = 0; i < n; i++)
        recommend_write_record(&w, token, &given[i], x->engine->catalogue);
    jw_array_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- config ---- */

static void write_words(struct jw *w, const char *key, const char *const *words)
{
    jw_array(w, key);
    for (; *words; words++)
        jw_text(w, NULL, *words);
    jw_array_end(w);
}

static enum step config(struct exchange *x)
{
    const struct catalogue *catalogue = x->engine->catalogue;
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_object(&w, "thresholds");
    for (int i = 0; i < COMPONENTS; i++)
        jw_number(&w, component_names[i], gap_thresholds[i]);
    jw_object_end(&w);
    jw_object(&w, "gaps");
    jw_number(&w, "high", gap_high);
    jw_number(&w, "medium", gap_medium);
    jw_object_end(&w);
    write_words(&w, "actions", action_names);
    write_words(&w, "areas", component_names);
    write_words(&w, "priorities", priority_names);
    write_words(&w, "difficulties", difficulty_names);
    jw_object(&w, "limits");
    jw_int(&w, "default_recommendations", LIMIT_PRESET);
    jw_int(&w, "max_recommendations", RECOMMENDATIONS_MAX);
    jw_int(&w, "max_path_steps", PATH_STEPS_MAX);
    jw_int(&w, "max_duration_minutes", PATH_MINUTES_MAX);
    jw_int(&w, "study_minutes_a_day", STUDY_MINUTES_PER_DAY);
    jw_int(&w, "max_history_days", HISTORY_DAYS);
    jw_object_end(&w);
    jw_object(&w, "catalogue");
    jw_int(&w, "version", catalogue->version);
    jw_int(&w, "items", (int64_t)catalogue->item_count);
    jw_int(&w, "starters", (int64_t)catalogue->starter_count);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule wish_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct wish, student), .description = "The student"},
    {.name = "limit", .type = RULE_INT, .min = 1, .max = RECOMMENDATIONS_MAX, .default_value = LIMIT_PRESET, .offset = offsetof(struct wish, limit), .description = "How many at most"},
    {.name = "priority", .type = RULE_ENUM, .nullable = true, .choices = priority_names, .offset = offsetof(struct wish, priority), .present = offsetof(struct wish, priority_given), .description = "Only those of this priority"},
    {.name = "component_filter", .type = RULE_ENUM_SET, .nullable = true, .choices = component_names, .offset = offsetof(struct wish, component_filter), .description = "Only these components; empty or absent: all"},
    {0},
};

static const struct rule path_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct path_input, student), .description = "The student"},
    {.name = "target_level", .type = RULE_ENUM, .nullable = true, .choices = shape_levels, .offset = offsetof(struct path_input, target), .present = offsetof(struct path_input, target_given), .description = "The level to reach; absent: the one above the present one"},
    {.name = "max_duration_minutes", .type = RULE_INT, .nullable = true, .min = 1, .max = PATH_MINUTES_MAX, .offset = offsetof(struct path_input, max_minutes), .present = offsetof(struct path_input, max_minutes_given), .description = "Time to spend at most; absent: no limit"},
    {0},
};

static const struct rule feedback_rules[] = {
    {.name = "recommendation_id", .type = RULE_ID, .required = true, .offset = offsetof(struct feedback_input, recommendation), .description = "The recommendation, as adaptive or learning-path named it"},
    {.name = "completed", .type = RULE_BOOL, .required = true, .offset = offsetof(struct feedback_input, completed), .description = "Whether it was done"},
    {.name = "time_taken", .type = RULE_NUMBER, .nullable = true, .max = TIME_TAKEN_MAX, .offset = offsetof(struct feedback_input, minutes), .present = offsetof(struct feedback_input, minutes_given), .description = "Minutes it took"},
    {.name = "satisfaction_rating", .type = RULE_INT, .nullable = true, .min = 1, .max = 5, .offset = offsetof(struct feedback_input, rating), .present = offsetof(struct feedback_input, rating_given), .description = "How it was liked"},
    {.name = "improvement_score", .type = RULE_NUMBER, .nullable = true, .min = -1, .max = 1, .offset = offsetof(struct feedback_input, improvement), .present = offsetof(struct feedback_input, improvement_given), .description = "What it changed of the score"},
    {0},
};

static const struct rule history_rules[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct history_input, student), .description = "The student"},
    {.name = "days", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = HISTORY_DAYS, .default_value = HISTORY_DAYS_PRESET, .offset = offsetof(struct history_input, days), .description = "The last so many UTC days, today included"},
    {0},
};

#define ACTION {.name = "action", .type = RULE_ENUM, .required = true, .choices = action_names, .description = "What to do"}
#define AREA {.name = "area", .type = RULE_ENUM, .required = true, .choices = component_names, .description = "The component that it is for"}
#define PRIORITY {.name = "priority", .type = RULE_ENUM, .required = true, .choices = priority_names, .description = "high: a gap of 0.2 or more; medium: of 0.1 or more; low"}
#define FACTS                                                                                                                                  \
    {.name = "estimated_time", .type = RULE_INT, .required = true, .description = "Minutes"},                                                         \
    {.name = "difficulty", .type = RULE_ENUM, .required = true, .choices = difficulty_names, .description = "How hard it is"},                        \
    SHAPE_SCORE("score_gap", "Threshold less component; 0 when it is reached"),                                                                 \
    SHAPE_SCORE("confidence", "(1 + W + U)/(2 + W + n): W the component's evidence, U the usefulness said in n feedbacks of its kind")
#define ID {.name = "recommendation_id", .type = RULE_ID, .required = true, .description = "Names it in feedback; the same all day long"}
#define AREAS {.name = "priority_areas", .type = RULE_ENUM_SET, .required = true, .choices = component_names, .description = "Components below their thresholds, the most urgent first"}

static const struct rule item[] = {
    ID, ACTION, AREA, PRIORITY,
    {.name = "description", .type = RULE_TEXT, .required = true, .description = "Which score against which threshold, and what to do about it"},
    {.name = "resources", .type = RULE_JSON, .required = true, .description = "List of texts: what helps with it"},
    FACTS, {0},
};

static const struct rule adaptive_metadata[] = {
    SHAPE_CORRELATION,
    {.name = "generated_at", .type = RULE_TIME, .required = true, .description = "When the question was answered"},
    {.name = "mastery_score", .type = RULE_NUMBER, .required = true, .nullable = true, .max = 1, .description = "The student's score; null without data"},
    {.name = "level", .type = RULE_ENUM, .required = true, .nullable = true, .choices = shape_levels, .description = "Its level"},
    AREAS, {0},
};

static const struct rule adaptive_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "recommendations", .type = RULE_OBJECTS, .required = true, .fields = item, .description = "By gap times weight; starters for a student without data"},
    {.name = "count", .type = RULE_INT, .required = true, .description = "How many there are"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = adaptive_metadata, .description = "About this answer"},
    {0},
};

static const struct rule skill[] = {ACTION, AREA, PRIORITY, {0}};
static const struct rule compact_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "skills", .type = RULE_OBJECTS, .required = true, .fields = skill, .description = "What adaptive would recommend, in short; nothing of it is kept"},
    {.name = "count", .type = RULE_INT, .required = true, .description = "How many there are"},
    {0},
};

static const struct rule path_metadata[] = {
    {.name = "current_level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "The level now"},
    {.name = "target_level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "The level that is aimed at"},
    {.name = "days_estimate", .type = RULE_INT, .required = true, .description = "Days at 45 minutes of study"},
    {0},
};

static const struct rule path_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "path_id", .type = RULE_ID, .required = true, .description = "Names this path; the same path of the same day keeps it"},
    {.name = "recommendations", .type = RULE_OBJECTS, .required = true, .fields = item, .description = "In the order to follow, prerequisites first; empty when nothing fits the time"},
    {.name = "estimated_completion", .type = RULE_DAY, .required = true, .description = "Today and the days estimated"},
    {.name = "total_time_estimate", .type = RULE_INT, .required = true, .description = "Minutes in all"},
    AREAS,
    SHAPE_SCORE("expected_score", "The score to expect at the end"),
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = path_metadata, .description = "From where to where"},
    {0},
};

static const struct rule feedback_answer[] = {
    {.name = "status", .type = RULE_TEXT, .required = true, .description = "received"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule said[] = {
    {.name = "received_at", .type = RULE_TIME, .required = true, .description = "When it came"},
    {.name = "completed", .type = RULE_BOOL, .required = true, .description = "Whether it was done"},
    {.name = "time_taken", .type = RULE_NUMBER, .description = "Minutes it took, when told"},
    {.name = "satisfaction_rating", .type = RULE_INT, .min = 1, .max = 5, .description = "How it was liked, when told"},
    {.name = "improvement_score", .type = RULE_NUMBER, .min = -1, .max = 1, .description = "What it changed of the score, when told"},
    {0},
};

static const struct rule given[] = {
    ID,
    {.name = "recommended_at", .type = RULE_TIME, .required = true, .description = "When it was first given on its day"},
    ACTION, AREA, PRIORITY,
    {.name = "description", .type = RULE_TEXT, .required = true, .nullable = true, .description = "As it was given; null when the item has left the catalogue"},
    FACTS,
    {.name = "feedback", .type = RULE_OBJECT, .required = true, .nullable = true, .fields = said, .description = "What was said of it; null when nothing was"},
    {0},
};

static const struct rule history_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "days", .type = RULE_INT, .required = true, .description = "The window asked for"},
    {.name = "count", .type = RULE_INT, .required = true, .description = "How many there are"},
    {.name = "recommendations", .type = RULE_OBJECTS, .required = true, .fields = given, .description = "Oldest first; empty when none were given"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule gaps[] = {
    SHAPE_SCORE("high", "The least gap of high priority"),
    SHAPE_SCORE("medium", "The least gap of medium priority"),
    {0},
};

static const struct rule limits[] = {
    {.name = "default_recommendations", .type = RULE_INT, .required = true, .description = "limit when none is given"},
    {.name = "max_recommendations", .type = RULE_INT, .required = true, .description = "The greatest limit"},
    {.name = "max_path_steps", .type = RULE_INT, .required = true, .description = "Steps of a learning path"},
    {.name = "max_duration_minutes", .type = RULE_INT, .required = true, .description = "The longest time budget of a learning path"},
    {.name = "study_minutes_a_day", .type = RULE_INT, .required = true, .description = "What days are estimated by"},
    {.name = "max_history_days", .type = RULE_INT, .required = true, .description = "How long recommendations and feedback are kept"},
    {0},
};

static const struct rule about_catalogue[] = {
    {.name = "version", .type = RULE_INT, .required = true, .description = "Version of the catalogue's file"},
    {.name = "items", .type = RULE_INT, .required = true, .description = "Items in it"},
    {.name = "starters", .type = RULE_INT, .required = true, .description = "Items for students without data"},
    {0},
};

static const struct rule config_answer[] = {
    SHAPE_SUCCESS,
    {.name = "thresholds", .type = RULE_OBJECT, .required = true, .fields = shape_components, .description = "Below these a component has a gap"},
    {.name = "gaps", .type = RULE_OBJECT, .required = true, .fields = gaps, .description = "What makes a priority"},
    {.name = "actions", .type = RULE_ENUM_SET, .required = true, .choices = action_names, .description = "All actions"},
    {.name = "areas", .type = RULE_ENUM_SET, .required = true, .choices = component_names, .description = "All areas"},
    {.name = "priorities", .type = RULE_ENUM_SET, .required = true, .choices = priority_names, .description = "All priorities, the lowest first"},
    {.name = "difficulties", .type = RULE_ENUM_SET, .required = true, .choices = difficulty_names, .description = "All difficulties, the easiest first"},
    {.name = "limits", .type = RULE_OBJECT, .required = true, .fields = limits, .description = "Limits of the questions"},
    {.name = "catalogue", .type = RULE_OBJECT, .required = true, .fields = about_catalogue, .description = "What is recommended from"},
    SHAPE_CORRELATION,
    {0},
};

#define ROOT "/api/v1/recommendations"

static const struct route routes[] = {
    {.name = "recommendations-adaptive", .method = POST, .pattern = ROOT "/adaptive", .limit_per_minute = 20,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = wish_rules, .input_size = sizeof(struct wish),
     .subject_offset = offsetof(struct wish, student), .handler = adaptive, .status = 200, .response = adaptive_answer,
     .summary = "What a student should do next"},
    {.name = "recommendations-learning-path", .method = POST, .pattern = ROOT "/learning-path", .limit_per_minute = 10,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = path_rules, .input_size = sizeof(struct path_input),
     .subject_offset = offsetof(struct path_input, student), .handler = learning_path, .status = 200, .response = path_answer,
     .summary = "A way to a level within a time"},
    {.name = "recommendations-compact", .method = POST, .pattern = ROOT "/compact", .aliases = {ROOT "/mcp/skill-recommendations"}, .limit_per_minute = 30,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = wish_rules, .input_size = sizeof(struct wish),
     .subject_offset = offsetof(struct wish, student), .handler = compact, .status = 200, .response = compact_answer,
     .summary = "What a student should do next, in a few words"},
    {.name = "recommendations-feedback", .method = POST, .pattern = ROOT "/feedback", .limit_per_minute = 20,
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_AUDIT_EACH, .rules = feedback_rules, .input_size = sizeof(struct feedback_input),
     .subject_offset = NO_SUBJECT, .handler = feedback, .status = 200, .response = feedback_answer,
     .summary = "What became of a recommendation; said again, it takes the place of what was said before"},
    {.name = "recommendations-history", .method = GET, .pattern = ROOT "/{student_id}/history", .aliases = {ROOT "/recommendations/{student_id}/history"}, .limit_per_minute = 15,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = history_rules, .input_size = sizeof(struct history_input),
     .subject_offset = offsetof(struct history_input, student), .handler = history, .status = 200, .response = history_answer,
     .summary = "What was recommended to a student, and what was said of it"},
    {.name = "recommendations-config", .method = GET, .pattern = ROOT "/config", .limit_per_minute = 50,
     .access = ACCESS_ANY, .handler = config, .status = 200, .response = config_answer,
     .summary = "Thresholds, gaps, actions and limits"},
};
/* clang-format on */

const struct route_table recommendation_routes = {"recommendations", routes,
                                                  sizeof(routes) / sizeof(routes[0])};
