/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/analytics about one student: mastery-history and comprehensive, which read the scores of
 * the days of a period; and config, which lists limits. Comparisons of students are in
 * analytics_students.c and analytics_cohorts.c, the formulas of the statistics in domain/. A day
 * here is a UTC day with the snapshot (closing state) that is stored for it. */
#include "app/routes/analytics.h"
#include "app/base/clock.h"
#include "app/domain/trend.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/history.h"
#include "app/service/mastery_json.h"
#include "app/service/statistics_json.h"

/* length of the period in days when a request gives neither dates nor a number of days */
enum { DAYS_PRESET = 30 };

/* ---- the period ---- */

/* The period of a request. A client gives it by its first and last date, or by a number of days
 * that ends today, or not at all: then it is the last DAYS_PRESET days. */
struct period {
    struct str student;
    bool has_start, has_end, has_days;
    int32_t start, end; /* first and last UTC day; always set after period_check */
    int64_t days;       /* length in days, if has_days */
    int aggregation;    /* enum aggregation: by day, week or month */
};

/* Adds an error about a field of the request, unless the field has one from validation: a second
 * error could contradict the first. */
void analytics_fail_field(struct exchange *x, const char *field, const char *message)
{
    if (!problem_has_field(&x->problem, str_of(field)))
        problem_field(&x->problem, x->arena, str_of(field), "%s", message);
}

/* Sets the first and the last day of a period that was given by a number of days, or not at all, so
 * that the handlers need not know how it was given. The rules have made sure that either both dates
 * are given or none. Returns false if a field of the request has an error. */
static bool period_check(struct exchange *x)
{
    struct period *p = x->input;
    int32_t today = day_of_ms(x->now_ms);

    if (p->has_start && p->has_end && p->start > p->end)
        analytics_fail_field(x, "start_date", "must not be after end_date");
    if (!p->has_start && !p->has_end) {
        p->end = today;
        p->start = today - (int32_t)(p->has_days ? p->days : DAYS_PRESET) + 1;
    }
    return x->problem.code == PROBLEM_NONE;
}

/* Queues the command that reads the days of the period. Only the days from HISTORY_DAYS ago to
 * tomorrow can have data (a client's clock may be a day ahead of UTC), so the period is cut to
 * these days: a long period costs no more than a short one. */
static struct command *period_queue(struct exchange *x, const struct period *p)
{
    int32_t today = day_of_ms(x->now_ms), from = p->start, to = p->end;

    if (from < today - HISTORY_DAYS)
        from = today - HISTORY_DAYS;
    if (to > today + 1)
        to = today + 1;
    if (from > to)
        from = to = p->start; /* a day without data; the command needs at least one day */
    return student_cmd_days(&x->pipeline, p->student, NULL, from, to - from + 1);
}

/* Sets *ret to the summary (mean, median, percentiles ...) of the scores of n days, weeks or
 * months. With n = 0 all its figures are 0. */
static void analytics_summarize(const struct daily *days, size_t n, struct summary *ret)
{
    double scores[STUDENT_DAYS_MAX];

    sort_values(scores, daily_scores(days, n, scores));
    summary_of_sorted(scores, n, ret);
}

/* Writes the metadata at the end of the responses of mastery-history and comprehensive.
 * days_with_data is the number of days of the period with a score, even when the scores are shown
 * by week or month. */
static void analytics_end(struct exchange *x, struct jw *w, const struct history *h)
{
    jw_object(w, "metadata");
    jw_str(w, "correlation_id", x->request_id);
    jw_time(w, "query_time", x->now_ms);
    jw_int(w, "days_with_data", (int64_t)h->n);
    jw_object_end(w);
    exchange_json_end(x, w);
}

/* ---- mastery-history ---- */

/* Handler of mastery-history: reads the days of the period in one round trip, then responds. A
 * student without data gets an empty list instead of 404: only the days are read, and a student
 * with data may have none in the period, too. */
static enum step mastery_history(struct exchange *x)
{
    const struct period *p = x->input;
    struct daily periods[STUDENT_DAYS_MAX];
    struct history history;
    struct summary summary;
    struct jw w;
    size_t n;

    if (!x->state) {
        x->state = period_queue(x, p);
        return STEP_MORE;
    }
    if (!history_parse(x->state, &history, &x->problem))
        return STEP_DONE;
    n = daily_aggregate(history.days, history.n, (enum aggregation)p->aggregation, periods);
    analytics_summarize(periods, n, &summary);
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", p->student);
    jw_day(&w, "start_date", p->start);
    jw_day(&w, "end_date", p->end);
    jw_text(&w, "aggregation", aggregation_names[p->aggregation]);
    jw_int(&w, "count", (int64_t)n);
    statistics_write_days(&w, "data", periods, n);
    statistics_write_summary(&w, "statistics", &summary);
    analytics_end(x, &w, &history);
    return STEP_DONE;
}

