/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/predictions: next-week, trajectory, intervention, accuracy; predictions_config.c has
 * config. domain/prediction.c holds the model, service/predict.c stores and reuses predictions.
 * Without the student's consent to analytics no route here says anything about a student. An
 * intervention is a help for the student, such as tutoring, whose expected gain the model knows. */
#include "app/routes/predictions.h"

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/predict.h"
#include "app/service/statistics_json.h"
#include "app/store/prediction.h"

/* TRAJECTORY_PRESET: default length of a trajectory in days. LOOKBACK_PRESET: default number of
 * past days for accuracy. */
enum { TRAJECTORY_PRESET = 14, LOOKBACK_PRESET = 7 };

/* ---- next-week and intervention ---- */

/* Input of next-week and intervention. */
struct day_input {
    struct str student;
    int64_t days;     /* number of days from today to the predicted day */
    int intervention; /* index in intervention_names; only the intervention route has this field */
    int model;        /* enum prediction_model, if has_model */
    bool has_model;   /* the request names a model; only the next-week route has this field */
};

/* Predicts the score of one day, by the configured model unless the request names one. intervention
 * is an index in intervention_names, or NO_INTERVENTION. An earlier prediction is used again while
 * the student's state has not changed: the members of its response were stored, and are copied. */
static enum step predict_day(struct exchange *x, int intervention)
{
    const struct day_input *in = x->input;
    struct predict *p = x->state;
    struct jw w;

