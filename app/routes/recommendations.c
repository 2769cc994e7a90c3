/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/recommendations: adaptive, learning-path, compact, history, config, and the table of all
 * routes; recommendation_feedback.c has the handler of feedback. domain/recommendation.c and
 * service/recommend.c choose what is recommended from the catalogue (the items that can be
 * recommended). The id of a recommendation does not reveal its student: it contains a token, a
 * random text, and the student is found under the token in Redis. */
#include "app/base/clock.h"
#include "app/pipeline/exchange.h"
#include "app/routes/recommendation_feedback.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/catalogue.h"
#include "app/service/recommend_json.h"

enum {
    LIMIT_PRESET = 5,        /* recommendations in a response by default */
    PATH_MINUTES_MAX = 1440, /* longest duration that a path can be limited to */
    HISTORY_DAYS_PRESET = 30,
};

/* ---- adaptive and compact ---- */

/* Input of adaptive (recommendations in full, which are stored so that feedback can name them) and
 * of compact (the same in short, not stored). */
struct items_input {
    struct str student;
    int64_t limit; /* most recommendations in the response */
    bool has_priority;
    int priority; /* enum priority: only recommendations of this one, if has_priority */
    uint32_t component_filter; /* components to recommend for: bit i is component i; 0: all */
};

/* Makes the state of a request for recommendations, and stores it in x->state. Returns NULL with
 * x->problem set when out of memory. */
static struct recommend *recommend_new(struct exchange *x, enum recommend_kind kind,
                                       struct str student)
{
    struct recommend *recommend = exchange_new_state(x, sizeof(*recommend));

    if (!recommend)
        return NULL;
    recommend->kind = kind;
    recommend->student = student;
    recommend->now_ms = x->now_ms;
    return recommend;
}

/* Runs one step of the handler of the route adaptive (RECOMMEND_ITEMS: the recommendations are
 * stored, with ids for feedback) or compact (RECOMMEND_PREVIEW: they are not). Returns STEP_MORE
 * while replies are awaited; STEP_DONE when x->state holds the recommendations or x->problem is
 * set. */
static enum step recommend_items_step(struct exchange *x, enum recommend_kind kind)
{
    const struct items_input *input = x->input;
    struct recommend *recommend = x->state;

    if (!recommend) {
        recommend = recommend_new(x, kind, input->student);
        if (!recommend)
            return STEP_DONE;
        recommend->filter =
            (struct recommendation_filter){.limit = (size_t)input->limit,
                                           .has_priority = input->has_priority,
                                           .priority = (enum priority)input->priority,
                                           .component_filter = input->component_filter};
    }
    return recommend_step(recommend, x->engine, &x->pipeline, &x->problem);
}

/* Handler of adaptive. A student without data gets the starters of the catalogue (its
 * items for such students); mastery_score and level are then null. */
static enum step recommend_adaptive(struct exchange *x)
{
    enum step step = recommend_items_step(x, RECOMMEND_ITEMS);
    const struct recommend *recommend = x->state;
    struct jw w;

    if (step == STEP_MORE || x->problem.code != PROBLEM_NONE)
        return step;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", recommend->student);
    recommend_write_items(&w, recommend, x->engine->catalogue);
    jw_int(&w, "count", (int64_t)recommend->n);
    jw_object(&w, "metadata");
    jw_str(&w, "correlation_id", x->request_id);
    jw_time(&w, "generated_at", x->now_ms);
    if (recommend->has_data) {
        jw_number(&w, "mastery_score", recommend->learner.score);
        jw_text(&w, "level", level_names[mastery_level(recommend->learner.score)]);
    } else {
        jw_null(&w, "mastery_score");
        jw_null(&w, "level");
    }
    recommend_write_areas(&w, "priority_areas", &recommend->learner);
    jw_object_end(&w);
    jw_object_end(&w); /* not exchange_json_end: the correlation id is in the metadata */
    return STEP_DONE;
}

/* Handler of compact: the recommendations of adaptive without texts, estimates and ids: only
 * action, area and priority. They are not stored, so feedback cannot name them. */
