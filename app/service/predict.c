/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predictions and their cache. A cached prediction is a text of three lines: a stamp (a text that
 * names all inputs of the computation), the time when the prediction was made, and its JSON
 * members. It is valid for an hour, while the current inputs have the same stamp. The forecast is
 * computed in app/domain/prediction.c. */
#include "app/service/predict.h"

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/service/mastery_json.h"
#include "app/service/statistics_json.h"
#include "app/store/prediction.h"

/* Returns the factor from the configuration; 0 for NO_INTERVENTION, the last value. */
double predict_factor(const struct config *config, int intervention)
{
    const double factors[INTERVENTIONS + 1] = {[TUTORING] = config->intervention_tutoring,
                                               [PRACTICE_SESSIONS] = config->intervention_practice,
                                               [GUIDED_REVIEW] = config->intervention_review};

    return factors[intervention];
}

/* Finds the configured name in the list of models; config_load has refused any other name, so the
 * last one that is tried, 0, need not be compared. */
enum prediction_model predict_model(const struct config *config)
{
    int model = PREDICTION_MODELS - 1;

    while (model > 0 && strcmp(config->prediction_model, prediction_model_names[model]) != 0)
        model--;
    return (enum prediction_model)model;
}

void predict_fit(const struct config *config, enum prediction_model model,
                 const struct history *history, int32_t today, struct forecast *ret)
{
    forecast_fit(model, history->days, history->n, today, ret);
    ret->interval_level = config->prediction_interval;
}

/* Writes the name of the model, and slope and intercept of the least-squares line through the
 * history, where x is days since day_zero (the first day used). When there are too few days for a
 * prediction, r_squared is null and there is a warning. */
void predict_write_model(struct jw *w, const struct forecast *forecast)
{
    jw_text(w, "model", prediction_model_names[forecast->model]);
    jw_text(w, "model_version", PREDICTION_MODEL_VERSION);
    jw_int(w, "historical_days", (int64_t)forecast->days);
    jw_day(w, "day_zero", forecast->day_zero);
    jw_number(w, "slope", forecast->slope);
    jw_number(w, "intercept", forecast->intercept);
    if (forecast->insufficient)
        jw_null(w, "r_squared");
    else
        jw_number(w, "r_squared", forecast->r_squared);
    jw_number(w, "latest_score", forecast->latest_score);
    if (forecast->insufficient)
        jw_text(w, "warning", "insufficient_history");
}

/* ---- the cached prediction ---- */

/* Returns the name of the cache entry for the requested days ahead, model and intervention, such as
 * "30:projection" or "30:projection:tutoring". Its p is NULL when out of memory. */
static struct str predict_cache_key(const struct predict *p, struct arena *arena)
{
    struct buf name;

    buf_init(&name, arena);
    buf_int(&name, p->days_ahead);
    buf_char(&name, ':');
    buf_text(&name, prediction_model_names[p->model]);
    if (p->intervention != NO_INTERVENTION) {
        buf_char(&name, ':');
        buf_text(&name, intervention_names[p->intervention]);
    }
    return name.failed ? (struct str){0} : buf_view(&name);
}

/* First step of a prediction: queues the reads of the student's state and of the cached prediction.
 */
static void predict_queue_cached(struct predict *p, struct pipeline *pipeline)
{
    p->cache_key = predict_cache_key(p, pipeline->arena);
    p->state_cmd = student_cmd_state(pipeline, p->student);
    p->cached_cmd = prediction_cmd_cached(pipeline, p->student, p->cache_key);
}

/* Returns the stamp, which names everything that a prediction depends on: the model and its
 * settings, the student's state by its revision (a number that grows with every write), and the
 * day. Its p is NULL when out of memory; the cached prediction is then not used. */
static struct str predict_stamp(const struct predict *p, const struct config *config,
                                struct arena *arena)
{
    struct buf stamp;