    if (!p) {
        p = exchange_new_state(x, sizeof(*p));
        if (!p)
            return STEP_DONE;
        p->student = in->student;
        p->model =
            in->has_model ? (enum prediction_model)in->model : predict_model(&x->engine->config);
        p->days_ahead = (int)in->days;
        p->intervention = intervention;
        p->now_ms = x->now_ms;
    }
    if (predict_step(p, x->engine, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    buf_str(&x->response.body, p->json_members);
    w.comma = true; /* the writer does not know the members copied above */
    exchange_json_end(x, &w);
    (void)http_response_header(&x->response, "X-Cache", p->reused ? STR("HIT") : STR("MISS"));
    metrics_add(x->engine->metrics, p->reused ? METRIC_CACHE_HITS : METRIC_CACHE_MISSES, NULL, NULL,
                1);
    return STEP_DONE;
}

/* Handler of next-week: the prediction without an intervention. */
static enum step predict_next_week(struct exchange *x)
{
    return predict_day(x, NO_INTERVENTION);
}

/* Handler of intervention: the prediction if the named intervention takes place; the model adds its
 * expected gain. */
static enum step predict_intervention(struct exchange *x)
{
    const struct day_input *in = x->input;

    return predict_day(x, in->intervention);
}

/* ---- trajectory ---- */

/* Input of trajectory (days ahead) and accuracy (days back). */
struct days_input {
    struct str student;
    int64_t days; /* trajectory: number of days ahead; accuracy: number of days back */
};

/* State of trajectory and accuracy between their steps: the commands that read a student's state
 * and daily scores. */
struct history_state {
    struct command *state, *days;
    struct command *predictions; /* reads the stored predictions; accuracy only */
};

/* Queues the reading of a student's state and daily scores. Returns NULL with x->problem set
 * when out of memory. */
static struct history_state *history_queue(struct exchange *x, struct str student)
{
    struct history_state *s = exchange_new_state(x, sizeof(*s));

    if (!s)
        return NULL;
    s->state = student_cmd_state(&x->pipeline, student);
    s->days = history_cmd(&x->pipeline, student, s->state, day_of_ms(x->now_ms));
    return s;
}

/* Parses the daily scores from the replies, after checking the student's consent. Returns false
 * with x->problem set, to 403 without consent to analytics, to 404 without data. */
static bool history_parse_consented(struct exchange *x, const struct history_state *s,
                                    struct history *ret)
{
    struct mastery_state state;

    if (!student_parse_state(s->state, &state, &x->problem))
        return false;
    if (student_has_withdrawn(s->state, CONSENT_ANALYTICS))
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
    return x->problem.code == PROBLEM_NONE &&
           history_parse_nonempty(s->days, &state, ret, &x->problem);
}

/* Writes the n points of the trajectory, and then their confidences once more as a plain list,
 * which charts can use directly. */
static void trajectory_write_points(struct jw *w, const struct prediction *points, int n,
                                    int32_t today)
{
    jw_array(w, "trajectory");
    for (int i = 0; i < n; i++) {
        const struct prediction *p = &points[i];

        jw_object(w, NULL);
        jw_int(w, "days_from_now", p->day - today);
        jw_day(w, "date", p->day);
        jw_number(w, "predicted_score", p->score);
        statistics_write_interval(w, "interval", &p->interval);
        jw_number(w, "confidence", p->confidence);
        jw_text(w, "level", level_names[p->level]);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_array(w, "confidence_over_time");
    for (int i = 0; i < n; i++)
        jw_number(w, NULL, points[i].confidence);
    jw_array_end(w);
}

/* Writes those of the n points whose predicted score is under the threshold for an intervention. */
static void trajectory_write_interventions(struct jw *w, const struct prediction *points, int n,
                                           int32_t today)
{
    jw_array(w, "intervention_points");
    for (int i = 0; i < n; i++) {
        if (!points[i].intervention_needed)
            continue;
        jw_object(w, NULL);
        jw_int(w, "days_from_now", points[i].day - today);
        jw_day(w, "date", points[i].day);
        jw_number(w, "predicted_score", points[i].score);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Handler of trajectory: one round trip, then the model is fitted once and evaluated for each day.
 * These predictions are not stored, so the accuracy route does not know them. */
static enum step predict_trajectory(struct exchange *x)
{
    const struct days_input *in = x->input;
    int32_t today = day_of_ms(x->now_ms);
    struct prediction points[TIMEFRAME_MAX];
    struct history history;
    struct forecast forecast;
    struct jw w;

    if (!x->state)
        return history_queue(x, in->student) ? STEP_MORE : STEP_DONE;
    if (!history_parse_consented(x, x->state, &history))
        return STEP_DONE;
    predict_fit(&x->engine->config, predict_model(&x->engine->config), &history, today, &forecast);
    for (int i = 0; i < in->days; i++)
        forecast_at(&forecast, today + i + 1, /* factor: no intervention */ 0, &points[i]);
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", in->student);
    trajectory_write_points(&w, points, (int)in->days, today);
    trajectory_write_interventions(&w, points, (int)in->days, today);
    jw_text(&w, "overall_trend", points[in->days - 1].trend);
    jw_object(&w, "metadata");
    predict_write_model(&w, &forecast);
    jw_object_end(&w);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- accuracy ---- */

/* Selects the predictions that were made on a day from `first` to `today`, or that predict one of
 * these days. Those that assume an intervention are not selected, but counted in
 * *ret_conditional_count: no record says whether the intervention took place, so such a prediction
 * cannot be compared with a true score. model: name of the only model to select, which a record has
 * as NAME/VERSION; NULL: all. ret has room for n predictions. Returns the number of selected ones.
 */
static size_t accuracy_select(const struct prediction_record *records, size_t n, const char *model,
                              int32_t first, int32_t today, struct stored_prediction *ret,
                              size_t *ret_conditional_count)
{
    size_t selected_count = 0;

    *ret_conditional_count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct prediction_record *r = &records[i];
        struct str name_and_version = r->model;

        if (day_of_ms(r->made_at_ms) < first && (r->target_day < first || r->target_day > today))
            continue;
        if (model && !str_equal(str_cut(&name_and_version, '/'), str_of(model)))
            continue;
        if (r->intervention.n > 0)
            (*ret_conditional_count)++;
        else
            ret[selected_count++] =
                (struct stored_prediction){r->target_day, r->score, r->lower, r->upper};
    }
    return selected_count;
}

/* The accuracy of all predictions together, and of each model. */
struct accuracies {
    struct accuracy all, of_model[PREDICTION_MODELS];
};

/* Compares the stored predictions of the last days (the number of days is in the request) with the
 * scores that the student had on the predicted days. Returns false with x->problem set on an error.
 */
static bool accuracy_measure(struct exchange *x, const struct history_state *s,
                             struct accuracies *ret)
{
    const struct days_input *in = x->input;
    int32_t today = day_of_ms(x->now_ms), first = today - (int32_t)in->days + 1;
    struct prediction_record *records;
    struct stored_prediction *selected;
    struct history history;
    size_t n, selected_count;
    size_t conditional_count; /* predictions that assume an intervention (accuracy_select) */

    if (!history_parse_consented(x, s, &history) ||
        !prediction_parse_list(s->predictions, x->arena, &records, &n, &x->problem))
        return false;
    selected = arena_array(x->arena, n, sizeof(*selected));
    if (!selected) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    /* the last pass is for all models together: its name is NULL */
    for (int model = 0; model <= PREDICTION_MODELS; model++) {
        struct accuracy *a = model < PREDICTION_MODELS ? &ret->of_model[model] : &ret->all;

        selected_count = accuracy_select(records, n, prediction_model_names[model], first, today,
                                         selected, &conditional_count);
        accuracy_of(selected, selected_count, history.days, history.n, today, a);
        a->total_predictions += conditional_count; /* counted, but never verified */
    }
    return true;
}

/* Writes the members of one accuracy. within_variance_rate is the share of true scores inside the
 * predicted interval; recent_accuracy is 1 minus the mean error of the last RECENT_PREDICTIONS
 * verified predictions. The caller begins and ends the object. */
static void accuracy_write(struct jw *w, const struct accuracy *a)
{
    jw_int(w, "total_predictions", (int64_t)a->total_predictions);
    jw_int(w, "verified_predictions", (int64_t)a->verified_predictions);
    jw_number(w, "average_error", a->average_error);
    jw_number(w, "within_variance_rate", a->within_variance_rate);
    jw_number(w, "recent_accuracy", a->recent_accuracy);
}

/* Handler of accuracy: reads state, daily scores and stored predictions in one round trip, then
 * responds. */
static enum step predict_accuracy(struct exchange *x)
{
    const struct days_input *in = x->input;
    struct history_state *s = x->state;
    struct accuracies a;
    struct jw w;

    if (!s) {
        s = history_queue(x, in->student);
        if (!s)
            return STEP_DONE;
        s->predictions = prediction_cmd_list(&x->pipeline, in->student, PREDICTIONS_READ_MAX);
        return STEP_MORE;
    }
    if (!accuracy_measure(x, s, &a))
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", in->student);
    jw_int(&w, "lookback_days", in->days);
    jw_object(&w, "metrics");
    accuracy_write(&w, &a.all);
    jw_object_end(&w);
    jw_array(&w, "models");
    for (int i = 0; i < PREDICTION_MODELS; i++) {
        if (a.of_model[i].total_predictions == 0)
            continue;
        jw_object(&w, NULL);
        jw_text(&w, "model", prediction_model_names[i]);
        accuracy_write(&w, &a.of_model[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_text(&w, "model_version", PREDICTION_MODEL_VERSION);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
#define TIMEFRAME                                                                                  \
    BODY(INT, "timeframe_days", day_input, days, "How many days ahead", .min = 1,                  \
         .max = TIMEFRAME_MAX, .default_value = TIMEFRAME_PRESET)

const struct rule prediction_next_week_rules[] = RULES(
    BODY_STUDENT(day_input), TIMEFRAME,
    BODY(ENUM, "model", day_input, model, "By which model; absent: the configured one",
         .choices = prediction_model_names, .present = offsetof(struct day_input, has_model)));

/* Input of intervention: the fields of next-week, and the name of the intervention. */
static const struct rule intervention_rules[] = RULES(
    BODY_STUDENT(day_input),
    BODY(ENUM, "intervention_type", day_input, intervention, "On condition of what",
          .required = true,
          .choices = intervention_names),
    TIMEFRAME);

static const struct rule trajectory_rules[] = RULES(
    BODY_STUDENT(days_input),
    BODY(INT, "days", days_input, days, "How many days, from tomorrow on", .min = 1,
          .max = TIMEFRAME_MAX, .default_value = TRAJECTORY_PRESET));

static const struct rule accuracy_rules[] = RULES(
    PATH_STUDENT(days_input),
    QUERY(INT, "days", days_input, days,
          "Predictions made in the last so many UTC days, or about one of them", .min = 1,
          .max = 30, .default_value = LOOKBACK_PRESET));

/* How the prediction was made. For every model, slope (score a day), intercept and R^2 are those of
 * the least-squares line. */
#define MODEL_FIELDS                                                                               \
    FIELD(ENUM, "model", "Name of the model", .choices = prediction_model_names),                  \
    FIELD(TEXT, "model_version", "Its version"),                                                   \
    FIELD(INT, "historical_days", "Days with a score that went in"),                               \
    FIELD(DAY, "day_zero", "The first of them, where the intercept is taken"),                     \
    FIELD(NUMBER, "slope", "Of the line of least squares, a day"),                                 \
    FIELD(NUMBER, "intercept", "The line's value on day_zero"),                                    \
    FIELD(NUMBER, "r_squared", "Share of the variance that the line explains; 0 when there is "    \
          "none, null with fewer than 3 days", .max = 1, .nullable = true),                        \
    SHAPE_SCORE("latest_score", "The score of the last day"),                                      \
    OPTIONAL(TEXT, "warning", "insufficient_history: fewer than 3 days with a score")

static const struct rule model_metadata[] = RULES(MODEL_FIELDS);

/* The effect of the intervention on the predicted score. */
static const struct rule impact[] = RULES(
    FIELD(ENUM, "type", "The intervention", .choices = intervention_names),
    SHAPE_SCORE("factor", "Share of what is lacking that it is expected to make up for"),
    SHAPE_SCORE("gain", "What it adds to the predicted score"));

static const struct rule intervention_metadata[] = RULES(
    MODEL_FIELDS,
    FIELD(OBJECT, "intervention_impact", "What the intervention is expected to do",
          .fields = impact));

#define INTERVAL_FIELD                                                                             \
    FIELD(OBJECT, "interval", "What the score to come falls in with the probability level",        \
          SHAPE_OF_INTERVAL)
#define CONFIDENCE_FIELD                                                                           \
    SHAPE_SCORE("confidence", "Probability that the score to come is of that level")

#define TREND_TEXT                                                                                 \
    "Whether the score changes by over 0.01, in a direction that has a probability of at least "   \
    "0.6; of least_squares: by slope a day, over 0.002, under -0.002, or between"

#define PREDICTION_FIELDS(metadata_fields)                                                         \
    SHAPE_SUCCESS, SHAPE_STUDENT,                                                                  \
    SHAPE_SCORE("predicted_score", "What the model predicts for that day"),                        \
    CONFIDENCE_FIELD, INTERVAL_FIELD,                                                              \
    FIELD(ENUM, "trend", TREND_TEXT, .choices = shape_trends),                                     \
    FIELD(BOOL, "intervention_needed", "The predicted score is under 0.5"),                        \
    FIELD(INT, "timeframe_days", "How many days ahead", .min = 1, .max = TIMEFRAME_MAX),           \
    FIELD(ENUM, "predicted_level", "Level of the predicted score", .choices = shape_levels),       \
    FIELD(OBJECT, "components_projection", "Each component, by the same model",                    \
          SHAPE_OF_COMPONENTS),                                                             \
    FIELD(TIME, "timestamp", "When it was predicted"),                                             \
    FIELD(OBJECT, "metadata", "About the model", .fields = metadata_fields),                       \
    SHAPE_CORRELATION

/* The responses of next-week and intervention have the same fields, except in the metadata. */
static const struct rule next_week_response[] = RULES(PREDICTION_FIELDS(model_metadata));
static const struct rule intervention_response[] = RULES(PREDICTION_FIELDS(intervention_metadata));

/* A day ahead, with its predicted score. */
#define AHEAD_FIELDS                                                                               \
    FIELD(INT, "days_from_now", "How many days ahead", .min = 1, .max = TIMEFRAME_MAX),            \
    FIELD(DAY, "date", "UTC day"),                                                                 \
    SHAPE_SCORE("predicted_score", "What the model predicts for that day")

/* One day of a trajectory, with its predicted score. */
static const struct rule trajectory_point[] = RULES(
    AHEAD_FIELDS, INTERVAL_FIELD, CONFIDENCE_FIELD,
    FIELD(ENUM, "level", "Level of the predicted score", .choices = shape_levels));
/* A day whose predicted score is under the threshold for an intervention; only AHEAD_FIELDS: how
 * many days ahead, the date, the predicted score. */
static const struct rule intervention_point[] = RULES(AHEAD_FIELDS);

static const struct rule trajectory_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(OBJECTS, "trajectory", "Day by day", .fields = trajectory_point),
    FIELD(NUMBERS, "confidence_over_time", "The confidences alone", .max = 1),
    FIELD(OBJECTS, "intervention_points", "The days with a predicted score under 0.5",
          .fields = intervention_point),
    FIELD(ENUM, "overall_trend", "Of the last day. " TREND_TEXT, .choices = shape_trends),
    FIELD(OBJECT, "metadata", "About the model", .fields = model_metadata), SHAPE_CORRELATION);

/* The accuracy of some predictions. All figures except total_predictions are 0 while none of them
 * is verified: its day must have come, and it must not assume an intervention. */
#define ACCURACY_FIELDS                                                                            \
    FIELD(INT, "total_predictions", "Predictions made in the window or about a day in it, those "  \
          "on condition of an intervention included"),                                             \
    FIELD(INT, "verified_predictions",                                                             \
          "Those without a condition whose day has come: the following are computed from these"),  \
    SHAPE_SCORE("average_error",                                                                   \
          "Mean distance between what was predicted and what came true; 0 without any"),           \
    SHAPE_SCORE("within_variance_rate",                                                            \
          "Share of true scores inside the predicted interval; 0 without any"),                    \
    SHAPE_SCORE("recent_accuracy", "1 less the mean error of the last ten; 0 without any")

static const struct rule accuracy_metrics[] = RULES(ACCURACY_FIELDS);
static const struct rule accuracy_model[] = RULES(
    FIELD(ENUM, "model", "The model that made them", .choices = prediction_model_names),
    ACCURACY_FIELDS);

static const struct rule accuracy_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(INT, "lookback_days", "As requested"),
    FIELD(OBJECT, "metrics", "How the predictions compare with what came true",
          .fields = accuracy_metrics),
    FIELD(OBJECTS, "models", "The same by model, of those that made any",
          .fields = accuracy_model),
    FIELD(TEXT, "model_version", "Version of the model in use"), SHAPE_CORRELATION);

/* Each route has an alias, its older path under /api/v1/analytics. */
#define PREDICTIONS(path)                                                                          \
    .pattern = "/api/v1/predictions/" path, .aliases = {"/api/v1/analytics/predictions/" path}

static const struct route routes[] = {
    {.name = "prediction-next-week", .method = POST, PREDICTIONS("next-week"),
     .limit_per_minute = 20, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_CACHED,
     .rules = prediction_next_week_rules, .input_size = sizeof(struct day_input),
     .handler = predict_next_week,
     .status = 200, .response = next_week_response,
     .summary = "The score a student is heading for, with the interval it will fall in"},
    {.name = "prediction-trajectory", .method = POST, PREDICTIONS("trajectory"),
     .limit_per_minute = 15, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = trajectory_rules, .input_size = sizeof(struct days_input),
     .handler = predict_trajectory, .status = 200, .response = trajectory_response,
     .summary = "The predicted scores of the coming days"},
    {.name = "prediction-intervention", .method = POST,
     PREDICTIONS("next-week/intervention"), .limit_per_minute = 10,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_CACHED,
     .rules = intervention_rules, .input_size = sizeof(struct day_input),
     .handler = predict_intervention, .status = 200, .response = intervention_response,
     .summary = "The score a student is heading for with an intervention"},
    {.name = "prediction-accuracy", .method = GET, PREDICTIONS("accuracy/{student_id}"),
     .limit_per_minute = 10, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = accuracy_rules, .input_size = sizeof(struct days_input), .handler = predict_accuracy,
     .status = 200, .response = accuracy_response,
     .summary = "How a student's past predictions compare with the scores that came true"},
    {.name = "prediction-config", .method = GET, PREDICTIONS("config"),
     .limit_per_minute = 50, .access = ACCESS_ANY, .handler = predict_config, .status = 200,
     .response = prediction_config_response,
     .summary = "Model, thresholds and factors of the predictions"},
    {.name = "prediction-config-post", .method = POST, PREDICTIONS("config"),
     .bucket = "prediction-config", .limit_per_minute = 50, .access = ACCESS_ANY,
     .handler = predict_config, .status = 200, .response = prediction_config_response,
     .summary = "The same as GET, for clients that only post"},
};
/* clang-format on */

const struct route_table prediction_routes = {"predictions", routes,
                                              sizeof(routes) / sizeof(routes[0]),
                                              "Scores that students are heading for"};
