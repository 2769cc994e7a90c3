/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/mastery: query, calculate, history, statistics. */
#include "app/base/clock.h"
#include "app/domain/trend.h"
#include "app/pipeline/exchange.h"
#include "app/pipeline/idempotency.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/mastery_json.h"
#include "app/service/record.h"
#include "app/store/student.h"

enum { TREND_DAYS = 7 };

/* The last days of a student, as read. */
struct window {
    struct command *command;
    struct mastery_state days[HISTORY_DAYS];
    size_t n;
};

static void window_ask(struct window *w, struct exchange *x, struct str student, int32_t last,
                       int days)
{
    w->command = student_cmd_days(&x->pipeline, student, last - days + 1, days);
}

static bool window_read(struct window *w, struct exchange *x)
{
    return student_parse_days(w->command, w->days, &w->n, &x->problem);
}

static size_t window_scores(const struct window *w, double ret_scores[HISTORY_DAYS])
{
    for (size_t i = 0; i < w->n; i++)
        ret_scores[i] = mastery_score_of_state(&w->days[i]);
    return w->n;
}

/* historical_average and trend: null where there is nothing to tell from. */
static void write_window(struct jw *w, const struct window *window)
{
    double scores[HISTORY_DAYS];
    size_t n = window_scores(window, scores);

    if (n > 0)
        jw_number(w, "historical_average", mean_of_scores(scores, n));
    else
        jw_null(w, "historical_average");
    jw_text(w, "trend", trend_of_scores(scores, n));
}

static void write_history(struct jw *w, const struct window *window)
{
    jw_array(w, "history");
    for (size_t i = 0; i < window->n; i++)
        mastery_write_day(w, &window->days[i]);
    jw_array_end(w);
}

static void write_metadata(struct exchange *x, struct jw *w, struct str student)
{
    jw_object(w, "metadata");
    jw_str(w, "correlation_id", x->request_id);
    jw_time(w, "query_time", x->now_ms);
    jw_str(w, "student_id", student);
    jw_object_end(w);
}

/* ---- query ---- */

struct query {
    struct str student;
    bool include_components, include_history;
    int64_t days;
    bool at_date;
    int32_t date;
};

struct query_state {
    struct command *profile;
    struct window window;
    uint64_t erasures; /* when the store was asked */
};

/* clang-format off */
static const struct rule query_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct query, student), .description = "The student"},
    {.name = "include_components", .type = RULE_BOOL, .default_value = 1, .offset = offsetof(struct query, include_components), .description = "Show components, breakdown and evidence in data"},
    {.name = "include_history", .type = RULE_BOOL, .offset = offsetof(struct query, include_history), .description = "Show the days of the window as history"},
    {.name = "days_history", .type = RULE_INT, .min = 1, .max = HISTORY_DAYS, .default_value = TREND_DAYS, .offset = offsetof(struct query, days), .description = "Window of average, trend and history: so many UTC days, the last one included"},
    {.name = "date", .type = RULE_DAY, .nullable = true, .offset = offsetof(struct query, date), .present = offsetof(struct query, at_date), .description = "Mastery as it stood at the close of this UTC day; absent: now"},
    {0},
};
/* clang-format on */

/* By whom, what, how: the same question by the same caller. */
static struct str question(struct exchange *x)
{
    struct buf text;

    buf_init(&text, x->arena);
    (void)buf_reserve(&text, 16 + x->caller.user.n + x->request.body.n);
    buf_text(&text, role_names[x->caller.role]);
    buf_char(&text, ' ');
    buf_str(&text, x->caller.user);
    buf_char(&text, ' ');
    buf_str(&text, x->request.body);
    return text.failed ? (struct str){0} : buf_view(&text);
}

/* The part of the answer that is kept for the time when the store is away; behind it only metadata.
 */
static void answer_query(struct exchange *x, struct str facts, struct str student)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    buf_str(&x->response.body, facts);
    w.comma = true;
    write_metadata(x, &w, student);
    jw_object_end(&w);
}

/* Only who needs nobody's word for it (the student, an admin) gets a stale answer: a teacher's
 * right cannot be looked up while the store is away. */
static enum step query_stale(struct exchange *x)
{
    const struct query *q = x->input;
    struct str facts;
    int64_t age_ms;

    engine_apply_erasures(x->engine);
    if (x->access_pending || !x->engine->stale_cache ||
        !stale_cache_find(x->engine->stale_cache, question(x), x->now_ms, &facts, &age_ms)) {
        problem_unavailable(&x->problem, 1);
        return STEP_DONE;
    }
    answer_query(x, facts, q->student);
    (void)http_response_header(&x->response, "X-Cache", STR("STALE"));
    (void)http_response_header(&x->response, "Age",
                               arena_printf(x->arena, "%lld", (long long)age_ms / 1000));
    metrics_add(x->engine->metrics, METRIC_STALE, 0, 0, 1);
    return STEP_DONE;
}

