/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/analytics/compare: students with each other, and one student with a cohort. Who asks must
 * be allowed to see everybody named (service/cohort_access). */
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/domain/statistics.h"
#include "app/domain/trend.h"
#include "app/routes/analytics.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/cohort_access.h"
#include "app/service/comparison.h"
#include "app/service/history.h"
#include "app/service/statistics_json.h"

const char *const compare_metrics[] = {"mastery_score", "completion",  "quiz",
                                       "quality",       "consistency", NULL};

enum { TIMEFRAME_PRESET = 30 };

/* ---- students ---- */

struct students {
    struct str_list ids;
    int metric; /* of compare_metrics */
    int64_t days;
};

struct ranked {
    struct str id;
    char key[ID_MAX + 1];
    bool found;
    struct summary summary;
    double latest;
    const char *trend;
    size_t rank;
};

struct students_state {
    struct cohort_access right;
    struct command **days, **consents;
};

static enum step students_begin(struct exchange *x, const struct students *in)
{
    struct students_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));
    int32_t today = day_of_ms(x->now_ms);

    if (s)
        s->days = arena_array(x->arena, 2 * in->ids.n, sizeof(*s->days));
    if (!s || !s->days)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    cohort_access_init(&s->right, &x->caller);
    cohort_access_add_students(&s->right, in->ids, &x->pipeline);
    if (s->right.denied)
        return exchange_fail(x, PROBLEM_FORBIDDEN);
    s->consents = s->days + in->ids.n;
    for (size_t i = 0; i < in->ids.n; i++) {
        s->days[i] = student_cmd_days(&x->pipeline, in->ids.v[i], today - (int32_t)in->days + 1,
                                      (int)in->days);
        s->consents[i] = student_cmd_consent(&x->pipeline, in->ids.v[i]);
    }
    return STEP_MORE;
}

static bool rank_read(const struct command *days, const struct command *consent, int metric,
                      struct ranked *r, struct problem *p)
{
    double values[STUDENT_DAYS_MAX];
    struct history history;
    bool withdrawn;
    size_t n;

    if (!history_parse(days, &history, p) ||
        !student_parse_withdrawn(consent, CONSENT_ANALYTICS, &withdrawn, p))
        return false;
    n = metric == 0
            ? daily_scores(history.days, history.n, values)
            : daily_component(history.days, history.n, (enum component)(metric - 1), values);
    r->found = n > 0 && !withdrawn;
    if (!r->found)
        return true;
    r->latest = values[n - 1];
    r->trend = trend_of_scores(values, n);
    sort_values(values, n);
    summary_of_sorted(values, n, &r->summary);
    return true;
}

/* Those with data first, by rank, then by id. */
static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->found != y->found)
        return x->found ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return str_compare(x->id, y->id);
}

/* Reads and ranks them; returns how many have data. */
static size_t rank_students(struct exchange *x, const struct students *in,
                            const struct students_state *s, struct ranked *ranked)
{
    double means[COMPARE_STUDENTS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < in->ids.n; i++) {
        struct ranked *r = &ranked[i];

        r->id = in->ids.v[i];
        memcpy(r->key, r->id.p, r->id.n);
        if (!rank_read(s->days[i], s->consents[i], in->metric, r, &x->problem))
            return 0;
        if (r->found)
            means[count++] = r->summary.mean;
    }
    sort_values(means, count);
    for (size_t i = 0; i < in->ids.n; i++)
        ranked[i].rank = rank_of(means, count, ranked[i].summary.mean);
    qsort(ranked, in->ids.n, sizeof(*ranked), by_rank);
    return count;
}

