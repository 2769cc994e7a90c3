/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/predictions: next-week, trajectory, intervention, accuracy, config. */
#include "app/base/clock.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/predict.h"
#include "app/service/statistics_json.h"
#include "app/store/prediction.h"

enum { TIMEFRAME_MAX = 30, TIMEFRAME_PRESET = 7, TRAJECTORY_PRESET = 14, LOOKBACK_PRESET = 7 };
/* ---- next-week and intervention ---- */

struct one_day {
    struct str student;
    int64_t days;
    int intervention; /* of the intervention route */
};

static enum step answer_one_day(struct exchange *x, int intervention)
{
    const struct one_day *in = x->input;
    struct predict *p = x->state;
    struct jw w;

    if (!p) {
        x->state = p = arena_zalloc(x->arena, sizeof(*p));
        if (!p)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        p->student = in->student;
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
    w.comma = true;
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    (void)http_response_header(&x->response, "X-Cache", p->reused ? STR("HIT") : STR("MISS"));
    metrics_add(x->engine->metrics, p->reused ? METRIC_CACHE_HITS : METRIC_CACHE_MISSES, 0, 0, 1);
    return STEP_DONE;
}

static enum step next_week(struct exchange *x)
{
    return answer_one_day(x, NO_INTERVENTION);
}

static enum step intervention(struct exchange *x)
{
    const struct one_day *in = x->input;

    return answer_one_day(x, in->intervention);
}

/* ---- trajectory ---- */

struct trajectory {
    struct str student;
    int64_t days;
};

struct history_state {
    struct command *state, *days, *made;
};

static struct history_state *ask_state_and_history(struct exchange *x, struct str student)
{
    struct history_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    s->state = student_cmd_state(&x->pipeline, student);
    s->days = history_cmd(&x->pipeline, student, day_of_ms(x->now_ms));
    return s;
}

static bool read_state_and_history(struct exchange *x, const struct history_state *s,
                                   struct history *ret)
{
    struct mastery_state now;