    buf_init(&stamp, arena);
    buf_text(&stamp, prediction_model_names[p->model]);
    buf_text(&stamp, "/" PREDICTION_MODEL_VERSION " ");
    buf_int(&stamp, (int64_t)p->current.revision);
    buf_char(&stamp, ' ');
    buf_int(&stamp, day_of_ms(p->now_ms));
    buf_char(&stamp, ' ');
    buf_number(&stamp, config->prediction_interval);
    buf_char(&stamp, ' ');
    buf_number(&stamp, predict_factor(config, p->intervention));
    return stamp.failed ? (struct str){0} : buf_view(&stamp);
}

/* Returns the text to cache: stamp, time in milliseconds and JSON members, one per line. */
static struct str predict_cache_text(const struct predict *p, struct arena *arena)
{
    struct buf text;

    buf_init(&text, arena);
    /* 32 bytes are enough for the time and two line feeds */
    (void)buf_reserve(&text, p->cache_stamp.n + p->json_members.n + 32);
    buf_str(&text, p->cache_stamp);
    buf_char(&text, '\n');
    buf_int(&text, p->now_ms);
    buf_char(&text, '\n');
    buf_str(&text, p->json_members);
    return text.failed ? (struct str){0} : buf_view(&text);
}

/* Returns whether the cached prediction can be used: it has the current stamp and is not too old.
 * *ret_members: its JSON members. */
static bool predict_cache_is_valid(const struct predict *p, struct str cached,
                                   struct str *ret_members)
{
    struct str stamp = str_cut(&cached, '\n'), made_at = str_cut(&cached, '\n');
    int64_t made_at_ms;

    *ret_members = cached;
    return str_equal(stamp, p->cache_stamp) && str_to_int64(made_at, 0, INT64_MAX, &made_at_ms) &&
           made_at_ms > p->now_ms - PREDICTION_CACHE_TTL_S * INT64_C(1000);
}

/* The second step: unless consent to analytics is withdrawn, uses the cached prediction if it is
 * valid (STEP_DONE), else queues the read of the history (STEP_MORE). STEP_DONE also ends the
 * prediction with a problem. */
static enum step predict_check_cached(struct predict *p, const struct config *config,
                                      struct pipeline *pipeline, struct problem *problem)
{
    struct str cached;

