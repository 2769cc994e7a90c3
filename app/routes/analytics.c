/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/analytics about one student: mastery-history, comprehensive; and config. What compares
 * students stands in analytics_compare.c. */
#include "app/routes/analytics.h"
#include "app/base/clock.h"
#include "app/domain/trend.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/history.h"
#include "app/service/mastery_json.h"
#include "app/service/statistics_json.h"

enum { DAYS_PRESET = 30 };

/* ---- the period asked about ---- */

struct period {
    struct str student;
    bool has_start, has_end, has_days;
    int32_t start, end; /* complete after period_check */
    int64_t days;
    int aggregation;
};

static void fail_field(struct exchange *x, const char *field, const char *message)
{
    if (!problem_has_field(&x->problem, str_of(field)))
        problem_field(&x->problem, x->arena, str_of(field), "%s", message);
}

static void check_dates(struct exchange *x, const struct period *p)
{
    if (p->has_days)
        fail_field(x, "days", "must not stand beside start_date and end_date");
    if (!p->has_start)
        fail_field(x, "start_date", "is required with end_date");
    if (!p->has_end)
        fail_field(x, "end_date", "is required with start_date");
    if (p->has_start && p->has_end && p->start > p->end)
        fail_field(x, "start_date", "must not be after end_date");
}

static bool period_check(struct exchange *x)
{
    struct period *p = x->input;
    int32_t today = day_of_ms(x->now_ms);

    if (p->has_start || p->has_end) {
        check_dates(x, p);
    } else {
        p->end = today;
        p->start = today - (int32_t)(p->has_days ? p->days : DAYS_PRESET) + 1;
    }
    return x->problem.code == PROBLEM_NONE;
}

/* Of a period as long as anybody likes, the days that there can be: the last HISTORY_DAYS, and
 * tomorrow, since clocks of clients may be a day ahead of UTC. */
static struct command *ask_period(struct exchange *x, const struct period *p)
{
    int32_t today = day_of_ms(x->now_ms), from = p->start, to = p->end;

    if (from < today - HISTORY_DAYS)
        from = today - HISTORY_DAYS;
    if (to > today + 1)
        to = today + 1;
    if (from > to)
        from = to = p->start; /* a day without data */
    return student_cmd_days(&x->pipeline, p->student, from, to - from + 1);
}

static void summarize(const struct daily *days, size_t n, struct summary *ret)
{
    double scores[STUDENT_DAYS_MAX];

    sort_values(scores, daily_scores(days, n, scores));
    summary_of_sorted(scores, n, ret);
}

static void write_end(struct exchange *x, struct jw *w, const struct history *h)
{
    jw_object(w, "metadata");
    jw_str(w, "correlation_id", x->request_id);
    jw_time(w, "query_time", x->now_ms);
    jw_int(w, "days_with_data", (int64_t)h->n);
    jw_object_end(w);
    jw_str(w, "correlation_id", x->request_id);
    jw_object_end(w);
}

/* ---- mastery-history ---- */

static enum step mastery_history(struct exchange *x)
{
    const struct period *p = x->input;
    struct daily periods[STUDENT_DAYS_MAX];
    struct history history;
    struct summary summary;
    struct jw w;
    size_t n;

    if (!x->state) {
        x->state = ask_period(x, p);
        return STEP_MORE;
    }
    if (!history_parse(x->state, &history, &x->problem))
        return STEP_DONE;
    n = daily_aggregate(history.days, history.n, (enum aggregation)p->aggregation, periods);
    summarize(periods, n, &summary);
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", p->student);
    jw_day(&w, "start_date", p->start);
    jw_day(&w, "end_date", p->end);
    jw_text(&w, "aggregation", aggregation_names[p->aggregation]);
    jw_int(&w, "count", (int64_t)n);
    statistics_write_days(&w, "data", periods, n);
    statistics_write_summary(&w, "statistics", &summary);
    write_end(x, &w, &history);
    return STEP_DONE;
}

/* ---- comprehensive ---- */

struct comprehensive_state {
    struct command *state, *days;
};

static void write_period(struct jw *w, const struct period *p)
{
    jw_object(w, "period");
    jw_day(w, "start_date", p->start);
    jw_day(w, "end_date", p->end);
    jw_int(w, "days", p->end - p->start + 1);
    jw_text(w, "aggregation", aggregation_names[p->aggregation]);
    jw_object_end(w);
}

/* Steadiness is told from day to day, whatever the summary is of. */
static void write_steadiness(struct jw *w, const struct history *h)
{
    double values[STUDENT_DAYS_MAX], volatility;
    size_t n = daily_scores(h->days, h->n, values);

    volatility = volatility_of_scores(values, n);
    jw_text(w, "trend", overall_trend(values, n));
    jw_number(w, "volatility", volatility);
    jw_number(w, "consistency_score", consistency_of_volatility(volatility));
    jw_object(w, "component_trends");
    for (int c = 0; c < COMPONENTS; c++) {
        n = daily_component(h->days, h->n, (enum component)c, values);
        jw_text(w, component_names[c], n > 0 ? overall_trend(values, n) : NULL);
    }
    jw_object_end(w);
}