    if (!student_parse_state(s->state, &now, &x->problem))
        return false;
    if (student_has_withdrawn(s->state, CONSENT_ANALYTICS))
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
    return x->problem.code == PROBLEM_NONE &&
           history_parse_nonempty(s->days, &now, ret, &x->problem);
}

static void write_points(struct jw *w, const struct prediction *points, int n, int32_t today)
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

static void write_intervention_points(struct jw *w, const struct prediction *points, int n,
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

static enum step trajectory(struct exchange *x)
{
    const struct trajectory *in = x->input;
    int32_t today = day_of_ms(x->now_ms);
    struct prediction points[TIMEFRAME_MAX];
    struct history history;
    struct forecast forecast;
    struct jw w;

    if (!x->state)
        return ask_state_and_history(x, in->student) ? STEP_MORE : STEP_DONE;
    if (!read_state_and_history(x, x->state, &history))
        return STEP_DONE;
    predict_fit(&x->engine->config, &history, &forecast);
    for (int i = 0; i < in->days; i++)
        forecast_at(&forecast, today + i + 1, 0, &points[i]);
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", in->student);
    write_points(&w, points, (int)in->days, today);
    write_intervention_points(&w, points, (int)in->days, today);
    jw_text(&w, "overall_trend", forecast.trend);
    jw_object(&w, "metadata");
    predict_write_model(&w, &forecast);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- accuracy ---- */

struct lookback {
    struct str student;
    int64_t days;
};

/* Those made in the window, and those about a day in it. What was predicted on condition of an
 * intervention counts as made, but is verified by nothing: nobody knows whether it took place. */
static size_t relevant(const struct prediction_record *made, size_t n, int32_t first, int32_t today,
                       struct stored_prediction *ret, size_t *ret_conditional)
{
    size_t count = 0;

    *ret_conditional = 0;
    for (size_t i = 0; i < n; i++) {
        const struct prediction_record *r = &made[i];

        if (day_of_ms(r->made_at_ms) < first && (r->target_day < first || r->target_day > today))
            continue;
        if (r->intervention.n > 0)
            (*ret_conditional)++;
        else
            ret[count++] = (struct stored_prediction){r->target_day, r->score, r->lower, r->upper};
    }
    return count;
}

static bool measure(struct exchange *x, const struct history_state *s, struct accuracy *ret)
{
    const struct lookback *in = x->input;
    int32_t today = day_of_ms(x->now_ms), first = today - (int32_t)in->days + 1;
    struct prediction_record *made;
    struct stored_prediction *kept;
    struct history history;
    size_t n, conditional;

    if (!read_state_and_history(x, s, &history) ||
        !prediction_parse_list(s->made, x->arena, &made, &n, &x->problem))
        return false;
    kept = arena_array(x->arena, n + 1, sizeof(*kept));
    if (!kept) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    n = relevant(made, n, first, today, kept, &conditional);
    accuracy_of(kept, n, history.days, history.n, today, ret);
    ret->total_predictions += conditional;
    return true;
}

static enum step accuracy(struct exchange *x)
{
    const struct lookback *in = x->input;
    struct history_state *s = x->state;
    struct accuracy a;
    struct jw w;

    if (!s) {
        s = ask_state_and_history(x, in->student);
        if (!s)
            return STEP_DONE;
        s->made = prediction_cmd_list(&x->pipeline, in->student);
        return STEP_MORE;
    }
    if (!measure(x, s, &a))
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", in->student);
    jw_int(&w, "lookback_days", in->days);
    jw_object(&w, "metrics");
    jw_int(&w, "total_predictions", (int64_t)a.total_predictions);
    jw_int(&w, "verified_predictions", (int64_t)a.verified_predictions);
    jw_number(&w, "average_error", a.average_error);
    jw_number(&w, "within_variance_rate", a.within_variance_rate);
    jw_number(&w, "recent_accuracy", a.recent_accuracy);
    jw_object_end(&w);
    jw_text(&w, "model_version", PREDICTION_MODEL_VERSION);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- config ---- */

static enum step config(struct exchange *x)
{
    const struct config *c = &x->engine->config;
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_object(&w, "config");
    jw_text(&w, "model", c->prediction_model);
    jw_text(&w, "model_version", PREDICTION_MODEL_VERSION);
    jw_int(&w, "history_days", HISTORY_DAYS);
    jw_int(&w, "minimum_days", PREDICTION_MIN_DAYS);
    jw_int(&w, "evidence_half_life_days", EVIDENCE_HALF_LIFE_MS / DAY_MS);
    jw_number(&w, "interval_level", c->prediction_interval);
    jw_number(&w, "trend_slope", PREDICTION_TREND_SLOPE);
    jw_number(&w, "intervention_threshold", PREDICTION_INTERVENTION_BELOW);
    jw_object(&w, "intervention_factors");
    for (int i = 0; i < INTERVENTIONS; i++)
        jw_number(&w, intervention_names[i], predict_factor(c, i));
    jw_object_end(&w);
    jw_object(&w, "level_thresholds");
    for (int i = 0; i < LEVELS; i++)
        jw_number(&w, level_names[i], level_floors[i]);
    jw_object_end(&w);
    jw_int(&w, "default_timeframe_days", TIMEFRAME_PRESET);
    jw_int(&w, "max_timeframe_days", TIMEFRAME_MAX);
    jw_int(&w, "cache_ttl_seconds", PREDICTION_CACHE_TTL_S);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
#define STUDENT_RULE(input) \
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct input, student), .description = "The student"}
#define TIMEFRAME_RULE \
    {.name = "timeframe_days", .type = RULE_INT, .min = 1, .max = TIMEFRAME_MAX, .default_value = TIMEFRAME_PRESET, \
     .offset = offsetof(struct one_day, days), .description = "How many days ahead"}

static const struct rule next_week_rules[] = {STUDENT_RULE(one_day), TIMEFRAME_RULE, {0}};

static const struct rule intervention_rules[] = {
    STUDENT_RULE(one_day),
    {.name = "intervention_type", .type = RULE_ENUM, .required = true, .choices = intervention_names, .offset = offsetof(struct one_day, intervention), .description = "On condition of what"},
    TIMEFRAME_RULE,
    {0},
};

static const struct rule trajectory_rules[] = {
    STUDENT_RULE(trajectory),
    {.name = "days", .type = RULE_INT, .min = 1, .max = TIMEFRAME_MAX, .default_value = TRAJECTORY_PRESET, .offset = offsetof(struct trajectory, days), .description = "How many days, from tomorrow on"},
    {0},
};

static const struct rule accuracy_rules[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct lookback, student), .description = "The student"},
    {.name = "days", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = 30, .default_value = LOOKBACK_PRESET, .offset = offsetof(struct lookback, days), .description = "Predictions made in the last so many UTC days, or about one of them"},
    {0},
};

#define MODEL_FIELDS \
    {.name = "model", .type = RULE_TEXT, .required = true, .description = "Name of the model"}, \
    {.name = "model_version", .type = RULE_TEXT, .required = true, .description = "Its version"}, \
    {.name = "historical_days", .type = RULE_INT, .required = true, .description = "Days with a score that went in"}, \
    {.name = "day_zero", .type = RULE_DAY, .required = true, .description = "The first of them, where the intercept is taken"}, \
    {.name = "slope", .type = RULE_NUMBER, .required = true, .description = "Of the line, a day"}, \
    {.name = "intercept", .type = RULE_NUMBER, .required = true, .description = "The line's value on day_zero"}, \
    {.name = "r_squared", .type = RULE_NUMBER, .required = true, .max = 1, .description = "Share of the variance that the line explains; 0 when there is none"}, \
    SHAPE_SCORE("latest_score", "The score of the last day"), \
    {.name = "warning", .type = RULE_TEXT, .description = "insufficient_history: fewer than 3 days with a score"}

static const struct rule model_metadata[] = {MODEL_FIELDS, {0}};

static const struct rule impact[] = {
    {.name = "type", .type = RULE_ENUM, .required = true, .choices = intervention_names, .description = "The intervention"},
    SHAPE_SCORE("factor", "Share of what is lacking that it is expected to make up for"),
    SHAPE_SCORE("gain", "What it adds to the predicted score"),
    {0},
};

static const struct rule intervention_metadata[] = {
    MODEL_FIELDS,
    {.name = "intervention_impact", .type = RULE_OBJECT, .required = true, .fields = impact, .description = "What the intervention is expected to do"},
    {0},
};

#define INTERVAL_FIELD \
    {.name = "interval", .type = RULE_OBJECT, .required = true, .fields = shape_interval, .description = "What the score to come falls in with the probability level"}
#define CONFIDENCE_FIELD SHAPE_SCORE("confidence", "Probability that the score to come is of that level")

#define PREDICTION_FIELDS(metadata_fields) \
    SHAPE_SUCCESS, \
    SHAPE_STUDENT, \
    SHAPE_SCORE("predicted_score", "The line's value on that day, within 0 to 1"), \
    CONFIDENCE_FIELD, \
    INTERVAL_FIELD, \
    {.name = "trend", .type = RULE_ENUM, .required = true, .choices = shape_trends, .description = "By slope a day: over 0.002, under -0.002, or between"}, \
    {.name = "intervention_needed", .type = RULE_BOOL, .required = true, .description = "The predicted score is under 0.5"}, \
    {.name = "timeframe_days", .type = RULE_INT, .required = true, .min = 1, .max = TIMEFRAME_MAX, .description = "How many days ahead"}, \
    {.name = "predicted_level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "Level of the predicted score"}, \
    {.name = "components_projection", .type = RULE_OBJECT, .required = true, .fields = shape_components, .description = "Each component by a line of its own"}, \
    {.name = "timestamp", .type = RULE_TIME, .required = true, .description = "When it was predicted"}, \
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = metadata_fields, .description = "About the model"}, \
    SHAPE_CORRELATION

static const struct rule next_week_answer[] = {PREDICTION_FIELDS(model_metadata), {0}};
static const struct rule intervention_answer[] = {PREDICTION_FIELDS(intervention_metadata), {0}};

#define AHEAD_FIELDS \
    {.name = "days_from_now", .type = RULE_INT, .required = true, .min = 1, .max = TIMEFRAME_MAX, .description = "How many days ahead"}, \
    {.name = "date", .type = RULE_DAY, .required = true, .description = "UTC day"}, \
    SHAPE_SCORE("predicted_score", "The line's value on that day, within 0 to 1")

static const struct rule trajectory_point[] = {
    AHEAD_FIELDS,
    INTERVAL_FIELD,
    CONFIDENCE_FIELD,
    {.name = "level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "Level of the predicted score"},
    {0},
};
static const struct rule intervention_point[] = {AHEAD_FIELDS, {0}};

static const struct rule trajectory_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "trajectory", .type = RULE_OBJECTS, .required = true, .fields = trajectory_point, .description = "Day by day"},
    {.name = "confidence_over_time", .type = RULE_NUMBERS, .required = true, .max = 1, .description = "The confidences alone"},
    {.name = "intervention_points", .type = RULE_OBJECTS, .required = true, .fields = intervention_point, .description = "The days with a predicted score under 0.5"},
    {.name = "overall_trend", .type = RULE_ENUM, .required = true, .choices = shape_trends, .description = "By slope a day: over 0.002, under -0.002, or between"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = model_metadata, .description = "About the model"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule accuracy_metrics[] = {
    {.name = "total_predictions", .type = RULE_INT, .required = true, .description = "Predictions made in the window or about a day in it, those on condition of an intervention included"},
    {.name = "verified_predictions", .type = RULE_INT, .required = true, .description = "Those without a condition whose day has come: what the rest is computed from"},
    SHAPE_SCORE("average_error", "Mean distance between what was predicted and what came true; 0 without any"),
    SHAPE_SCORE("within_variance_rate", "Share of true scores inside the predicted interval; 0 without any"),
    SHAPE_SCORE("recent_accuracy", "1 less the mean error of the last ten; 0 without any"),
    {0},
};

static const struct rule accuracy_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "lookback_days", .type = RULE_INT, .required = true, .description = "As asked for"},
    {.name = "metrics", .type = RULE_OBJECT, .required = true, .fields = accuracy_metrics, .description = "What came of the predictions"},
    {.name = "model_version", .type = RULE_TEXT, .required = true, .description = "Version of the model in use"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule factors[] = {
    SHAPE_SCORE("tutoring", "Of tutoring"),
    SHAPE_SCORE("practice", "Of additional practice"),
    SHAPE_SCORE("review", "Of guided review"),
    {0},
};

static const struct rule config_fields[] = {
    {.name = "model", .type = RULE_TEXT, .required = true, .description = "Name of the model"},
    {.name = "model_version", .type = RULE_TEXT, .required = true, .description = "Its version"},
    {.name = "history_days", .type = RULE_INT, .required = true, .description = "Days that a prediction looks back"},
    {.name = "minimum_days", .type = RULE_INT, .required = true, .description = "Fewer days with a score than this give a warning and no slope"},
    {.name = "evidence_half_life_days", .type = RULE_INT, .required = true, .description = "Days after which an observation weighs half"},
    SHAPE_SCORE("interval_level", "Probability that an interval covers the score to come"),
    {.name = "trend_slope", .type = RULE_NUMBER, .required = true, .description = "Slope a day beyond which a trend is more than stable"},
    SHAPE_SCORE("intervention_threshold", "Predicted score under which an intervention is needed"),
    {.name = "intervention_factors", .type = RULE_OBJECT, .required = true, .fields = factors, .description = "Share of what is lacking that each intervention is expected to make up for"},
    {.name = "level_thresholds", .type = RULE_MAP, .required = true, .description = "The lowest score of each level"},
    {.name = "default_timeframe_days", .type = RULE_INT, .required = true, .description = "How many days ahead unless asked otherwise"},
    {.name = "max_timeframe_days", .type = RULE_INT, .required = true, .description = "How many days ahead at most"},
    {.name = "cache_ttl_seconds", .type = RULE_INT, .required = true, .description = "How long a prediction is given again while nothing has changed"},
    {0},
};

static const struct rule config_answer[] = {
    SHAPE_SUCCESS,
    {.name = "config", .type = RULE_OBJECT, .required = true, .fields = config_fields, .description = "What is in force here"},
    SHAPE_CORRELATION,
    {0},
};

#define PREDICTIONS(rest) .pattern = "/api/v1/predictions/" rest, .aliases = {"/api/v1/analytics/predictions/" rest}

static const struct route routes[] = {
    {.name = "prediction-next-week", .method = POST, PREDICTIONS("next-week"), .limit_per_minute = 20,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_CACHED, .rules = next_week_rules, .input_size = sizeof(struct one_day),
     .subject_offset = offsetof(struct one_day, student), .handler = next_week, .status = 200, .response = next_week_answer,
     .summary = "The score a student is heading for, with the interval it will fall in"},
    {.name = "prediction-trajectory", .method = POST, PREDICTIONS("trajectory"), .limit_per_minute = 15,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = trajectory_rules, .input_size = sizeof(struct trajectory),
     .subject_offset = offsetof(struct trajectory, student), .handler = trajectory, .status = 200, .response = trajectory_answer,
     .summary = "The predicted scores of the coming days"},
    {.name = "prediction-intervention", .method = POST, PREDICTIONS("next-week/intervention"), .limit_per_minute = 10,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_CACHED, .rules = intervention_rules, .input_size = sizeof(struct one_day),
     .subject_offset = offsetof(struct one_day, student), .handler = intervention, .status = 200, .response = intervention_answer,
     .summary = "The score a student is heading for with an intervention"},
    {.name = "prediction-accuracy", .method = GET, PREDICTIONS("accuracy/{student_id}"), .limit_per_minute = 10,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = accuracy_rules, .input_size = sizeof(struct lookback),
     .subject_offset = offsetof(struct lookback, student), .handler = accuracy, .status = 200, .response = accuracy_answer,
     .summary = "How a student's past predictions compare with the scores that came true"},
    {.name = "prediction-config", .method = GET, PREDICTIONS("config"), .limit_per_minute = 50,
     .access = ACCESS_ANY, .subject_offset = NO_SUBJECT, .handler = config, .status = 200, .response = config_answer,
     .summary = "Model, thresholds and factors of the predictions"},
    {.name = "prediction-config-post", .method = POST, PREDICTIONS("config"), .bucket = "prediction-config", .limit_per_minute = 50,
     .access = ACCESS_ANY, .subject_offset = NO_SUBJECT, .handler = config, .status = 200, .response = config_answer,
     .summary = "The same as GET, for clients that only post"},
};
/* clang-format on */

const struct route_table prediction_routes = {"predictions", routes,
                                              sizeof(routes) / sizeof(routes[0])};