    if (!student_parse_state(p->state_cmd, &p->current, problem) ||
        !prediction_parse_cached(p->cached_cmd, &cached, problem))
        return STEP_DONE;
    if (student_has_withdrawn(p->state_cmd, CONSENT_ANALYTICS)) {
        problem_set(problem, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
        return STEP_DONE;
    }
    p->cache_stamp = predict_stamp(p, config, pipeline->arena);
    p->reused = cached.p && p->cache_stamp.p && predict_cache_is_valid(p, cached, &p->json_members);
    if (p->reused)
        return STEP_DONE;
    pipeline_clear(pipeline);
    p->days_cmd = history_cmd(pipeline, p->student, p->state_cmd, day_of_ms(p->now_ms));
    return STEP_MORE;
}

/* ---- a new prediction ---- */

/* Writes what the intervention (help for the student, such as tutoring) adds to the predicted
 * score. The gain is the difference between 1 and the score without the intervention, times the
 * intervention's factor. */
static void predict_write_impact(struct jw *w, const struct predict *p,
                                 const struct forecast *forecast, int32_t day, double factor)
{
    struct prediction without;

    forecast_at(forecast, day, /* no intervention */ 0, &without);
    jw_object(w, "intervention_impact");
    jw_text(w, "type", intervention_names[p->intervention]);
    jw_number(w, "factor", factor);
    jw_number(w, "gain", number_round12(factor * (1 - without.score)));
    jw_object_end(w);
}

/* Writes the members that every prediction has, apart from metadata. The member timestamp is the
 * time when the prediction was made; a cached prediction keeps it. */
static void predict_write_members(struct jw *w, const struct predict *p,
                                  const struct prediction *prediction,
                                  const double components[COMPONENTS])
{
    jw_bool(w, "success", true);
    jw_str(w, "student_id", p->student);
    jw_number(w, "predicted_score", prediction->score);
    jw_number(w, "confidence", prediction->confidence);
    statistics_write_interval(w, "interval", &prediction->interval);
    jw_text(w, "trend", prediction->trend);
    jw_bool(w, "intervention_needed", prediction->intervention_needed);
    jw_int(w, "timeframe_days", p->days_ahead);
    jw_text(w, "predicted_level", level_names[prediction->level]);
    mastery_write_components(w, "components_projection", components);
    jw_time(w, "timestamp", p->now_ms);
}

/* Makes the prediction *ret from the history, and returns its JSON members; their p is NULL when
 * out of memory. */
static struct str predict_make(const struct predict *p, const struct config *config,
                               const struct history *history, struct arena *arena,
                               struct prediction *ret)
{
    double factor = predict_factor(config, p->intervention), components[COMPONENTS];
    int32_t today = day_of_ms(p->now_ms), day = today + p->days_ahead;
    struct forecast forecast;
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    (void)buf_reserve(&out, 1024);
    predict_fit(config, p->model, history, today, &forecast);
    forecast_at(&forecast, day, factor, ret);
    forecast_components(&forecast, day, factor, components);
    predict_write_members(&w, p, ret, components);
    jw_object(&w, "metadata");
    predict_write_model(&w, &forecast);
    if (p->intervention != NO_INTERVENTION)
        predict_write_impact(&w, p, &forecast, day, factor);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* The third step: makes a prediction, and queues the write of its record and cache entry
 * (STEP_MORE). When the latest prediction has the same stamp, the script writes no second record.
 * STEP_DONE means a problem. */
static enum step predict_make_and_save(struct predict *p, const struct config *config,
                                       struct pipeline *pipeline, struct problem *problem)
{
    struct history history;
    struct prediction made;
    struct prediction_record record = {.made_at_ms = p->now_ms,
                                       .model = arena_printf(pipeline->arena,
                                                             "%s/" PREDICTION_MODEL_VERSION,
                                                             prediction_model_names[p->model])};

    if (!history_parse_nonempty(p->days_cmd, &p->current, &history, problem))
        return STEP_DONE;
    p->json_members = predict_make(p, config, &history, pipeline->arena, &made);
    if (!p->json_members.p) {
        problem_set(problem, PROBLEM_INTERNAL_ERROR, NULL);
        return STEP_DONE;
    }
    record.target_day = made.day;
    record.score = made.score;
    record.lower = made.interval.lower;
    record.upper = made.interval.upper;
    record.intervention = str_of(intervention_names[p->intervention]);
    pipeline_clear(pipeline);
    p->save_cmd = prediction_cmd_save(pipeline, p->student, &record, p->cache_key,
                                      predict_cache_text(p, pipeline->arena));
    return STEP_MORE;
}

/* Logs that the prediction could not be saved. This is not a problem of the request, because the
 * response does not depend on the saved record. */
static void predict_log_unsaved(const struct predict *p, struct log *log)
{
    struct problem problem = {0};

    if (prediction_parse_save(p->save_cmd, &problem))
        return;
    jw_text(log_begin(log, LOG_WARNING, "prediction not saved, ignoring"), "reason",
            problem_name(problem.code));
    log_end(log);
}

/* Determines the step by the last command that was queued: none, the reads of state and cache, the
 * read of the history, or the save. json_members is set before the save, after which only a failure
 * is logged. */
enum step predict_step(struct predict *p, struct engine *engine, struct pipeline *pipeline,
                       struct problem *problem)
{
    if (!p->state_cmd) {
        predict_queue_cached(p, pipeline);
        return STEP_MORE;
    }
    if (!p->days_cmd)
        return predict_check_cached(p, &engine->config, pipeline, problem);
    if (!p->save_cmd)
        return predict_make_and_save(p, &engine->config, pipeline, problem);
    predict_log_unsaved(p, engine->log);
    return STEP_DONE;
}
