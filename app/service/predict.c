/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/predict.h"

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/service/mastery_json.h"
#include "app/service/statistics_json.h"
#include "app/store/prediction.h"

double predict_factor(const struct config *config, int intervention)
{
    const double factors[INTERVENTIONS + 1] = {[TUTORING] = config->intervention_tutoring,
                                               [PRACTICE_SESSIONS] = config->intervention_practice,
                                               [GUIDED_REVIEW] = config->intervention_review};

    return factors[intervention];
}

enum prediction_model predict_model(const struct config *config)
{
    int model = PREDICTION_MODELS - 1;

    while (model > 0 && strcmp(config->prediction_model, prediction_model_names[model]) != 0)
        model--;
    return (enum prediction_model)model;
}

void predict_fit(const struct config *config, const struct history *history, struct forecast *ret)
{
    forecast_fit(predict_model(config), history->days, history->n, ret);
    ret->interval_level = config->prediction_interval;
}

void predict_write_model(struct jw *w, const struct forecast *f)
{
    jw_text(w, "model", prediction_model_names[f->model]);
    jw_text(w, "model_version", PREDICTION_MODEL_VERSION);
    jw_int(w, "historical_days", (int64_t)f->days);
    jw_day(w, "day_zero", f->day_zero);
    jw_number(w, "slope", f->slope);
    jw_number(w, "intercept", f->intercept);
    jw_number(w, "r_squared", f->r_squared);
    jw_number(w, "latest_score", f->latest_score);
    if (f->insufficient)
        jw_text(w, "warning", "insufficient_history");
}

/* ---- the last one ---- */

static struct str name_of(const struct predict *p, struct arena *arena)
{
    struct buf name;

    buf_init(&name, arena);
    buf_int(&name, p->days_ahead);
    if (p->intervention != NO_INTERVENTION) {
        buf_char(&name, ':');
        buf_text(&name, intervention_names[p->intervention]);
    }
    return name.failed ? (struct str){0} : buf_view(&name);
}

static void ask_last(struct predict *p, struct pipeline *pipeline)
{
    p->cache_key = name_of(p, pipeline->arena);
    p->state_cmd = student_cmd_state(pipeline, p->student);
    p->last_cmd = prediction_cmd_cached(pipeline, p->student, p->cache_key);
}

/* A prediction stays true while the student's state, the day and the model are the same. */
static struct str stamp_of(const struct predict *p, const struct config *config,
                           struct arena *arena)
{
    struct buf stamp;

    buf_init(&stamp, arena);
    buf_text(&stamp, config->prediction_model);
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

/* What is kept: the stamp, when it was made, and the facts, a line each. */
static struct str text_to_keep(const struct predict *p, struct arena *arena)
{
    struct buf text;

    buf_init(&text, arena);
    (void)buf_reserve(&text, p->cache_stamp.n + p->json_members.n + 32);
    buf_str(&text, p->cache_stamp);
    buf_char(&text, '\n');
    buf_int(&text, p->now_ms);
    buf_char(&text, '\n');
    buf_str(&text, p->json_members);
    return text.failed ? (struct str){0} : buf_view(&text);
}

static bool still_true(const struct predict *p, struct str kept, struct str *ret_facts)
{
    struct str stamp = str_cut(&kept, '\n'), made_at = str_cut(&kept, '\n');
    int64_t made_at_ms;

    *ret_facts = kept;
    return str_equal(stamp, p->cache_stamp) && str_to_int64(made_at, 0, INT64_MAX, &made_at_ms) &&
           made_at_ms > p->now_ms - PREDICTION_CACHE_TTL_S * INT64_C(1000);
}

/* Done with the last one, or the history is asked for. */
static enum step look_at_last(struct predict *p, const struct config *config,
                              struct pipeline *pipeline, struct problem *problem)
{
    struct str kept;