/* ---- comprehensive ---- */

struct comprehensive_state {
    /* reads the present state, which is empty when there are no data about the student */
    struct command *state;
    struct command *days; /* reads the days of the period */
};

/* Writes the period of the response, which may be the default one. */
static void period_write(struct jw *w, const struct period *p)
{
    jw_object(w, "period");
    jw_day(w, "start_date", p->start);
    jw_day(w, "end_date", p->end);
    jw_int(w, "days", p->end - p->start + 1);
    jw_text(w, "aggregation", aggregation_names[p->aggregation]);
    jw_object_end(w);
}

/* Writes trend and volatility, computed from the scores of days even when the summary is of weeks
 * or months, because the means of weeks and months would hide the volatility. */
static void comprehensive_write_trends(struct jw *w, const struct history *h)
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

/* Queues the reads of comprehensive for its one round trip. The student's state is read for one
 * reason: a student without any data gets 404, but a student without data in this period gets an
 * empty summary. */
static enum step comprehensive_begin(struct exchange *x, const struct period *p)
{
    struct comprehensive_state *s = exchange_new_state(x, sizeof(*s));

    if (!s)
        return STEP_DONE;
    s->state = student_cmd_state(&x->pipeline, p->student);
    s->days = period_queue(x, p);
    return STEP_MORE;
}

/* Handler of comprehensive: one round trip, then the response. The present state only shows whether
 * the student has any data. */
static enum step analytics_comprehensive(struct exchange *x)
{
    const struct period *p = x->input;
    const struct comprehensive_state *s = x->state;
    struct daily periods[STUDENT_DAYS_MAX];
    struct mastery_state state;
    struct history history;
    struct summary summary;
    struct jw w;

    if (!s)
        return comprehensive_begin(x, p);
    if (!student_parse_state(s->state, &state, &x->problem) ||
        !history_parse(s->days, &history, &x->problem))
        return STEP_DONE;
    if (mastery_state_empty(&state))
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no data about this student");
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    analytics_summarize(
        periods,
        daily_aggregate(history.days, history.n, (enum aggregation)p->aggregation, periods),
        &summary);
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", p->student);
    period_write(&w, p);
    statistics_write_summary(&w, "summary", &summary);
    comprehensive_write_trends(&w, &history);
    analytics_end(x, &w, &history);
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

/* Handler of config: shows the limits and thresholds that the other analytics routes apply, for
 * clients that show or check them. */
static enum step analytics_config(struct exchange *x)
{
    struct jw w;

    exchange_json_begin(x, 200, &w);
    jw_object(&w, "config");
    jw_int(&w, "history_days", HISTORY_DAYS);
    jw_int(&w, "default_days", DAYS_PRESET);
    config_write_names(&w, "aggregations", aggregation_names);
    config_write_names(&w, "metrics", compare_metrics);
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
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
/* The fields of a request about a period (struct period). A client sends either days, or both
 * dates, or neither (.option). `present` names the member that records whether a date was sent,
 * because any stored number of days is a valid date. */
const struct rule analytics_period_rules[] = RULES(
    BODY_STUDENT(period),
    BODY(DAY, "start_date", period, start,
          "First UTC day, at most 90 days ago; with end_date, not together with days",
          .nullable = true,
          .present = offsetof(struct period, has_start), .option = {1, 2, false}),
    BODY(DAY, "end_date", period, end, "Last UTC day", .nullable = true,
          .present = offsetof(struct period, has_end), .option = {1, 2, false}),
    BODY(INT, "days", period, days,
          "The last so many UTC days, today included; 30 when no dates are given either",
          .nullable = true, .min = 1, .max = HISTORY_DAYS,
          .present = offsetof(struct period, has_days), .option = {1, 1, true}, .example = "30"),
    BODY(ENUM, "aggregation", period, aggregation,
          "Days as they are, or their means by ISO week or calendar month",
          .choices = aggregation_names));

static const struct rule history_metadata[] = RULES(
    SHAPE_CORRELATION,
    FIELD(TIME, "query_time", "When the request was processed"),
    FIELD(INT, "days_with_data", "Days of the period that have a score"));

static const struct rule period_day[] = RULES(
    FIELD(DAY, "date", "UTC day; of a week or month its first day"),
    SHAPE_SCORE("mastery_score", "Score at the close of the day, or the mean of the period's days"),
    FIELD(ENUM, "level", "Level of that score", .choices = shape_levels),
    FIELD(OBJECT, "components",
          "The four components; of a period the mean over the days on which each has evidence",
          SHAPE_OF_COMPONENTS),
    FIELD(INT, "sample_size", "Events and statements"));

static const struct rule history_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(DAY, "start_date", "First day of the period"),
    FIELD(DAY, "end_date", "Last day of the period"),
    FIELD(ENUM, "aggregation", "As requested", .choices = aggregation_names),
    FIELD(INT, "count", "How many entries data has"),
    FIELD(OBJECTS, "data", "Days, weeks or months that have data, oldest first",
          .fields = period_day),
    FIELD(OBJECT, "statistics", "Of the scores in data", SHAPE_OF_SUMMARY),
    FIELD(OBJECT, "metadata", "About the answer", .fields = history_metadata), SHAPE_CORRELATION);

/* The period for which the response was computed. Its number of days includes both the first and
 * the last. */
static const struct rule period_fields[] = RULES(
    FIELD(DAY, "start_date", "First UTC day"),
    FIELD(DAY, "end_date", "Last UTC day"),
    FIELD(INT, "days", "How many days these are"),
    FIELD(ENUM, "aggregation", "What the summary is of", .choices = aggregation_names));

static const char *const overall_trends[] = {"improving", "declining", "stable", "inconsistent",
     NULL};
#define COMPONENT_TREND(component)                                                                 \
    FIELD(ENUM, component, "null without evidence", .nullable = true, .choices = overall_trends)
static const struct rule component_trends[] = RULES(SHAPE_EACH_COMPONENT(COMPONENT_TREND));

static const struct rule comprehensive_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(OBJECT, "period", "The period of this analysis", .fields = period_fields),
    FIELD(OBJECT, "summary", "Of the scores, by day, week or month", SHAPE_OF_SUMMARY),
    FIELD(ENUM, "trend", "Last less first daily score: over 0.02, under -0.02, or between; "
          "inconsistent when the volatility is over 0.15", .choices = overall_trends),
    FIELD(NUMBER, "volatility", "Sample deviation of the day-to-day differences"),
    SHAPE_SCORE("consistency_score", "1 / (1 + 10 volatility)"),
    FIELD(OBJECT, "component_trends",
          "The same for each component, over the days on which it has evidence",
          .fields = component_trends),
    FIELD(OBJECT, "metadata", "About the answer", .fields = history_metadata), SHAPE_CORRELATION);