/* The state asked about: the current one, or the closing one of the last day up to the date. */
static bool state_asked_for(struct exchange *x, const struct query *q, struct query_state *s,
                            struct student_profile *profile)
{
    if (!student_parse_profile(s->profile, profile, &x->problem) || !window_read(&s->window, x))
        return false;
    if (q->at_date && s->window.n > 0)
        profile->state = s->window.days[s->window.n - 1];
    if (!profile->exists || (q->at_date && s->window.n == 0))
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no data about this student");
    return x->problem.code == PROBLEM_NONE;
}

/* Drops the days before the window that the answer is about: for a date the days before it were
 * read as well, to find the last one that has a snapshot. */
static void narrow(struct window *w, int32_t first)
{
    size_t skip = 0;

    while (skip < w->n && w->days[skip].day < first)
        skip++;
    memmove(w->days, w->days + skip, (w->n - skip) * sizeof(w->days[0]));
    w->n -= skip;
}

static struct str query_facts(struct exchange *x, const struct query *q,
                              const struct student_profile *profile, const struct window *window)
{
    bool stored = !q->at_date && q->include_components;
    struct mastery_result result;
    struct buf out;
    struct jw w = {.out = &out};
    double score = mastery_score_of_state(&profile->state);

    buf_init(&out, x->arena);
    (void)buf_reserve(&out, profile->result_json.n + 512);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", q->student);
    jw_number(&w, "mastery_score", score);
    jw_text(&w, "level", level_names[mastery_level(score)]);
    if (stored) {
        jw_raw(&w, "data", profile->result_json);
    } else {
        mastery_of_state(&profile->state, profile->state.updated_at_ms, &result);
        jw_raw(&w, "data",
               mastery_result_json(x->arena, q->student, &result, profile->state.updated_at_ms,
                                   q->include_components));
    }
    write_window(&w, window);
    if (q->include_history)
        write_history(&w, window);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static enum step query(struct exchange *x)
{
    const struct query *q = x->input;
    struct query_state *s = x->state;
    int32_t today = day_of_ms(x->now_ms), last = q->at_date ? q->date : today;
    struct student_profile profile;
    struct str facts;

    if (!s) {
        x->state = s = arena_alloc(x->arena, sizeof(*s));
        if (!s)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        s->erasures = metrics_erasures(x->engine->metrics);
        s->profile = student_cmd_profile(&x->pipeline, q->student);
        window_ask(&s->window, x, q->student, last, q->at_date ? HISTORY_DAYS : (int)q->days);
        return STEP_MORE;
    }
    if (x->pipeline.status == PIPELINE_FAILED)
        return query_stale(x);
    if (!state_asked_for(x, q, s, &profile))
        return STEP_DONE;
    narrow(&s->window, last - (int32_t)q->days + 1);
    facts = query_facts(x, q, &profile, &s->window);
    if (!facts.p)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    answer_query(x, facts, q->student);
    (void)http_response_header(&x->response, "X-Cache", q->at_date ? STR("MISS") : STR("HIT"));
    metrics_add(x->engine->metrics, q->at_date ? METRIC_CACHE_MISSES : METRIC_CACHE_HITS, 0, 0, 1);
    /* an erasure since we asked: this answer may be about who is no more */
    if (x->engine->stale_cache && !x->access_pending &&
        s->erasures == metrics_erasures(x->engine->metrics))
        stale_cache_add(x->engine->stale_cache, question(x), facts, x->now_ms);
    return STEP_DONE;
}

/* ---- calculate ---- */

struct calculate {
    struct str student;
    double components[COMPONENTS];
    bool own_weights;
    double weights[COMPONENTS];
};

struct calculate_state {
    struct record record;
    struct window window;
    bool window_read;
};

/* clang-format off */
static const struct rule calculate_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct calculate, student), .description = "The student"},
    {.name = "components", .type = RULE_OBJECT, .required = true, .fields = shape_components_input, .offset = offsetof(struct calculate, components), .description = "The four components as they stand now"},
    {.name = "weights", .type = RULE_OBJECT, .nullable = true, .fields = shape_components_input, .offset = offsetof(struct calculate, weights), .present = offsetof(struct calculate, own_weights), .description = "Weights of this calculation, their sum 1 (within 0.001); absent: 0.4, 0.3, 0.2, 0.1"},
    {0},
};
/* clang-format on */