    if (!student_parse_state(p->state_cmd, &p->current, problem) ||
        !prediction_parse_cached(p->last_cmd, &kept, problem))
        return STEP_DONE;
    if (student_has_withdrawn(p->state_cmd, CONSENT_ANALYTICS)) {
        problem_set(problem, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
        return STEP_DONE;
    }
    p->cache_stamp = stamp_of(p, config, pipeline->arena);
    p->reused = kept.p && p->cache_stamp.p && still_true(p, kept, &p->json_members);
    if (p->reused)
        return STEP_DONE;
    pipeline_clear(pipeline);
    p->days_cmd = history_cmd(pipeline, p->student, day_of_ms(p->now_ms));
    return STEP_MORE;
}

/* ---- a new one ---- */

static void write_impact(struct jw *w, const struct predict *p, const struct forecast *f,
                         int32_t day, double factor)
{
    struct prediction without;

    forecast_at(f, day, 0, &without);
    jw_object(w, "intervention_impact");
    jw_text(w, "type", intervention_names[p->intervention]);
    jw_number(w, "factor", factor);
    jw_number(w, "gain", number_round12(factor * (1 - without.score)));
    jw_object_end(w);
}

static void write_prediction(struct jw *w, const struct predict *p, const struct prediction *made,
                             const struct forecast *f, const double components[COMPONENTS])
{
    jw_bool(w, "success", true);
    jw_str(w, "student_id", p->student);
    jw_number(w, "predicted_score", made->score);
    jw_number(w, "confidence", made->confidence);
    statistics_write_interval(w, "interval", &made->interval);
    jw_text(w, "trend", f->trend);
    jw_bool(w, "intervention_needed", made->intervention_needed);
    jw_int(w, "timeframe_days", p->days_ahead);
    jw_text(w, "predicted_level", level_names[made->level]);
    mastery_write_components(w, "components_projection", components);
    jw_time(w, "timestamp", p->now_ms);
}

static struct str make(const struct predict *p, const struct config *config,
                       const struct history *history, struct arena *arena, struct prediction *ret)
{
    double factor = predict_factor(config, p->intervention), components[COMPONENTS];
    int32_t day = day_of_ms(p->now_ms) + p->days_ahead;
    struct forecast forecast;
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    (void)buf_reserve(&out, 1024);
    predict_fit(config, history, &forecast);
    forecast_at(&forecast, day, factor, ret);
    forecast_components(forecast.model, history->days, history->n, day, factor, components);
    write_prediction(&w, p, ret, &forecast, components);
    jw_object(&w, "metadata");
    predict_write_model(&w, &forecast);
    if (p->intervention != NO_INTERVENTION)
        write_impact(&w, p, &forecast, day, factor);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static enum step make_and_keep(struct predict *p, const struct config *config,
                               struct pipeline *pipeline, struct problem *problem)
{
    struct history history;
    struct prediction made;
    struct prediction_record record = {.made_at_ms = p->now_ms,
                                       .model = arena_printf(pipeline->arena,
                                                             "%s/" PREDICTION_MODEL_VERSION,
                                                             config->prediction_model)};

    if (!history_parse_nonempty(p->days_cmd, &p->current, &history, problem))
        return STEP_DONE;
    p->json_members = make(p, config, &history, pipeline->arena, &made);
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
                                      text_to_keep(p, pipeline->arena));
    return STEP_MORE;
}

/* What has been computed is of use to the caller whether or not it could be kept. */
static void note_kept(const struct predict *p, struct log *log)
{
    struct problem problem = {0};

    if (prediction_parse_save(p->save_cmd, &problem))
        return;
    jw_text(log_begin(log, LOG_WARNING, "prediction not kept, ignoring"), "reason",
            problem_name(problem.code));
    log_end(log);
}

enum step predict_step(struct predict *p, struct engine *engine, struct pipeline *pipeline,
                       struct problem *problem)
{
    if (!p->state_cmd) {
        ask_last(p, pipeline);
        return STEP_MORE;
    }
    if (!p->days_cmd)
        return look_at_last(p, &engine->config, pipeline, problem);
    if (!p->save_cmd)
        return make_and_keep(p, &engine->config, pipeline, problem);
    note_kept(p, engine->log);
    return STEP_DONE;
}