/* Limits and thresholds that analytics/config shows; docs/mastery-model.md defines the statistics.
 */
static const struct rule config_fields[] = RULES(
    FIELD(INT, "history_days", "How far back the history goes"),
    FIELD(INT, "default_days", "Length of a period by default"),
    FIELD(ENUM_SET, "aggregations", "Of mastery-history and comprehensive",
          .choices = aggregation_names),
    FIELD(ENUM_SET, "metrics", "Of compare/students", .choices = compare_metrics),
    FIELD(NUMBERS, "percentiles", "Those of a summary", .max = 100),
    SHAPE_SCORE("trend_change", "Change beyond which a trend is more than stable"),
    SHAPE_SCORE("inconsistent_volatility", "Volatility beyond which a trend is inconsistent"),
    SHAPE_SCORE("significance_level", "Probability under which two cohorts differ"),
    SHAPE_SCORE("interval_level", "Level of the confidence interval of their difference"),
    FIELD(INT, "cohort_min_students", "Of one side of compare/cohorts"),
    FIELD(INT, "cohort_max_students", "Of one side of compare/cohorts"),
    FIELD(INT, "compare_max_students", "Of compare/students"));

static const struct rule config_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECT, "config", "The values in use", .fields = config_fields), SHAPE_CORRELATION);

#define ANALYTICS "/api/v1/analytics/"

static const struct route routes[] = {
    {.name = "analytics-history", .method = POST, .pattern = ANALYTICS "mastery-history",
     .aliases = {ANALYTICS "history"}, .limit_per_minute = 60, .access = ACCESS_READ_STUDENT,
     .flags = ROUTE_PERSONAL, .rules = analytics_period_rules, .input_size = sizeof(struct period),
     .check = period_check, .handler = mastery_history, .status = 200, .response = history_response,
     .summary = "A student's scores by day, week or month, and their statistics"},
    {.name = "analytics-comprehensive", .method = POST, .pattern = ANALYTICS "comprehensive",
     .limit_per_minute = 50, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = analytics_period_rules, .input_size = sizeof(struct period), .check = period_check,
     .handler = analytics_comprehensive, .status = 200, .response = comprehensive_response,
     .summary = "How a student develops: summary, trend and steadiness"},
    {.name = "analytics-config", .method = GET, .pattern = ANALYTICS "config",
     .limit_per_minute = 50, .access = ACCESS_ANY, .handler = analytics_config, .status = 200,
     .response = config_response, .summary = "Limits and thresholds of the analytics"},
};
/* clang-format on */

const struct route_table analytics_routes = {"analytics", routes,
                                             sizeof(routes) / sizeof(routes[0]),
                                             "How students develop, and how they compare"};