static enum step recommend_compact(struct exchange *x)
{
    enum step step = recommend_items_step(x, RECOMMEND_PREVIEW);
    const struct recommend *recommend = x->state;
    struct jw w;

    if (step == STEP_MORE || x->problem.code != PROBLEM_NONE)
        return step;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", recommend->student);
    jw_array(&w, "skills");
    for (size_t i = 0; i < recommend->n; i++) {
        jw_object(&w, NULL);
        jw_text(&w, "action", action_names[recommend->v[i].content->action]);
        recommend_write_area(&w, &recommend->v[i]);
        jw_text(&w, "priority", priority_names[recommend->v[i].priority]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_int(&w, "count", (int64_t)recommend->n);
    jw_object_end(&w); /* not exchange_json_end: the response has no correlation id */
    return STEP_DONE;
}

/* ---- learning path ---- */

/* Input of learning-path: the student, and optional limits of the path. */
struct path_input {
    struct str student;
    bool has_target;
    int target; /* enum level to reach, if has_target */
    bool has_max_minutes;
    int64_t max_minutes; /* longest duration of the path; 0: no limit */
};

/* Handler of learning-path. The path is stored, so that feedback can be given on its items. */
static enum step recommend_learning_path(struct exchange *x)
{
    const struct path_input *input = x->input;
    struct recommend *recommend = x->state;
    struct jw w;

    if (!recommend) {
        recommend = recommend_new(x, RECOMMEND_PATH, input->student);
        if (!recommend)
            return STEP_DONE;
        recommend->path_options = (struct path_options){.has_target = input->has_target,
                                                        .target = (enum level)input->target,
                                                        .max_minutes = (int)input->max_minutes};
    }
    if (recommend_step(recommend, x->engine, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", recommend->student);
    recommend_write_path(&w, recommend, x->engine->catalogue);
    jw_object_end(&w); /* not exchange_json_end: the response has no correlation id */
    return STEP_DONE;
}

/* ---- history ---- */

/* Input of recommendations/history. */
struct history_input {
    struct str student;
    int64_t days; /* number of UTC days, today included */
};

/* Handler of history: one round trip, then the recommendations of the days. The texts are those of
 * the present catalogue; a recommendation whose item is no longer in it is shown without text. The
 * id of each recommendation contains the token instead of the student's id. */
static enum step recommend_history(struct exchange *x)
{
    const struct history_input *input = x->input;
    int32_t first = day_of_ms(x->now_ms) - (int32_t)input->days + 1;
    const struct command *days = x->state;
    struct recommendation_record *records;
    struct str token;
    struct jw w;
    size_t n;

    if (!days) {
        x->state = recommendation_cmd_days(&x->pipeline, input->student, first, (int)input->days);
        return STEP_MORE;
    }
    if (!recommendation_parse_days(days, x->arena, first, &records, &n, &token, &x->problem))
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", input->student);
    jw_int(&w, "days", input->days);
    jw_int(&w, "count", (int64_t)n);
    jw_array(&w, "recommendations");
    for (size_t i = 0; i < n; i++)
        recommend_write_record(&w, token, &records[i], x->engine->catalogue);
    jw_array_end(&w);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- config ---- */

/* Writes the names as a list of texts under the key. names ends with NULL. */
static void config_write_names(struct jw *w, const char *key, const char *const *names)
{
    jw_array(w, key);
    for (; *names; names++)
        jw_text(w, NULL, *names);
    jw_array_end(w);
}

/* Handler of config: shows thresholds, limits and the values of enumerations, for clients that
 * show or check them. */
static enum step recommend_config(struct exchange *x)
{
    const struct catalogue *catalogue = x->engine->catalogue;
    struct jw w;

    exchange_json_begin(x, 200, &w);
    jw_object(&w, "thresholds");
    for (int i = 0; i < COMPONENTS; i++)
        jw_number(&w, component_names[i], gap_thresholds[i]);
    jw_object_end(&w);
    jw_object(&w, "gaps");
    jw_number(&w, "high", gap_high);
    jw_number(&w, "medium", gap_medium);
    jw_object_end(&w);
    config_write_names(&w, "actions", action_names);
    config_write_names(&w, "areas", component_names);
    config_write_names(&w, "priorities", priority_names);
    config_write_names(&w, "difficulties", difficulty_names);
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
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
/* Input of adaptive (recommendations in full) and of compact (the same in short). */
static const struct rule items_rules[] = RULES(
    BODY_STUDENT(items_input),
    BODY(INT, "limit", items_input, limit, "How many at most", .min = 1, .max = RECOMMENDATIONS_MAX,
          .default_value = LIMIT_PRESET),
    BODY(ENUM, "priority", items_input, priority, "Only those of this priority", .nullable = true,
          .choices = priority_names, .present = offsetof(struct items_input, has_priority)),
    BODY(ENUM_SET, "component_filter", items_input, component_filter,
          "Only these components; empty or absent: all", .nullable = true,
          .choices = component_names));

const struct rule recommendation_path_rules[] = RULES(
    BODY_STUDENT(path_input),
    BODY(ENUM, "target_level", path_input, target,
          "The level to reach; absent: the one above the present one", .nullable = true,
          .choices = shape_levels, .present = offsetof(struct path_input, has_target)),
    BODY(INT, "max_duration_minutes", path_input, max_minutes,
          "Time to spend at most; absent: no limit", .nullable = true, .min = 1,
          .max = PATH_MINUTES_MAX, .present = offsetof(struct path_input, has_max_minutes)));

static const struct rule history_rules[] = RULES(
    PATH_STUDENT(history_input),
    QUERY(INT, "days", history_input, days, "The last so many UTC days, today included", .min = 1,
          .max = HISTORY_DAYS, .default_value = HISTORY_DAYS_PRESET));

/* Fields of a recommendation. compact shows only the first three, adaptive all of them. */
#define ACTION FIELD(ENUM, "action", "What to do", .choices = action_names)
#define AREA                                                                                       \
    FIELD(TEXT, "area", "The component that it is for; with topics quiz:TOPIC or quality:TOPIC")
#define PRIORITY                                                                                   \
    FIELD(ENUM, "priority", "high: a gap of 0.2 or more; medium: of 0.1 or more; low",             \
          .choices = priority_names)
#define WHY                                                                                        \
    FIELD(ENUM, "reason", "starter: no data about the student; unknown: none about the "           \
                          "component; gap: it is below its threshold; new: it is not",             \
          .choices = reason_names),                                                                \
    FIELD(NUMBER, "component_value", "The component, cut after three decimals; null for starter "  \
                                     "and unknown", .nullable = true, .max = 1),                   \
    SHAPE_SCORE("threshold", "Of the component")
#define ESTIMATES                                                                                  \
    FIELD(INT, "estimated_time", "Minutes"),                                                       \
    FIELD(ENUM, "difficulty", "How hard it is", .choices = difficulty_names),                      \
    SHAPE_SCORE("score_gap", "Threshold less component; 0 when it is reached"),                    \
    SHAPE_SCORE("confidence", "(1 + W + U)/(2 + W + n): W the component's evidence, U the "        \
                              "usefulness reported in n feedbacks of its kind")
#define RECOMMENDATION_ID                                                                          \
    FIELD(ID, "recommendation_id", "Names it in feedback; the same all day long")
#define PRIORITY_AREAS                                                                             \
    FIELD(ENUM_SET, "priority_areas", "Components below their thresholds, the largest gap first",  \
          .choices = component_names)

/* One recommendation in full, as adaptive (what to do now) and learning-path (steps to a level, in
 * their order) show it. */
static const struct rule item[] = RULES(
    RECOMMENDATION_ID, ACTION, AREA, PRIORITY,
    FIELD(TEXT, "description", "Which score against which threshold, and what to do about it"),
    FIELD(TEXT, "instruction", "The second half of the description: what to do"), WHY,
    FIELD(TEXTS, "resources", "What helps with it"),
    ESTIMATES);

/* Metadata of the response of adaptive: what the recommendations are based on. */
static const struct rule adaptive_metadata[] = RULES(
    SHAPE_CORRELATION,
    FIELD(TIME, "generated_at", "When the request was processed"),
    FIELD(NUMBER, "mastery_score", "The student's score; null without data", .nullable = true,
          .max = 1),
    FIELD(ENUM, "level", "Its level", .nullable = true, .choices = shape_levels),
    PRIORITY_AREAS);

static const struct rule adaptive_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(OBJECTS, "recommendations", "By gap times weight; starters for a student without data",
          .fields = item, .schema = "Recommendation"),
    FIELD(INT, "count", "How many there are"),
    FIELD(OBJECT, "metadata", "About this answer", .fields = adaptive_metadata));

/* A recommendation in short, as compact shows it. */
static const struct rule skill[] = RULES(ACTION, AREA, PRIORITY);
static const struct rule compact_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(OBJECTS, "skills", "What adaptive would recommend, in short; nothing of it is stored",
          .fields = skill),
    FIELD(INT, "count", "How many there are"));

/* Start and goal of the path, and how long it takes. */
static const struct rule path_metadata[] = RULES(
    FIELD(ENUM, "current_level", "The level now", .choices = shape_levels),
    FIELD(ENUM, "target_level", "The level that is aimed at", .choices = shape_levels),
    FIELD(INT, "days_estimate", "Days at 45 minutes of study"));

static const struct rule path_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(ID, "path_id", "Names this path; the same path has the same id all day"),
    FIELD(OBJECTS, "recommendations",
          "In the order to follow, prerequisites first; empty when nothing fits the time",
          .fields = item, .schema = "Recommendation"),
    FIELD(DAY, "estimated_completion", "Today and the days estimated"),
    FIELD(INT, "total_time_estimate", "Minutes in all"),
    PRIORITY_AREAS,
    SHAPE_SCORE("expected_score", "The score to expect at the end"),
    FIELD(OBJECT, "metadata", "From where to where", .fields = path_metadata));

/* Response of feedback: the same for new feedback and for feedback that replaces an older one. */
static const struct rule feedback_response[] = RULES(
    FIELD(TEXT, "status", "received"), SHAPE_CORRELATION);

/* The latest feedback on a recommendation; earlier ones are replaced. */
static const struct rule feedback_fields[] = RULES(
    FIELD(TIME, "received_at", "When it came"),
    FIELD(BOOL, "completed", "Whether it was done"),
    OPTIONAL(NUMBER, "time_taken", "Minutes it took, when reported"),
    OPTIONAL(INT, "satisfaction_rating", "How it was liked, when reported", .min = 1, .max = 5),
    OPTIONAL(NUMBER, "improvement_score", "What it changed of the score, when reported", .min = -1,
          .max = 1));

/* A stored recommendation. Its texts come from the present catalogue. */
static const struct rule record_fields[] = RULES(
    RECOMMENDATION_ID,
    FIELD(TIME, "recommended_at", "When it was first recommended on its day"),
    ACTION,
    FIELD(ENUM, "area", "The component that it was for", .choices = component_names), PRIORITY,
    FIELD(TEXT, "description", "Its text; null when the item has left the catalogue",
          .nullable = true),
    FIELD(TEXT, "instruction", "Its second half: what to do; null likewise", .nullable = true),
    WHY, ESTIMATES,
    FIELD(OBJECT, "feedback", "The feedback on it; null without", .nullable = true,
          .fields = feedback_fields));

static const struct rule history_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(INT, "days", "The window, as requested"),
    FIELD(INT, "count", "How many there are"),
    FIELD(OBJECTS, "recommendations", "Oldest first; empty when there are none",
          .fields = record_fields), SHAPE_CORRELATION);

/* The least gaps from which a recommendation has high or medium priority. A gap is the threshold of
 * a component minus its value. */
static const struct rule gaps[] = RULES(
    SHAPE_SCORE("high", "The least gap of high priority"),
    SHAPE_SCORE("medium", "The least gap of medium priority"));

/* Limits and defaults of the requests, and the study time from which days are estimated. */
static const struct rule limits[] = RULES(
    FIELD(INT, "default_recommendations", "limit when absent"),
    FIELD(INT, "max_recommendations", "The greatest limit"),
    FIELD(INT, "max_path_steps", "Steps of a learning path"),
    FIELD(INT, "max_duration_minutes", "The longest time budget of a learning path"),
    FIELD(INT, "study_minutes_a_day", "What days are estimated by"),
    FIELD(INT, "max_history_days", "Days for which recommendations and feedback are stored"));

/* The catalogue that this process loaded at its start. */
static const struct rule catalogue_fields[] = RULES(
    FIELD(INT, "version", "Version of the catalogue's file"),
    FIELD(INT, "items", "Items in it"),
    FIELD(INT, "starters", "Items for students without data"));

static const struct rule config_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECT, "thresholds", "Below these a component has a gap", SHAPE_OF_COMPONENTS),
    FIELD(OBJECT, "gaps", "What makes a priority", .fields = gaps),
    FIELD(ENUM_SET, "actions", "All actions", .choices = action_names),
    FIELD(ENUM_SET, "areas", "All areas", .choices = component_names),
    FIELD(ENUM_SET, "priorities", "All priorities, the lowest first", .choices = priority_names),
    FIELD(ENUM_SET, "difficulties", "All difficulties, the easiest first",
          .choices = difficulty_names),
    FIELD(OBJECT, "limits", "Limits of the requests", .fields = limits),
    FIELD(OBJECT, "catalogue", "The catalogue of items", .fields = catalogue_fields),
    SHAPE_CORRELATION);

