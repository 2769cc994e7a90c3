/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/mastery: inputs, responses and the order of round trips of query, calculate, history and
 * statistics. domain/mastery.c computes scores, service/record.c stores changes. Each handler reads
 * all it needs in its first round trip. A snapshot is a student's closing state of one UTC day; a
 * window is the snapshots of some consecutive days. */
#include "app/base/clock.h"
#include "app/domain/trend.h"
#include "app/pipeline/exchange.h"
#include "app/pipeline/idempotency.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/mastery_json.h"
#include "app/service/record.h"
#include "app/store/student_days.h"

enum { TREND_DAYS = 7 }; /* days of the trend in the response of calculate */

/* Snapshots of consecutive days of a student, the oldest first. Days without data have no
 * snapshot. */
struct window {
    struct command *command; /* command that reads the snapshots */
    int day_count;           /* number of days to read: room in `days` */
    struct mastery_state *days;
    size_t n; /* number of snapshots in days, after window_parse */
};

/* Queues the reading of the snapshots of day_count UTC days, the last of which is `last`: today, or
 * a day before it. For days that end with today it uses a command that may read less. state: the
 * command that reads the student's state, queued before; NULL: none. */
static void window_queue(struct window *w, struct exchange *x, struct str student,
                         const struct command *state, int32_t last, int day_count)
{
    w->day_count = day_count;
    w->command =
        last == day_of_ms(x->now_ms)
            ? student_cmd_latest_days(&x->pipeline, student, state, last, day_count)
            : student_cmd_days(&x->pipeline, student, state, last - day_count + 1, day_count);
}

/* Parses the snapshots in the reply. Returns false with x->problem set if the reply is an error. */
static bool window_parse(struct window *w, struct exchange *x)
{
    w->days = arena_alloc(x->arena, (size_t)w->day_count * sizeof(*w->days));
    if (!w->days) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    return student_parse_days(w->command, w->days, &w->n, &x->problem);
}

/* Writes the average score and the trend of the window. The average is null without snapshots, the
 * trend with fewer than two. */
static void window_write_trend(struct jw *w, const struct window *window)
{
    double scores[HISTORY_DAYS];
    size_t n = window->n;

    for (size_t i = 0; i < n; i++)
        scores[i] = mastery_score_of_state(&window->days[i]);
    if (n > 0)
        jw_number(w, "historical_average", mean_of_scores(scores, n));
    else
        jw_null(w, "historical_average");
    jw_text(w, "trend", trend_of_scores(scores, n));
}

/* Writes all snapshots of the window as a list, the oldest first. */
static void window_write_days(struct jw *w, const struct window *window)
{
    jw_array(w, "history");
    for (size_t i = 0; i < window->n; i++)
        mastery_write_day(w, &window->days[i]);
    jw_array_end(w);
}

/* Writes the metadata at the end of the responses of query and calculate. They contain the
 * correlation id, which other responses have at the top level. */
static void query_write_metadata(struct exchange *x, struct jw *w, struct str student)
{
    jw_object(w, "metadata");
    jw_str(w, "correlation_id", x->request_id);
    jw_time(w, "query_time", x->now_ms);
    jw_str(w, "student_id", student);
    jw_object_end(w);
}

/* ---- query ---- */

/* Input of mastery-query. */
struct query {
    struct str student;
    bool include_components, include_history;
    int64_t days; /* number of days for average, trend and history */
    bool at_date; /* true: show the student's state at the end of a past day */
    int32_t date; /* the past UTC day whose state is shown, if at_date */
};

/* State of mastery-query and mastery-statistics between their steps. */
struct query_state {
    struct command *profile; /* reads the student's present state, and the result stored with it */
    struct window window;
    /* query only: number of erasures of students that this process knew (engine_apply_erasures)
     * before Redis was read; if it has changed, the response must not enter the stale cache */
    uint64_t erasures;
};