/* clang-format off */
static const struct rule recompute_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct calculate, student), .description = "The student"},
    {0},
};
/* clang-format on */

static bool calculate_check(struct exchange *x)
{
    const struct calculate *c = x->input;

    if (!c->own_weights || mastery_weights_valid(c->weights) ||
        problem_has_field(&x->problem, STR("weights")))
        return true;
    problem_field(&x->problem, x->arena, STR("weights"), "must sum to 1 (within 0.001)");
    return false;
}

static enum step record_begin(struct exchange *x, const struct calculate *c, enum record_kind kind)
{
    struct calculate_state *s = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    x->state = s;
    s->record = (struct record){.student = c->student,
                                .kind = kind,
                                .own_weights = c->own_weights,
                                .event_id = idempotency_marker(x),
                                .now_ms = x->now_ms,
                                .actor = x->caller.user,
                                .actor_role = role_names[x->caller.role],
                                .correlation_id = x->request_id,
                                .traceparent = exchange_traceparent(x)};
    memcpy(s->record.components, c->components, sizeof(c->components));
    memcpy(s->record.weights, c->weights, sizeof(c->weights));
    window_ask(&s->window, x, c->student, day_of_ms(x->now_ms), TREND_DAYS);
    return record_step(&s->record, x->engine, &x->pipeline, &x->problem);
}

/* The window as it is now that the new state has been written. */
static void put_into_window(struct window *w, const struct mastery_state *state)
{
    if (w->n > 0 && w->days[w->n - 1].day >= state->day)
        w->days[w->n - 1] = *state;
    else if (w->n < HISTORY_DAYS)
        w->days[w->n++] = *state;
}

/* Both kinds answer as query does, with what they have stored. */
static enum step record(struct exchange *x, enum record_kind kind)
{
    const struct calculate *c = x->input;
    struct calculate_state *s = x->state;
    struct jw w;

    if (!s)
        return record_begin(x, c, kind);
    if (!s->window_read && !window_read(&s->window, x))
        return STEP_DONE;
    s->window_read = true;
    if (record_step(&s->record, x->engine, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    metrics_add(x->engine->metrics, METRIC_CALCULATIONS, kind == RECORD_RECOMPUTE ? 2 : 0, 0, 1);
    x->unjournaled = s->record.duplicate;
    if (kind == RECORD_STATEMENT)
        put_into_window(&s->window, &s->record.state);
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", c->student);
    jw_number(&w, "mastery_score", s->record.result.score);
    jw_text(&w, "level", level_names[s->record.result.level]);
    jw_raw(&w, "data", s->record.result_json);
    write_window(&w, &s->window);
    write_metadata(x, &w, c->student);
    jw_object_end(&w);
    return STEP_DONE;
}

static enum step calculate(struct exchange *x)
{
    return record(x, RECORD_STATEMENT);
}

static enum step recompute(struct exchange *x)
{
    return record(x, RECORD_RECOMPUTE);
}

/* ---- history ---- */

struct history {
    struct str student;
    int64_t days;
};

/* clang-format off */
static const struct rule history_rules[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct history, student), .description = "The student"},
    {.name = "days", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = HISTORY_DAYS, .default_value = 7, .offset = offsetof(struct history, days), .description = "The last so many UTC days, today included"},
    {0},
};
/* clang-format on */

static enum step history(struct exchange *x)
{
    const struct history *h = x->input;
    struct window *window = x->state;
    struct jw w;

    if (!window) {
        x->state = window = arena_alloc(x->arena, sizeof(*window));
        if (!window)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        window_ask(window, x, h->student, day_of_ms(x->now_ms), (int)h->days);
        return STEP_MORE;
    }
    if (!window_read(window, x))
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", h->student);
    jw_int(&w, "days", h->days);
    jw_int(&w, "history_count", (int64_t)window->n);
    write_history(&w, window);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- statistics ---- */

struct statistics {
    struct str student;
};

/* clang-format off */
static const struct rule statistics_rules[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct statistics, student), .description = "The student"},
    {0},
};
/* clang-format on */

static enum step statistics(struct exchange *x)
{
    const struct statistics *in = x->input;
    struct query_state *s = x->state;
    int32_t today = day_of_ms(x->now_ms);
    struct student_profile profile;
    struct jw w;