#define ROOT "/api/v1/recommendations"

static const struct route routes[] = {
    {.name = "recommendations-adaptive", .method = POST, .pattern = ROOT "/adaptive",
     .limit_per_minute = 20, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = items_rules, .input_size = sizeof(struct items_input), .handler = recommend_adaptive,
     .status = 200, .response = adaptive_response, .summary = "What a student should do next"},
    {.name = "recommendations-learning-path", .method = POST, .pattern = ROOT "/learning-path",
     .limit_per_minute = 10, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = recommendation_path_rules, .input_size = sizeof(struct path_input),
     .handler = recommend_learning_path, .status = 200, .response = path_response,
     .summary = "A learning path to a level within a time"},
    {.name = "recommendations-compact", .method = POST, .pattern = ROOT "/compact",
     .aliases = {ROOT "/mcp/skill-recommendations"}, .limit_per_minute = 30,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = items_rules,
     .input_size = sizeof(struct items_input), .handler = recommend_compact, .status = 200,
     .response = compact_response, .summary = "What a student should do next, in short"},
    {.name = "recommendations-feedback", .method = POST, .pattern = ROOT "/feedback",
     .limit_per_minute = 20, .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_AUDIT_EACH,
     .rules = recommendation_feedback_rules, .input_size = sizeof(struct feedback_input),
     .handler = recommend_feedback, .status = 200, .response = feedback_response,
     .summary = "Reports what became of a recommendation; replaces an earlier report"},
    {.name = "recommendations-history", .method = GET, .pattern = ROOT "/{student_id}/history",
     .aliases = {ROOT "/recommendations/{student_id}/history"}, .limit_per_minute = 15,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = history_rules,
     .input_size = sizeof(struct history_input), .handler = recommend_history, .status = 200,
     .response = history_response,
     .summary = "What was recommended to a student, with the feedback"},
    {.name = "recommendations-config", .method = GET, .pattern = ROOT "/config",
     .limit_per_minute = 50, .access = ACCESS_ANY, .handler = recommend_config, .status = 200,
     .response = config_response, .summary = "Thresholds, gaps, actions and limits"},
};
/* clang-format on */

const struct route_table recommendation_routes = {
    "recommendations", routes, sizeof(routes) / sizeof(routes[0]), "What a student should do next"};