/* Returns whether the response may be stored in the stale cache and sent again while Redis is
 * unavailable: only when a student requests the own data. Other callers could go on seeing data
 * after an erasure or a lost right, because neither can be noticed during that time (hazards X18;
 * docs/privacy.md, Erasure). */
static bool query_may_be_stale(const struct exchange *x)
{
    const struct query *q = x->input;

    return x->engine->stale_cache && x->caller.role == ROLE_STUDENT &&
           str_equal(x->caller.user, q->student);
}

/* Returns the key of this request in the stale cache (responses to send again while Redis is
 * unavailable). It contains role, user and body, so that no caller gets a response made for
 * another. The p of the key is NULL when out of memory. */
static struct str query_cache_key(struct exchange *x)
{
    struct buf text;

    buf_init(&text, x->arena);
    (void)buf_reserve(&text, /* role and spaces */ 16 + x->caller.user.n + x->request.body.n);
    buf_text(&text, role_names[x->caller.role]);
    buf_char(&text, ' ');
    buf_str(&text, x->caller.user);
    buf_char(&text, ' ');
    buf_str(&text, x->request.body);
    return text.failed ? (struct str){0} : buf_view(&text);
}

/* Writes the response. members: the beginning of its JSON text, made from Redis' data or found in
 * the stale cache. It is followed by the member `metadata`, which is always that of this request.
 */
static void query_respond(struct exchange *x, struct str members, struct str student)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    buf_str(&x->response.body, members);
    w.comma = true; /* the writer does not know the members copied above */
    query_write_metadata(x, &w, student);
    jw_object_end(&w);
}

/* Responds while Redis is unavailable: with the stored response to an earlier, equal request and
 * its age, or with 503. Always returns STEP_DONE. */
static enum step query_stale(struct exchange *x)
{
    const struct query *q = x->input;
    struct str members;
    int64_t age_ms;

