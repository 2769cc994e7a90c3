/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/predictions/config: the constants of the model, the settings of this installation, and
 * how accurate the predictions of all students were, for clients that show or check them. */
#include "app/routes/predictions.h"

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/routes/shapes.h"
#include "app/service/predict.h"
#include "app/store/calibration.h"
#include "app/store/prediction.h"

/* Names of the horizons in the response, by enum calibration_horizon: how many days before its day
 * a prediction was made. NULL ends the array, as .choices requires. */
static const char *const calibration_horizons[CALIBRATION_HORIZONS + 1] = {
    [CALIBRATION_WEEK] = "7_days", [CALIBRATION_OTHER] = "other"};

/* Writes how accurate the predictions for the last days were, by model and horizon (days ahead):
 * coverage is the share of them whose interval contained the true score, average_error the mean
 * distance between predicted and true score. A model and horizon without a verified prediction is
 * skipped. Writes null before the worker has counted, or while Redis is unavailable. */
static void config_write_calibration(struct jw *w, const struct command *command)
{
    struct calibration calibration;
    int32_t today;

    if (!calibration_parse(command, &calibration, &today)) {
        jw_null(w, "calibration");
        return;
    }
    jw_object(w, "calibration");
    jw_day(w, "until", today - 1); /* the last day that was over when they were counted */
    jw_int(w, "days", CALIBRATION_DAYS);
    jw_array(w, "models");
    for (int i = 0; i < PREDICTION_MODELS * CALIBRATION_HORIZONS; i++) {
        int model = i / CALIBRATION_HORIZONS, horizon = i % CALIBRATION_HORIZONS;
        const struct calibration_count *count = &calibration.counts[model][horizon];

        if (count->verified == 0)
            continue;
        jw_object(w, NULL);
        jw_text(w, "model", prediction_model_names[model]);
        jw_text(w, "horizon", calibration_horizons[horizon]);
        jw_int(w, "verified_predictions", count->verified);
        jw_number(w, "coverage", number_round12((double)count->covered / (double)count->verified));
        jw_number(w, "average_error", number_round12(count->errors / (double)count->verified));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

enum step predict_config(struct exchange *x)
{
    const struct config *config = &x->engine->config;
    struct command **load = x->state;
    struct jw w;

    if (!load) {
        load = exchange_new_state(x, sizeof(*load));
        if (!load)
            return STEP_DONE;
        *load = calibration_cmd_load(&x->pipeline);
        return STEP_MORE;
    }
    exchange_json_begin(x, 200, &w);
    jw_object(&w, "config");
    jw_text(&w, "model", config->prediction_model);
    jw_array(&w, "models");
    for (int i = 0; i < PREDICTION_MODELS; i++)
        jw_text(&w, NULL, prediction_model_names[i]);
    jw_array_end(&w);
    jw_text(&w, "model_version", PREDICTION_MODEL_VERSION);
    jw_int(&w, "history_days", HISTORY_DAYS);
    jw_int(&w, "minimum_days", PREDICTION_MIN_DAYS);
    jw_int(&w, "evidence_half_life_days", EVIDENCE_HALF_LIFE_MS / DAY_MS);
    jw_number(&w, "interval_level", config->prediction_interval);
    jw_number(&w, "trend_slope", PREDICTION_TREND_SLOPE);
    jw_number(&w, "trend_change", PREDICTION_TREND_CHANGE);
    jw_number(&w, "trend_probability", PREDICTION_TREND_PROBABILITY);
    jw_number(&w, "intervention_threshold", PREDICTION_INTERVENTION_BELOW);
    jw_object(&w, "intervention_factors");
    for (int i = 0; i < INTERVENTIONS; i++)
        jw_number(&w, intervention_names[i], predict_factor(config, i));
    jw_object_end(&w);
    jw_object(&w, "level_thresholds");
    for (int i = 0; i < LEVELS; i++)
        jw_number(&w, level_names[i], level_floors[i]);
    jw_object_end(&w);
    jw_int(&w, "default_timeframe_days", TIMEFRAME_PRESET);
    jw_int(&w, "max_timeframe_days", TIMEFRAME_MAX);
    jw_int(&w, "cache_ttl_seconds", PREDICTION_CACHE_TTL_S);
    jw_object_end(&w);
    config_write_calibration(&w, *load);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- the response ---- */

/* clang-format off */
/* In the response of config: for each intervention, in the order of intervention_names, the share
 * of the difference between the score and 1 by which the intervention is expected to raise the
 * score. */
static const struct rule factors[] = RULES(
    SHAPE_SCORE("tutoring", "Of tutoring"),
    SHAPE_SCORE("practice", "Of additional practice"),
    SHAPE_SCORE("review", "Of guided review"));

/* Constants of the model; docs/mastery-model.md, Prediction, explains each. */
static const struct rule config_fields[] = RULES(
    FIELD(ENUM, "model", "The model that is used unless a request names another",
          .choices = prediction_model_names),
    FIELD(ENUM_SET, "models", "The models that a request can name",
          .choices = prediction_model_names),
    FIELD(TEXT, "model_version", "Version of the models"),
    FIELD(INT, "history_days", "Days that a prediction looks back"),
    FIELD(INT, "minimum_days", "Fewer days with a score than this give a warning and no slope"),
    FIELD(INT, "evidence_half_life_days", "Days after which an observation weighs half"),
    SHAPE_SCORE("interval_level", "Probability that an interval covers the score to come"),
    FIELD(NUMBER, "trend_slope",
          "Of least_squares: slope a day beyond which a trend is more than stable"),
    SHAPE_SCORE("trend_change", "Of the other models: predicted change that is more than stable"),
    SHAPE_SCORE("trend_probability", "Least probability of a change in that direction"),
    SHAPE_SCORE("intervention_threshold", "Predicted score under which an intervention is needed"),
    FIELD(OBJECT, "intervention_factors",
          "Share of what is lacking that each intervention is expected to make up for",
          .fields = factors),
    FIELD(MAP, "level_thresholds", "The lowest score of each level"),
    FIELD(INT, "default_timeframe_days", "How many days ahead by default"),
    FIELD(INT, "max_timeframe_days", "How many days ahead at most"),
    FIELD(INT, "cache_ttl_seconds",
          "How long a prediction is reused while nothing has changed"));

static const struct rule calibration_model[] = RULES(
    FIELD(ENUM, "model", "The model", .choices = prediction_model_names),
    FIELD(ENUM, "horizon", "How many days ahead", .choices = calibration_horizons),
    FIELD(INT, "verified_predictions", "Predictions whose day has come"),
    SHAPE_SCORE("coverage", "Share of true scores inside the interval: near interval_level if the "
                "intervals are honest"),
    SHAPE_SCORE("average_error", "Mean distance between predicted and true score"));

static const struct rule calibration_fields[] = RULES(
    FIELD(DAY, "until", "The last of the days"),
    FIELD(INT, "days", "How many days"),
    FIELD(OBJECTS, "models", "By model and horizon, where there is any",
          .fields = calibration_model));

const struct rule prediction_config_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECT, "config", "The values in use", .fields = config_fields),
    FIELD(OBJECT, "calibration", "How the predictions of all students about the last days came "
          "out; null until the worker has counted them", .nullable = true,
          .fields = calibration_fields),
    SHAPE_CORRELATION);
/* clang-format on */