    if (!s) {
        x->state = s = arena_alloc(x->arena, sizeof(*s));
        if (!s)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        s->profile = student_cmd_profile(&x->pipeline, in->student);
        window_ask(&s->window, x, in->student, today, HISTORY_DAYS);
        return STEP_MORE;
    }
    if (!student_parse_profile(s->profile, &profile, &x->problem) || !window_read(&s->window, x))
        return STEP_DONE;
    if (!profile.exists) {
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no data about this student");
        return STEP_DONE;
    }
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_object(&w, "statistics");
    jw_str(&w, "student_id", in->student);
    jw_number(&w, "current_mastery", mastery_score_of_state(&profile.state));
    write_window(&w, &s->window);
    mastery_write_activity(&w, "activity", &profile.state, s->window.days, s->window.n, today);
    jw_int(&w, "history_length", (int64_t)s->window.n);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule query_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    SHAPE_SCORE("mastery_score", "The score"),
    {.name = "level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "Level of the score"},
    {.name = "data", .type = RULE_OBJECT, .required = true, .fields = shape_mastery_result, .description = "The full result"},
    {.name = "historical_average", .type = RULE_NUMBER, .required = true, .nullable = true, .max = 1, .description = "Mean of the daily scores of the window; null without any"},
    {.name = "trend", .type = RULE_ENUM, .required = true, .nullable = true, .choices = shape_trends, .description = "Last less first daily score of the window: over 0.02, under -0.02, or between; null with fewer than two days"},
    {.name = "history", .type = RULE_OBJECTS, .fields = shape_history_day, .description = "The days of the window, oldest first, when asked for"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = shape_query_metadata, .description = "About this answer"},
    {0},
};

static const struct rule history_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "days", .type = RULE_INT, .required = true, .description = "The window asked for"},
    {.name = "history_count", .type = RULE_INT, .required = true, .description = "Days in history"},
    {.name = "history", .type = RULE_OBJECTS, .required = true, .fields = shape_history_day, .description = "Oldest first; empty without data"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule statistics_fields[] = {
    SHAPE_STUDENT,
    SHAPE_SCORE("current_mastery", "The score now"),
    {.name = "historical_average", .type = RULE_NUMBER, .required = true, .nullable = true, .max = 1, .description = "Mean of the daily scores of the last 90 days"},
    {.name = "trend", .type = RULE_ENUM, .required = true, .nullable = true, .choices = shape_trends, .description = "Over the same days"},
    {.name = "activity", .type = RULE_OBJECT, .required = true, .fields = shape_activity, .description = "What the student has done"},
    {.name = "history_length", .type = RULE_INT, .required = true, .description = "Days with a score in the last 90"},
    {0},
};

static const struct rule statistics_answer[] = {
    SHAPE_SUCCESS,
    {.name = "statistics", .type = RULE_OBJECT, .required = true, .fields = statistics_fields, .description = "The figures"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "mastery-query", .method = POST, .pattern = "/api/v1/mastery/query", .limit_per_minute = 50,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_CACHED | ROUTE_STALE, .rules = query_rules, .input_size = sizeof(struct query),
     .subject_offset = offsetof(struct query, student), .handler = query, .status = 200, .response = query_answer,
     .summary = "How well a student masters the material, now or at a past day"},
    {.name = "mastery-calculate", .method = POST, .pattern = "/api/v1/mastery/calculate", .limit_per_minute = 30,
     .access = ACCESS_WRITE_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_IDEMPOTENT | ROUTE_JOURNALED, .rules = calculate_rules, .input_size = sizeof(struct calculate),
     .subject_offset = offsetof(struct calculate, student), .check = calculate_check, .handler = calculate, .status = 200, .response = query_answer,
     .summary = "States a student's components, computes the score and stores it"},
    {.name = "mastery-history", .method = GET, .pattern = "/api/v1/mastery/history/{student_id}", .limit_per_minute = 20,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = history_rules, .input_size = sizeof(struct history),
     .subject_offset = offsetof(struct history, student), .handler = history, .status = 200, .response = history_answer,
     .summary = "A student's daily scores, oldest first"},
    {.name = "mastery-statistics", .method = GET, .pattern = "/api/v1/mastery/statistics/{student_id}", .limit_per_minute = 10,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = statistics_rules, .input_size = sizeof(struct statistics),
     .subject_offset = offsetof(struct statistics, student), .handler = statistics, .status = 200, .response = statistics_answer,
     .summary = "A student's score, average, trend and activity"},
};
/* clang-format on */

/* clang-format off */
const struct route mastery_recompute = {
    .name = "mastery-recompute", .method = POST, .access = ACCESS_WRITE_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_JOURNALED,
    .rules = recompute_rules, .input_size = sizeof(struct calculate), .subject_offset = offsetof(struct calculate, student),
    .handler = recompute, .status = 200, .response = query_answer,
    .summary = "Makes a student's result again from the stored state and stores it"};
/* clang-format on */

const struct route_table mastery_routes = {"mastery", routes, sizeof(routes) / sizeof(routes[0])};