static enum step comprehensive_begin(struct exchange *x, const struct period *p)
{
    struct comprehensive_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    s->state = student_cmd_state(&x->pipeline, p->student);
    s->days = ask_period(x, p);
    return STEP_MORE;
}

static enum step comprehensive(struct exchange *x)
{
    const struct period *p = x->input;
    const struct comprehensive_state *s = x->state;
    struct daily periods[STUDENT_DAYS_MAX];
    struct mastery_state now;
    struct history history;
    struct summary summary;
    struct jw w;

    if (!s)
        return comprehensive_begin(x, p);
    if (!student_parse_state(s->state, &now, &x->problem) ||
        !history_parse(s->days, &history, &x->problem))
        return STEP_DONE;
    if (mastery_state_empty(&now))
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no data about this student");
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    summarize(periods,
              daily_aggregate(history.days, history.n, (enum aggregation)p->aggregation, periods),
              &summary);
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", p->student);
    write_period(&w, p);
    statistics_write_summary(&w, "summary", &summary);
    write_steadiness(&w, &history);
    write_end(x, &w, &history);
    return STEP_DONE;
}

/* ---- config ---- */

static void write_names(struct jw *w, const char *key, const char *const *names)
{
    jw_array(w, key);
    for (; *names; names++)
        jw_text(w, NULL, *names);
    jw_array_end(w);
}

static enum step config(struct exchange *x)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_object(&w, "config");
    jw_int(&w, "history_days", HISTORY_DAYS);
    jw_int(&w, "default_days", DAYS_PRESET);
    write_names(&w, "aggregations", aggregation_names);
    write_names(&w, "metrics", compare_metrics);
    jw_array(&w, "percentiles");
    for (int i = 0; i < SUMMARY_PERCENTILES; i++)
        jw_int(&w, NULL, summary_percents[i]);
    jw_array_end(&w);
    jw_number(&w, "trend_change", TREND_CHANGE);
    jw_number(&w, "inconsistent_volatility", TREND_VOLATILITY);
    jw_number(&w, "significance_level", WELCH_SIGNIFICANT);
    jw_number(&w, "interval_level", WELCH_LEVEL);
    jw_int(&w, "cohort_min_students", COMPARE_COHORT_MIN);
    jw_int(&w, "cohort_max_students", COMPARE_COHORT_MAX);
    jw_int(&w, "compare_max_students", COMPARE_STUDENTS_MAX);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule period_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct period, student), .description = "The student"},
    {.name = "start_date", .type = RULE_DAY, .nullable = true, .offset = offsetof(struct period, start), .present = offsetof(struct period, has_start), .description = "First UTC day, at most 90 days ago; with end_date, instead of days"},
    {.name = "end_date", .type = RULE_DAY, .nullable = true, .offset = offsetof(struct period, end), .present = offsetof(struct period, has_end), .description = "Last UTC day"},
    {.name = "days", .type = RULE_INT, .nullable = true, .min = 1, .max = HISTORY_DAYS, .offset = offsetof(struct period, days), .present = offsetof(struct period, has_days), .description = "The last so many UTC days, today included; 30 when no dates are given either"},
    {.name = "aggregation", .type = RULE_ENUM, .choices = aggregation_names, .offset = offsetof(struct period, aggregation), .description = "Days as they are, or their means by ISO week or calendar month"},
    {0},
};

static const struct rule history_metadata[] = {
    SHAPE_CORRELATION,
    {.name = "query_time", .type = RULE_TIME, .required = true, .description = "When the question was answered"},
    {.name = "days_with_data", .type = RULE_INT, .required = true, .description = "Days of the period that have a score"},
    {0},
};