static void write_rankings(struct jw *w, const struct ranked *ranked, size_t n)
{
    jw_array(w, "rankings");
    for (size_t i = 0; i < n; i++) {
        const struct ranked *r = &ranked[i];

        jw_object(w, NULL);
        jw_str(w, "student_id", r->id);
        jw_int(w, "rank", (int64_t)r->rank);
        jw_number(w, "mean", r->summary.mean);
        jw_number(w, "median", r->summary.median);
        jw_number(w, "std_dev", r->summary.std_dev);
        jw_number(w, "latest", r->latest);
        jw_text(w, "trend", r->trend);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_comparisons(struct jw *w, const struct ranked *ranked, size_t n)
{
    jw_object(w, "comparisons");
    for (size_t i = 0; i < n; i++) {
        jw_object(w, ranked[i].key);
        for (size_t k = 0; k < n; k++) {
            struct pair_comparison c = compare_pair(ranked[i].summary.mean, ranked[k].summary.mean);

            if (k == i)
                continue;
            jw_object(w, ranked[k].key);
            jw_number(w, "difference", c.difference);
            statistics_write_or_null(w, "ratio", c.has_ratio, c.ratio);
            jw_text(w, "relative_performance", c.relative_performance);
            jw_object_end(w);
        }
        jw_object_end(w);
    }
    jw_object_end(w);
}

static enum step compare_students(struct exchange *x)
{
    const struct students *in = x->input;
    const struct students_state *s = x->state;
    struct ranked *ranked;
    size_t found;
    struct jw w;

    if (!s)
        return students_begin(x, in);
    if (!cohort_access_check(&s->right, x->arena, &x->problem))
        return STEP_DONE;
    ranked = arena_array(x->arena, in->ids.n, sizeof(*ranked));
    if (!ranked)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    found = rank_students(x, in, s, ranked);
    if (x->problem.code == PROBLEM_NONE && found < COMPARE_STUDENTS_MIN)
        problem_set(&x->problem, PROBLEM_INSUFFICIENT_DATA,
                    "A comparison needs two students with data");
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    write_rankings(&w, ranked, found);
    write_comparisons(&w, ranked, found);
    jw_object(&w, "metadata");
    jw_text(&w, "metric", compare_metrics[in->metric]);
    jw_int(&w, "timeframe_days", in->days);
    jw_int(&w, "students", (int64_t)in->ids.n);
    jw_array(&w, "missing");
    for (size_t i = found; i < in->ids.n; i++)
        jw_str(&w, NULL, ranked[i].id);
    jw_array_end(&w);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- one student and a cohort ---- */

struct one {
    struct str student;
    struct str cohort;
    int metric; /* 0 overall, 1 by component */
};

struct one_state {
    struct cohort_access right;
    struct command *cohort;
    bool rights_known;
    struct comparison comparison;
    const struct compared_student *student; /* one of the comparison's */
};

static enum step one_begin(struct exchange *x, struct one *in)
{
    struct one_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    cohort_access_init(&s->right, &x->caller);
    cohort_access_add_students(&s->right, (struct str_list){&in->student, 1}, &x->pipeline);
    cohort_access_add_cohort(&s->right, ACCESS_COMPARE_COHORT, in->cohort, &x->pipeline);
    if (s->right.denied)
        return exchange_fail(x, PROBLEM_FORBIDDEN);
    s->cohort = cohort_cmd_get(&x->pipeline, in->cohort);
    return STEP_MORE;
}

/* The members, and the student, who may be one of them. */
static bool one_look(struct exchange *x, struct one *in, struct one_state *s)
{
    struct str_list ids[2] = {{0}, {&in->student, 1}};
    struct cohort cohort;
    size_t i = 0;

    s->rights_known = true;
    if (!cohort_access_check(&s->right, x->arena, &x->problem) ||
        !cohort_parse(s->cohort, x->arena, in->cohort, &cohort, &x->problem))
        return false;
    if (!cohort.exists) {
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such cohort");
        return false;
    }
    ids[0] = cohort.students;
    while (i < ids[0].n && !str_equal(ids[0].v[i], in->student))
        i++;
    if (i < ids[0].n)
        ids[1].n = 0;
    if (!comparison_fill(&s->comparison, ids, x->arena, &x->problem))
        return false;
    s->student = &s->comparison.students[i];
    return true;
}

/* The figures of one score or component; values has room for all. */
static void write_place(struct jw *w, const struct one_state *s, int component, double *values)
{
    size_t n = comparison_values(s->comparison.students, s->comparison.n, component, values);
    double value = 0;
    bool known = comparison_value(&s->student->daily, component, &value);

    statistics_write_or_null(w, "student_score", known, value);
    statistics_write_or_null(w, "cohort_average", n > 0, mean_of_scores(values, n));
    statistics_write_or_null(w, "percentile", known, known ? percentile_rank(values, n, value) : 0);
    if (known)
        jw_int(w, "ranking", (int64_t)rank_of(values, n, value));
    else
        jw_null(w, "ranking");
    jw_int(w, "total_students", (int64_t)n);
}

static enum step one_answer(struct exchange *x, const struct one *in, const struct one_state *s)
{
    double *values = arena_array(x->arena, s->comparison.n, sizeof(*values));
    struct jw w;

    if (!values)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (s->student->withdrawn) {
        problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
        return STEP_DONE;
    }
    if (!s->student->found) {
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no data about this student");
        return STEP_DONE;
    }
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    write_place(&w, s, OVERALL_SCORE, values);
    if (in->metric == 1) {
        jw_object(&w, "components");
        for (int c = 0; c < COMPONENTS; c++) {
            jw_object(&w, component_names[c]);
            write_place(&w, s, c, values);
            jw_object_end(&w);
        }
        jw_object_end(&w);
    }
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

static enum step compare(struct exchange *x)
{
    struct one *in = x->input;
    struct one_state *s = x->state;

    if (!s)
        return one_begin(x, in);
    if (!s->rights_known && !one_look(x, in, s))
        return STEP_DONE;
    if (comparison_step(&s->comparison, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    return one_answer(x, in, s);
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule students_rules[] = {
    {.name = "student_ids", .type = RULE_IDS, .required = true, .min = COMPARE_STUDENTS_MIN, .max = COMPARE_STUDENTS_MAX, .offset = offsetof(struct students, ids), .description = "The students"},
    {.name = "metric", .type = RULE_ENUM, .choices = compare_metrics, .offset = offsetof(struct students, metric), .description = "The score, or one component"},
    {.name = "timeframe_days", .type = RULE_INT, .min = 1, .max = HISTORY_DAYS, .default_value = TIMEFRAME_PRESET, .offset = offsetof(struct students, days), .description = "The last so many UTC days, today included"},
    {0},
};

static const struct rule ranking[] = {
    SHAPE_STUDENT,
    {.name = "rank", .type = RULE_INT, .required = true, .description = "By mean, 1 is the highest; equal means share a rank"},
    SHAPE_SCORE("mean", "Of the daily values"),
    SHAPE_SCORE("median", "Of the daily values"),
    SHAPE_SCORE("std_dev", "Their sample deviation; 0 of one day"),
    SHAPE_SCORE("latest", "The last one"),
    {.name = "trend", .type = RULE_ENUM, .required = true, .nullable = true, .choices = shape_trends, .description = "Last less first value: over 0.02, under -0.02, or between; null of one day"},
    {0},
};

static const char *const performances[] = {"better", "worse", "equal", NULL};
static const struct rule pair[] = {
    {.name = "difference", .type = RULE_NUMBER, .required = true, .description = "Mean less the other's mean"},
    {.name = "ratio", .type = RULE_NUMBER, .required = true, .nullable = true, .description = "Mean by the other's mean; null when that is 0"},
    {.name = "relative_performance", .type = RULE_ENUM, .required = true, .choices = performances, .description = "Equal within 1e-9"},
    {0},
};
static const struct rule others[] = {
    {.type = RULE_MAP, .fields = pair, .description = "By the other student"},
    {0},
};

static const struct rule students_metadata[] = {
    {.name = "metric", .type = RULE_ENUM, .required = true, .choices = compare_metrics, .description = "As asked for"},
    {.name = "timeframe_days", .type = RULE_INT, .required = true, .description = "As asked for"},
    {.name = "students", .type = RULE_INT, .required = true, .description = "How many were named"},
    {.name = "missing", .type = RULE_IDS, .required = true, .description = "Those without data in the window, or who have withdrawn consent to analytics"},
    {0},
};

static const struct rule students_answer[] = {
    SHAPE_SUCCESS,
    {.name = "rankings", .type = RULE_OBJECTS, .required = true, .fields = ranking, .description = "By rank"},
    {.name = "comparisons", .type = RULE_MAP, .required = true, .fields = others, .description = "Each student with each other one"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = students_metadata, .description = "About the answer"},
    SHAPE_CORRELATION,
    {0},
};

static const char *const place_metrics[] = {"overall", "by_component", NULL};
static const struct rule one_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct one, student), .description = "The student"},
    {.name = "cohort_id", .type = RULE_ID, .required = true, .offset = offsetof(struct one, cohort), .description = "The cohort"},
    {.name = "metric", .type = RULE_ENUM, .choices = place_metrics, .offset = offsetof(struct one, metric), .description = "The score alone, or each component too"},
    {0},
};

#define PLACE_FIELDS \
    {.name = "student_score", .type = RULE_NUMBER, .required = true, .nullable = true, .max = 1, .description = "The student's; null without evidence"}, \
    {.name = "cohort_average", .type = RULE_NUMBER, .required = true, .nullable = true, .max = 1, .description = "Mean of those with data, the student included"}, \
    {.name = "percentile", .type = RULE_NUMBER, .required = true, .nullable = true, .max = 100, .description = "Percentile rank among them; 50 when alone"}, \
    {.name = "ranking", .type = RULE_INT, .required = true, .nullable = true, .description = "1 is the highest; equal values share a rank"}, \
    {.name = "total_students", .type = RULE_INT, .required = true, .description = "How many they are"}

static const struct rule place[] = {PLACE_FIELDS, {0}};
static const struct rule place_components[] = {
    {.name = "completion", .type = RULE_OBJECT, .required = true, .fields = place, .description = "By completion"},
    {.name = "quiz", .type = RULE_OBJECT, .required = true, .fields = place, .description = "By quiz"},
    {.name = "quality", .type = RULE_OBJECT, .required = true, .fields = place, .description = "By quality"},
    {.name = "consistency", .type = RULE_OBJECT, .required = true, .fields = place, .description = "By consistency"},
    {0},
};

static const struct rule one_answer_fields[] = {
    SHAPE_SUCCESS,
    PLACE_FIELDS,
    {.name = "components", .type = RULE_OBJECT, .fields = place_components, .description = "The same by component"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "analytics-compare-students", .method = POST, .pattern = "/api/v1/analytics/compare/students", .limit_per_minute = 30,
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_HEAVY | ROUTE_INSUFFICIENT_DATA, .rules = students_rules, .input_size = sizeof(struct students),
     .subject_offset = NO_SUBJECT, .handler = compare_students, .status = 200, .response = students_answer,
     .summary = "Students with each other, over the last days"},
    {.name = "analytics-compare", .method = POST, .pattern = "/api/v1/analytics/compare", .limit_per_minute = 20,
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_HEAVY, .rules = one_rules, .input_size = sizeof(struct one),
     .subject_offset = NO_SUBJECT, .handler = compare, .status = 200, .response = one_answer_fields,
     .summary = "A student's place in a cohort"},
};
/* clang-format on */

const struct route_table analytics_student_routes = {"analytics", routes,
                                                     sizeof(routes) / sizeof(routes[0])};