    (void)engine_apply_erasures(x->engine); /* removes cached responses about erased students */
    if (!query_may_be_stale(x) || !stale_cache_find(x->engine->stale_cache, query_cache_key(x),
                                                    x->started_us / 1000, &members, &age_ms)) {
        problem_unavailable(&x->problem, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    query_respond(x, members, q->student);
    (void)http_response_header(&x->response, "X-Cache", STR("STALE"));
    (void)http_response_header(&x->response, "Age",
                               arena_printf(x->arena, "%lld", (long long)age_ms / 1000));
    metrics_add(x->engine->metrics, METRIC_STALE, NULL, NULL, 1);
    return STEP_DONE;
}

/* Sets *profile to the state that the query requests: the present one or, for a date, the snapshot
 * of that day or of the last day before it. Returns false with x->problem set, to 404 if there is
 * no such state. */
static bool query_parse_state(struct exchange *x, const struct query *q, struct query_state *s,
                              struct student_profile *profile)
{
    if (!student_parse_profile(s->profile, profile, &x->problem) || !window_parse(&s->window, x))
        return false;
    if (q->at_date && s->window.n > 0)
        profile->state = s->window.days[s->window.n - 1];
    if (!profile->exists || (q->at_date && s->window.n == 0))
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no data about this student");
    return x->problem.code == PROBLEM_NONE;
}

/* Removes the snapshots before the day `first` from the window. A query for a date reads more days
 * than its response shows, because the last snapshot up to the date may be much older. */
static void window_narrow(struct window *w, int32_t first)
{
    size_t skip = 0;

    while (skip < w->n && w->days[skip].day < first)
        skip++;
    memmove(w->days, w->days + skip, (w->n - skip) * sizeof(w->days[0]));
    w->n -= skip;
}

/* Returns the JSON members of the response up to the metadata. The p of the text is NULL when out
 * of memory. */
static struct str query_members(struct exchange *x, const struct query *q,
                                const struct student_profile *profile, const struct window *window)
{
    struct buf out;
    struct jw w = {.out = &out};
    double score = mastery_score_of_state(&profile->state);

    buf_init(&out, x->arena);
    (void)buf_reserve(&out, 1024);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", q->student);
    jw_number(&w, "mastery_score", score);
    jw_text(&w, "level", level_names[mastery_level(score)]);
    mastery_write_result(&w, "data", q->student, &profile->state, q->include_components);
    window_write_trend(&w, window);
    if (q->include_history)
        window_write_days(&w, window);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Handler of query: one round trip, then the response. For a date it reads HISTORY_DAYS days,
 * because the last snapshot before the date may be old. X-Cache is HIT for the present state, which
 * the latest change has stored, and MISS for a date, whose state is searched among the snapshots.
 */
static enum step mastery_query(struct exchange *x)
{
    const struct query *q = x->input;
    struct query_state *s = x->state;
    int32_t today = day_of_ms(x->now_ms), last = q->at_date ? q->date : today;
    struct student_profile profile;
    struct str members;

    if (!s) {
        s = exchange_new_state(x, sizeof(*s));
        if (!s)
            return STEP_DONE;
        /* also clears the stale cache if a student was erased; compared again at the end */
        s->erasures = engine_apply_erasures(x->engine);
        s->profile = student_cmd_state(&x->pipeline, q->student);
        window_queue(&s->window, x, q->student, s->profile, last,
                     q->at_date ? HISTORY_DAYS : (int)q->days);
        return STEP_MORE;
    }
    if (x->pipeline.status == PIPELINE_FAILED)
        return query_stale(x);
    if (!query_parse_state(x, q, s, &profile))
        return STEP_DONE;
    window_narrow(&s->window, last - (int32_t)q->days + 1);
    members = query_members(x, q, &profile, &s->window);
    if (!members.p)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    query_respond(x, members, q->student);
    (void)http_response_header(&x->response, "X-Cache", q->at_date ? STR("MISS") : STR("HIT"));
    metrics_add(x->engine->metrics, q->at_date ? METRIC_CACHE_MISSES : METRIC_CACHE_HITS, NULL,
                NULL, 1);
    /* Not stored if any student was erased since Redis was read, because the response may be about
     * that student, nor until this process has read the epoch of erasures (a number that each
     * erasure changes) from Redis. */
    if (query_may_be_stale(x) && x->engine->erasures.epoch >= 0 &&
        s->erasures == engine_apply_erasures(x->engine))
        stale_cache_add(x->engine->stale_cache, query_cache_key(x), members, x->started_us / 1000);
    return STEP_DONE;
}

/* ---- calculate ---- */

/* Input of mastery-calculate. mastery-recompute fills only the student. */
struct calculate {
    struct str student;
    double components[COMPONENTS];
    bool own_weights; /* false: the weights of the model are used */
    double weights[COMPONENTS];
};

/* State of calculate and recompute between steps. The first round trip brings the window (the
 * snapshots of the latest days), which is parsed once; the write may take several round trips. */
struct calculate_state {
    struct record record;
    struct window window;
    bool window_parsed; /* window.days is set; the reply is parsed only in the second step */
};

/* Checks that the caller's own weights sum to 1. Weights that failed validation have an error
 * already. Returns false if a field has an error. */
static bool calculate_check(struct exchange *x)
{
    const struct calculate *c = x->input;

    if (!c->own_weights || mastery_weights_valid(c->weights) ||
        problem_has_field(&x->problem, STR("weights")))
        return true;
    problem_field(&x->problem, x->arena, STR("weights"), "must sum to 1 (within 0.001)");
    return false;
}

/* Starts the change of the score, and reads the window in the same round trip as the student's
 * state. */
static enum step calculate_begin(struct exchange *x, const struct calculate *c,
                                 enum record_kind kind)
{
    struct calculate_state *s = exchange_new_state(x, sizeof(*s));
    enum step step;

    if (!s)
        return STEP_DONE;
    s->record = (struct record){.student = c->student,
                                .kind = kind,
                                .own_weights = c->own_weights,
                                .now_ms = x->now_ms,
                                .actor = x->caller.user,
                                .actor_role = role_names[x->caller.role],
                                .correlation_id = x->request_id,
                                .traceparent = exchange_traceparent(x)};
    memcpy(s->record.components, c->components, sizeof(c->components));
    memcpy(s->record.weights, c->weights, sizeof(c->weights));
    step = record_step(&s->record, x->engine, &x->pipeline, &x->problem);
    window_queue(&s->window, x, c->student, s->record.profile_cmd, day_of_ms(x->now_ms),
                 TREND_DAYS);
    return step;
}

/* Puts the student's new state into the window as the snapshot of its day, because the window was
 * read before the state was written. That day is today or, when an event was dated ahead, tomorrow.
 * A snapshot of the same day is replaced (`>=`, so that the days ascend in any case); otherwise the
 * state is appended. A full window ends with a snapshot of today, so only a state of tomorrow finds
 * no room: the trend then ends with today. */
static void window_put(struct window *w, const struct mastery_state *state)
{
    if (w->n > 0 && w->days[w->n - 1].day >= state->day)
        w->days[w->n - 1] = *state;
    else if (w->n < (size_t)w->day_count)
        w->days[w->n++] = *state;
}

/* Stores the components that the caller states (RECORD_STATEMENT), or recomputes the score from
 * stored data (RECORD_RECOMPUTE). The response has the same form as that of query; its trend is
 * computed from the window. Storing takes several round trips when others write to the same
 * student. */
static enum step calculate_step(struct exchange *x, enum record_kind kind)
{
    const struct calculate *c = x->input;
    struct calculate_state *s = x->state;
    struct jw w;

    if (!s)
        return calculate_begin(x, c, kind);
    if (!s->window_parsed && !window_parse(&s->window, x))
        return STEP_DONE;
    s->window_parsed = true;
    /* by this id a repeated request finds the change of the first one */
    s->record.event_id = idempotency_marker(x);
    if (record_step(&s->record, x->engine, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    metrics_add(x->engine->metrics, METRIC_CALCULATIONS,
                kind == RECORD_RECOMPUTE ? "recomputed" : "stated", NULL, 1);
    /* a repeated request changes nothing and has no journal entry, so `unjournaled` makes the audit
     * log record it */
    x->unjournaled = s->record.duplicate;
    if (kind == RECORD_STATEMENT) /* a recomputation leaves the student's state as it was read */
        window_put(&s->window, &s->record.state);
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", c->student);
    jw_number(&w, "mastery_score", s->record.result.score);
    jw_text(&w, "level", level_names[s->record.result.level]);
    mastery_write_result(&w, "data", c->student, &s->record.state, /* with_components */ true);
    window_write_trend(&w, &s->window);
    query_write_metadata(x, &w, c->student);
    jw_object_end(&w); /* not exchange_json_end: the correlation id is in the metadata */
    return STEP_DONE;
}

/* Handler of calculate: stores the components that the caller states. */
static enum step mastery_calculate(struct exchange *x)
{
    return calculate_step(x, RECORD_STATEMENT);
}

/* Handler of mastery_recompute, a route that only /api/v1/process uses, by delegation: computes the
 * student's score again from the stored state, and stores the result. */
static enum step mastery_recalculate(struct exchange *x)
{
    return calculate_step(x, RECORD_RECOMPUTE);
}

/* ---- history ---- */

/* Input of mastery-history. */
struct history_input {
    struct str student;
    int64_t days; /* number of UTC days, today included */
};

/* Handler of history: one round trip, then the snapshots of the days. Days without data are left
 * out. A student without any data gets an empty list, not 404. */
static enum step mastery_history(struct exchange *x)
{
    const struct history_input *h = x->input;
    struct window *window = x->state;
    struct jw w;

    if (!window) {
        window = exchange_new_state(x, sizeof(*window));
        if (!window)
            return STEP_DONE;
        window_queue(window, x, h->student, NULL, day_of_ms(x->now_ms), (int)h->days);
        return STEP_MORE;
    }
    if (!window_parse(window, x))
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", h->student);
    jw_int(&w, "days", h->days);
    jw_int(&w, "history_count", (int64_t)window->n);
    window_write_days(&w, window);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- statistics ---- */

/* Handler of statistics: one round trip, then the response. Average and trend are over the last
 * HISTORY_DAYS days, while query lets the caller choose the number of days. */
static enum step mastery_statistics(struct exchange *x)
{
    const struct student_input *in = x->input;
    struct query_state *s = x->state;
    int32_t today = day_of_ms(x->now_ms);
    struct student_profile profile;
    struct jw w;

    if (!s) {
        s = exchange_new_state(x, sizeof(*s));
        if (!s)
            return STEP_DONE;
        s->profile = student_cmd_state(&x->pipeline, in->student);
        window_queue(&s->window, x, in->student, s->profile, today, HISTORY_DAYS);
        return STEP_MORE;
    }
    if (!student_parse_profile(s->profile, &profile, &x->problem) || !window_parse(&s->window, x))
        return STEP_DONE;
    if (!profile.exists)
        return exchange_fail_with(x, PROBLEM_NOT_FOUND, "There is no data about this student");
    exchange_json_begin(x, 200, &w);
    jw_object(&w, "statistics");
    jw_str(&w, "student_id", in->student);
    jw_number(&w, "current_mastery", mastery_score_of_state(&profile.state));
    window_write_trend(&w, &s->window);
    mastery_write_activity(&w, "activity", &profile.state, s->window.days, s->window.n, today);
    jw_int(&w, "history_length", (int64_t)s->window.n);
    jw_object_end(&w);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
static const struct rule query_rules[] = RULES(
    BODY_STUDENT(query),
    BODY(BOOL, "include_components", query, include_components,
          "Show components, breakdown and evidence in data", .default_value = 1),
    BODY(BOOL, "include_history", query, include_history, "Show the days of the window as history"),
    BODY(INT, "days_history", query, days,
          "Window of average, trend and history: so many UTC days, the last one included", .min = 1,
          .max = HISTORY_DAYS, .default_value = TREND_DAYS),
    BODY(DAY, "date", query, date, "Mastery as it stood at the close of this UTC day; absent: now",
          .nullable = true, .present = offsetof(struct query, at_date)));

#define WEIGHTS                                                                                    \
    BODY(OBJECT, "weights", calculate, weights,                                                    \
          "Weights of this calculation, their sum 1 (within 0.001); absent: 0.4, 0.3, 0.2, 0.1",   \
          .nullable = true, SHAPE_OF_COMPONENTS_INPUT,                                             \
          .present = offsetof(struct calculate, own_weights))

const struct rule mastery_calculate_rules[] = RULES(
    BODY_STUDENT(calculate),
    BODY(OBJECT, "components", calculate, components, "The four components as they stand now",
          .required = true, SHAPE_OF_COMPONENTS_INPUT),
    WEIGHTS);

/* Rules for the payload of /api/v1/process when it means a recomputation and has no components. */
const struct rule mastery_recompute_rules[] = RULES(BODY_STUDENT(calculate));

const struct rule mastery_payload_rules[] = RULES(
    BODY(OBJECT, "components", calculate, components,
          "The four components as they stand now; absent or null: recompute from what is stored",
          .nullable = true, SHAPE_OF_COMPONENTS_INPUT),
    WEIGHTS);

static const struct rule history_rules[] = RULES(
    PATH_STUDENT(history_input),
    QUERY(INT, "days", history_input, days, "The last so many UTC days, today included", .min = 1,
          .max = HISTORY_DAYS, .default_value = 7));

static const struct rule statistics_rules[] = RULES(PATH_STUDENT(student_input));

/* Response of query and of calculate, so that a client can use one parser for both. */
static const struct rule query_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    SHAPE_SCORE("mastery_score", "The score"),
    FIELD(ENUM, "level", "Level of the score", .choices = shape_levels),
    FIELD(OBJECT, "data", "The full result", SHAPE_OF_MASTERY_RESULT),
    FIELD(NUMBER, "historical_average", "Mean of the daily scores of the window; null without any",
          .nullable = true, .max = 1),
    FIELD(ENUM, "trend", "Last less first daily score of the window: over 0.02, under -0.02, or "
          "between; null with fewer than two days", .nullable = true, .choices = shape_trends),
    OPTIONAL(OBJECTS, "history", "The days of the window, oldest first, when asked for",
          SHAPE_OF_HISTORY_DAY),
    FIELD(OBJECT, "metadata", "About this answer", .fields = shape_query_metadata));

static const struct rule history_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(INT, "days", "The window asked for"),
    FIELD(INT, "history_count", "Days in history"),
    FIELD(OBJECTS, "history", "Oldest first; empty without data", SHAPE_OF_HISTORY_DAY),
    SHAPE_CORRELATION);

/* trend compares the first and the last daily score of the last 90 days. */
static const struct rule statistics_fields[] = RULES(
    SHAPE_STUDENT,
    SHAPE_SCORE("current_mastery", "The score now"),
    FIELD(NUMBER, "historical_average", "Mean of the daily scores of the last 90 days",
          .nullable = true, .max = 1),
    FIELD(ENUM, "trend", "Over the same days", .nullable = true, .choices = shape_trends),
    FIELD(OBJECT, "activity", "What the student has done", SHAPE_OF_ACTIVITY),
    FIELD(INT, "history_length", "Days with a score in the last 90"));

static const struct rule statistics_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECT, "statistics", "The figures", .fields = statistics_fields), SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "mastery-query", .method = POST, .pattern = "/api/v1/mastery/query",
     .limit_per_minute = 50, .access = ACCESS_READ_STUDENT,
     .flags = ROUTE_PERSONAL | ROUTE_CACHED | ROUTE_STALE, .rules = query_rules,
     .input_size = sizeof(struct query), .handler = mastery_query, .status = 200,
     .response = query_response,
     .summary = "How well a student masters the material, now or at a past day"},
    {.name = "mastery-calculate", .method = POST, .pattern = "/api/v1/mastery/calculate",
     .limit_per_minute = 30, .access = ACCESS_WRITE_STUDENT,
     .flags = ROUTE_PERSONAL | ROUTE_IDEMPOTENT | ROUTE_JOURNALED, .rules = mastery_calculate_rules,
     .input_size = sizeof(struct calculate), .check = calculate_check, .handler = mastery_calculate,
     .status = 200, .response = query_response,
     .summary = "States a student's components, computes the score and stores it"},
    {.name = "mastery-history", .method = GET, .pattern = "/api/v1/mastery/history/{student_id}",
     .limit_per_minute = 20, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = history_rules, .input_size = sizeof(struct history_input), .handler = mastery_history,
     .status = 200, .response = history_response,
     .summary = "A student's daily scores, oldest first"},
    {.name = "mastery-statistics", .method = GET,
     .pattern = "/api/v1/mastery/statistics/{student_id}", .limit_per_minute = 10,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = statistics_rules,
     .input_size = sizeof(struct student_input), .handler = mastery_statistics, .status = 200,
     .response = statistics_response, .summary = "A student's score, average, trend and activity"},
};

/* This route is in no table, because it has no path: only /api/v1/process delegates requests to
 * it. */
const struct route mastery_recompute = {
    .name = "mastery-recompute", .method = POST, .access = ACCESS_WRITE_STUDENT,
    .flags = ROUTE_PERSONAL | ROUTE_IDEMPOTENT | ROUTE_JOURNALED,
    .rules = mastery_recompute_rules, .input_size = sizeof(struct calculate),
    .handler = mastery_recalculate, .status = 200, .response = query_response,
    .summary = "Makes a student's result again from the stored state and stores it"};
/* clang-format on */

const struct route_table mastery_routes = {
    "mastery", routes, sizeof(routes) / sizeof(routes[0]),
    "Scores of students: query, calculate, history and explanation"};