static const struct rule period_day[] = {
    {.name = "date", .type = RULE_DAY, .required = true, .description = "UTC day; of a week or month its first day"},
    SHAPE_SCORE("mastery_score", "Score at the close of the day, or the mean of the period's days"),
    {.name = "level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "Level of that score"},
    {.name = "components", .type = RULE_OBJECT, .required = true, .fields = shape_components, .description = "The four components; of a period the mean over the days on which each has evidence"},
    {.name = "sample_size", .type = RULE_INT, .required = true, .description = "Events and statements"},
    {0},
};

static const struct rule history_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "start_date", .type = RULE_DAY, .required = true, .description = "First day of the period"},
    {.name = "end_date", .type = RULE_DAY, .required = true, .description = "Last day of the period"},
    {.name = "aggregation", .type = RULE_ENUM, .required = true, .choices = aggregation_names, .description = "As asked for"},
    {.name = "count", .type = RULE_INT, .required = true, .description = "How many entries data has"},
    {.name = "data", .type = RULE_OBJECTS, .required = true, .fields = period_day, .description = "Days, weeks or months that have data, oldest first"},
    {.name = "statistics", .type = RULE_OBJECT, .required = true, .fields = shape_summary, .description = "Of the scores in data"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = history_metadata, .description = "About the answer"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule period_fields[] = {
    {.name = "start_date", .type = RULE_DAY, .required = true, .description = "First UTC day"},
    {.name = "end_date", .type = RULE_DAY, .required = true, .description = "Last UTC day"},
    {.name = "days", .type = RULE_INT, .required = true, .description = "How many days these are"},
    {.name = "aggregation", .type = RULE_ENUM, .required = true, .choices = aggregation_names, .description = "What the summary is of"},
    {0},
};

static const char *const overall_trends[] = {"improving", "declining", "stable", "inconsistent", NULL};
#define COMPONENT_TREND(component) \
    {.name = component, .type = RULE_ENUM, .required = true, .nullable = true, .choices = overall_trends, .description = "null without evidence"}
static const struct rule component_trends[] = {
    COMPONENT_TREND("completion"), COMPONENT_TREND("quiz"), COMPONENT_TREND("quality"), COMPONENT_TREND("consistency"), {0},
};

static const struct rule comprehensive_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "period", .type = RULE_OBJECT, .required = true, .fields = period_fields, .description = "What was looked at"},
    {.name = "summary", .type = RULE_OBJECT, .required = true, .fields = shape_summary, .description = "Of the scores, by day, week or month"},
    {.name = "trend", .type = RULE_ENUM, .required = true, .choices = overall_trends, .description = "Last less first daily score: over 0.02, under -0.02, or between; inconsistent when the volatility is over 0.15"},
    {.name = "volatility", .type = RULE_NUMBER, .required = true, .description = "Sample deviation of the day-to-day differences"},
    SHAPE_SCORE("consistency_score", "1 / (1 + 10 volatility)"),
    {.name = "component_trends", .type = RULE_OBJECT, .required = true, .fields = component_trends, .description = "The same for each component, over the days on which it has evidence"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = history_metadata, .description = "About the answer"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule config_fields[] = {
    {.name = "history_days", .type = RULE_INT, .required = true, .description = "How far back the history goes"},
    {.name = "default_days", .type = RULE_INT, .required = true, .description = "Length of a period unless asked otherwise"},
    {.name = "aggregations", .type = RULE_ENUM_SET, .required = true, .choices = aggregation_names, .description = "Of mastery-history and comprehensive"},
    {.name = "metrics", .type = RULE_ENUM_SET, .required = true, .choices = compare_metrics, .description = "Of compare/students"},
    {.name = "percentiles", .type = RULE_NUMBERS, .required = true, .max = 100, .description = "Those of a summary"},
    SHAPE_SCORE("trend_change", "Change beyond which a trend is more than stable"),
    SHAPE_SCORE("inconsistent_volatility", "Volatility beyond which a trend is inconsistent"),
    SHAPE_SCORE("significance_level", "Probability under which two cohorts differ"),
    SHAPE_SCORE("interval_level", "Level of the confidence interval of their difference"),
    {.name = "cohort_min_students", .type = RULE_INT, .required = true, .description = "Of one side of compare/cohorts"},
    {.name = "cohort_max_students", .type = RULE_INT, .required = true, .description = "Of one side of compare/cohorts"},
    {.name = "compare_max_students", .type = RULE_INT, .required = true, .description = "Of compare/students"},
    {0},
};

static const struct rule config_answer[] = {
    SHAPE_SUCCESS,
    {.name = "config", .type = RULE_OBJECT, .required = true, .fields = config_fields, .description = "What is in force here"},
    SHAPE_CORRELATION,
    {0},
};

#define ANALYTICS "/api/v1/analytics/"

static const struct route routes[] = {
    {.name = "analytics-history", .method = POST, .pattern = ANALYTICS "mastery-history", .aliases = {ANALYTICS "history"}, .limit_per_minute = 60,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = period_rules, .input_size = sizeof(struct period),
     .subject_offset = offsetof(struct period, student), .check = period_check, .handler = mastery_history, .status = 200, .response = history_answer,
     .summary = "A student's scores by day, week or month, and their statistics"},
    {.name = "analytics-comprehensive", .method = POST, .pattern = ANALYTICS "comprehensive", .limit_per_minute = 50,
     .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = period_rules, .input_size = sizeof(struct period),
     .subject_offset = offsetof(struct period, student), .check = period_check, .handler = comprehensive, .status = 200, .response = comprehensive_answer,
     .summary = "How a student develops: summary, trend and steadiness"},
    {.name = "analytics-config", .method = GET, .pattern = ANALYTICS "config", .limit_per_minute = 50,
     .access = ACCESS_ANY, .subject_offset = NO_SUBJECT, .handler = config, .status = 200, .response = config_answer,
     .summary = "Limits and thresholds of the analytics"},
};
/* clang-format on */

const struct route_table analytics_routes = {"analytics", routes,
                                             sizeof(routes) / sizeof(routes[0])};
