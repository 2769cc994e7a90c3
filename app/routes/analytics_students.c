/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/analytics/compare: compare/students compares students with each other, compare compares
 * one student with a cohort. The caller must have access to every student and cohort named
 * (service/cohort_access.h). A student without data, or without consent to analytics, is listed as
 * missing and otherwise left out. */
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

/* The figures by which students can be compared: the score (index 0), then the components in the
 * order of enum component. */
const char *const compare_metrics[] = {"mastery_score", "completion",  "quiz",
                                       "quality",       "consistency", NULL};

/* Number of days, ending today, over which students are compared by default. */
enum { TIMEFRAME_PRESET = 30 };

/* ---- students ---- */

/* Input of analytics-compare-students. */
struct students {
    struct str_list ids;
    int metric;   /* what to compare, an index in compare_metrics */
    int64_t days; /* number of UTC days to compare, today included */
};

/* One compared student with statistics of the chosen metric over the compared days. */
struct ranked {
    struct str id;
    char key[ID_MAX + 1]; /* id as a C string, which JSON keys must be */
    bool found; /* the student has data and consent to analytics; else nothing below is set */
    struct summary summary; /* summary of the metric's values, one for each day with data */
    double latest;          /* the metric's value of the last day with data */
    const char *trend;      /* direction of the scores; NULL with fewer than two days */
    size_t rank;            /* 1 for the highest mean; equal means share a rank */
};

struct students_state {
    struct cohort_access access;
    struct command **days, **consents; /* arrays with one command for each student */
};

/* Queues the reads of the data, and of what access depends on, in one round trip. The data are used
 * only if compare_students then finds that access is granted. */
static enum step students_begin(struct exchange *x, const struct students *in)
{
    struct students_state *s = exchange_new_state(x, sizeof(*s));
    int32_t today = day_of_ms(x->now_ms);

    if (s)
        /* the second half becomes s->consents */
        s->days = arena_array(x->arena, 2 * in->ids.n, sizeof(*s->days));
    if (!s || !s->days)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    cohort_access_init(&s->access, &x->caller);
    cohort_access_add_students(&s->access, in->ids, &x->pipeline);
    if (s->access.denied)
        return exchange_fail(x, PROBLEM_FORBIDDEN);
    s->consents = s->days + in->ids.n;
    for (size_t i = 0; i < in->ids.n; i++) {
        s->days[i] = student_cmd_days(&x->pipeline, in->ids.v[i], NULL,
                                      today - (int32_t)in->days + 1, (int)in->days);
        s->consents[i] = student_cmd_consent(&x->pipeline, in->ids.v[i]);
    }
    return STEP_MORE;
}

/* Computes the statistics of one student from the replies with the days and the consents. metric is
 * an index in compare_metrics. Returns false with *p set if a reply is an error. A student without
 * data or consent is no error: r->found is then false. */
static bool ranked_parse(const struct command *days, const struct command *consent, int metric,
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

/* Order for qsort: students with data before those without, then by rank, then by id. */
static int ranked_compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->found != y->found)
        return x->found ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return str_compare(x->id, y->id);
}

/* Computes the statistics and the rank of each student, and sorts the students, those with data
 * first. Students with equal means share a rank; the rank of a student without data is not used.
 * Returns the number of students with data; 0 with x->problem set on an error. */
static size_t students_rank(struct exchange *x, const struct students *in,
                            const struct students_state *s, struct ranked *ranked)
{
    double means[COMPARE_STUDENTS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < in->ids.n; i++) {
        struct ranked *r = &ranked[i];

        r->id = in->ids.v[i];
        memcpy(r->key, r->id.p, r->id.n);
        if (!ranked_parse(s->days[i], s->consents[i], in->metric, r, &x->problem))
            return 0;
        if (r->found)
            means[count++] = r->summary.mean;
    }
    sort_values(means, count);
    for (size_t i = 0; i < in->ids.n; i++)
        ranked[i].rank = rank_of(means, count, ranked[i].summary.mean);
    qsort(ranked, in->ids.n, sizeof(*ranked), ranked_compare);
    return count;
}

/* Writes the n students with data, the one with the highest mean first. */
static void ranked_write(struct jw *w, const struct ranked *ranked, size_t n)
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

/* Writes the comparison of each of the n students with each other student, in both directions: at
 * most COMPARE_STUDENTS_MAX * (COMPARE_STUDENTS_MAX - 1) comparisons. */
static void ranked_write_pairs(struct jw *w, const struct ranked *ranked, size_t n)
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

/* Handler of compare/students: one round trip reads everything, then the response is written.
 * Access is checked before the data are parsed, so that a caller without access never gets an error
 * that depends on the data. */
static enum step compare_students(struct exchange *x)
{
    const struct students *in = x->input;
    const struct students_state *s = x->state;
    struct ranked *ranked;
    size_t found_count;
    struct jw w;

    if (!s)
        return students_begin(x, in);
    if (!cohort_access_check(&s->access, x->arena, &x->problem))
        return STEP_DONE;
    ranked = arena_array(x->arena, in->ids.n, sizeof(*ranked));
    if (!ranked)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    found_count = students_rank(x, in, s, ranked);
    if (x->problem.code == PROBLEM_NONE && found_count < COMPARE_STUDENTS_MIN)
        problem_set(&x->problem, PROBLEM_INSUFFICIENT_DATA,
                    "A comparison needs two students with data");
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    ranked_write(&w, ranked, found_count);
    ranked_write_pairs(&w, ranked, found_count);
    jw_object(&w, "metadata");
    jw_text(&w, "metric", compare_metrics[in->metric]);
    jw_int(&w, "timeframe_days", in->days);
    jw_int(&w, "students", (int64_t)in->ids.n);
    jw_array(&w, "missing");
    for (size_t i = found_count; i < in->ids.n; i++) /* students_rank has put them last */
        jw_str(&w, NULL, ranked[i].id);
    jw_array_end(&w);
    jw_object_end(&w);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- one student in a cohort ---- */

/* Input of analytics-compare, which shows a student's place (rank and percentile) in a cohort. */
struct place_input {
    struct str student;
    struct str cohort;
    int metric; /* index in place_metrics: 0 only the score, 1 each component too */
};

struct place_state {
    struct cohort_access access;
    struct command *cohort; /* reads the members of the cohort */
    bool access_checked;    /* true: the replies of the first round trip were evaluated */
    struct comparison comparison;
    const struct compared_student *student; /* points to the student in comparison.students */
};

/* Queues the first round trip: reads what access depends on, and the cohort's members, whose data
 * are read in further round trips. The right to compare is weaker than the right to read the
 * cohort, because a member may compare herself or himself with the cohort. */
static enum step place_begin(struct exchange *x, struct place_input *in)
{
    struct place_state *s = exchange_new_state(x, sizeof(*s));

    if (!s)
        return STEP_DONE;
    cohort_access_init(&s->access, &x->caller);
    cohort_access_add_students(&s->access, (struct str_list){&in->student, 1}, &x->pipeline);
    cohort_access_add_cohort(&s->access, ACCESS_COMPARE_COHORT, in->cohort, &x->pipeline);
    if (s->access.denied)
        return exchange_fail(x, PROBLEM_FORBIDDEN);
    s->cohort = cohort_cmd_get(&x->pipeline, in->cohort);
    return STEP_MORE;
}

/* Evaluates the first round trip: checks access, then prepares the reading of the members (ids[0])
 * and of the student (ids[1]). A student who is a member is not added again, which would count the
 * student twice. Returns false with x->problem set. */
static bool place_check_access(struct exchange *x, struct place_input *in, struct place_state *s)
{
    struct str_list ids[2] = {{0}, {&in->student, 1}};
    struct cohort cohort;
    size_t index = 0;

    s->access_checked = true;
    if (!cohort_access_check(&s->access, x->arena, &x->problem) ||
        !cohort_parse(s->cohort, x->arena, in->cohort, &cohort, &x->problem))
        return false;
    if (!cohort.exists) {
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such cohort");
        return false;
    }
    ids[0] = cohort.students;
    /* the index of the student among the members, or after the last one */
    while (index < ids[0].n && !str_equal(ids[0].v[index], in->student))
        index++;
    if (index < ids[0].n)
        ids[1].n = 0;
    if (!comparison_fill(&s->comparison, ids, x->arena, &x->problem))
        return false;
    s->student = &s->comparison.students[index];
    return true;
}

/* Writes the student's place (rank, percentile) among the members by the score (OVERALL_SCORE) or
 * by one component. total_students counts only those whose value is known. values is scratch
 * memory with room for all members. */
static void place_write(struct jw *w, const struct place_state *s, int component, double *values)
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

/* Writes the response. A student without consent to analytics gets 403, a student without data 404.
 * Each component has its own number of students: only those count who have evidence (data) for it.
 */
static enum step place_respond(struct exchange *x, const struct place_input *in,
                               const struct place_state *s)
{
    double *values = arena_array(x->arena, s->comparison.n, sizeof(*values));
    struct jw w;

    if (!values)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (s->student->withdrawn)
        return exchange_fail_with(x, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
    if (!s->student->found)
        return exchange_fail_with(x, PROBLEM_NOT_FOUND, "There is no data about this student");
    exchange_json_begin(x, 200, &w);
    place_write(&w, s, OVERALL_SCORE, values);
    if (in->metric == 1) { /* "by_component": also each component */
        jw_object(&w, "components");
        for (int c = 0; c < COMPONENTS; c++) {
            jw_object(&w, component_names[c]);
            place_write(&w, s, c, values);
            jw_object_end(&w);
        }
        jw_object_end(&w);
    }
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* Handler of compare. Its steps: queue what access depends on and the cohort; check access; read
 * members and student, over as many round trips as needed; respond. */
static enum step compare_with_cohort(struct exchange *x)
{
    struct place_input *in = x->input;
    struct place_state *s = x->state;

    if (!s)
        return place_begin(x, in);
    if (!s->access_checked && !place_check_access(x, in, s))
        return STEP_DONE;
    if (comparison_step(&s->comparison, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    return place_respond(x, in, s);
}

/* ---- tables ---- */

/* clang-format off */
/* The compared days are the same for all students and end today, in UTC. */
static const struct rule students_rules[] = RULES(
    BODY(IDS, "student_ids", students, ids, "The students", .required = true,
          .subject = SUBJECT_STUDENT, .min = COMPARE_STUDENTS_MIN, .max = COMPARE_STUDENTS_MAX,
          .example = "[\"student-1\",\"student-2\",\"student-3\"]"),
    BODY(ENUM, "metric", students, metric, "The score, or one component",
          .choices = compare_metrics),
    BODY(INT, "timeframe_days", students, days, "The last so many UTC days, today included",
          .min = 1, .max = HISTORY_DAYS, .default_value = TIMEFRAME_PRESET));

/* Statistics of one student over the compared days, by the chosen metric. */
static const struct rule ranking[] = RULES(
    SHAPE_STUDENT,
    FIELD(INT, "rank", "By mean, 1 is the highest; equal means share a rank"),
    SHAPE_SCORE("mean", "Of the daily values"),
    SHAPE_SCORE("median", "Of the daily values"),
    SHAPE_SCORE("std_dev", "Their sample deviation; 0 of one day"),
    SHAPE_SCORE("latest", "The last one"),
    FIELD(ENUM, "trend",
          "Last less first value: over 0.02, under -0.02, or between; null of one day",
          .nullable = true, .choices = shape_trends));

/* relative_performance says whether the mean of the first student of a pair is better than the
 * mean of the second, worse or equal. */
static const char *const performances[] = {"better", "worse", "equal", NULL};
/* Two students compared by their means over the compared days. */
static const struct rule pair[] = RULES(
    FIELD(NUMBER, "difference", "Mean less the other's mean"),
    FIELD(NUMBER, "ratio", "Mean by the other's mean; null when that is 0", .nullable = true),
    FIELD(ENUM, "relative_performance", "Equal within 1e-9", .choices = performances));
/* comparisons is a map of maps: comparisons.STUDENT.OTHER compares STUDENT with OTHER. */
static const struct rule others[] = RULES(
    {.type = RULE_MAP, .fields = pair, .description = "By the other student"});

/* students is the number of students named in the request; rankings holds only those with data. */
static const struct rule students_metadata[] = RULES(
    FIELD(ENUM, "metric", "As requested", .choices = compare_metrics),
    FIELD(INT, "timeframe_days", "As requested"),
    FIELD(INT, "students", "How many were named"),
    FIELD(IDS, "missing",
          "Those without data in the window, or who have withdrawn consent to analytics"));

/* Students without data are listed in metadata.missing and nowhere else. */
static const struct rule students_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECTS, "rankings", "By rank", .fields = ranking),
    FIELD(MAP, "comparisons", "Each student with each other one", .fields = others),
    FIELD(OBJECT, "metadata", "About the answer", .fields = students_metadata), SHAPE_CORRELATION);

/* Values of the field metric of compare; place_input.metric is the index of one of them. */
static const char *const place_metrics[] = {"overall", "by_component", NULL};
static const struct rule place_rules[] = RULES(
    BODY_STUDENT(place_input),
    BODY(ID, "cohort_id", place_input, cohort, "The cohort", .required = true,
          .subject = SUBJECT_GROUP),
    BODY(ENUM, "metric", place_input, metric, "The score alone, or each component too",
          .choices = place_metrics));

#define PLACE_FIELDS                                                                               \
    FIELD(NUMBER, "student_score", "The student's; null without evidence", .nullable = true,       \
          .max = 1),                                                                               \
    FIELD(NUMBER, "cohort_average", "Mean of those with data, the student included",               \
          .nullable = true, .max = 1),                                                             \
    FIELD(NUMBER, "percentile", "Percentile rank among them; 50 when alone", .nullable = true,     \
          .max = 100),                                                                             \
    FIELD(INT, "ranking", "1 is the highest; equal values share a rank", .nullable = true),        \
    FIELD(INT, "total_students", "How many they are")

static const struct rule place_fields[] = RULES(PLACE_FIELDS);
#define PLACE_BY(component) FIELD(OBJECT, component, "By " component, .fields = place_fields)
static const struct rule place_components[] = RULES(SHAPE_EACH_COMPONENT(PLACE_BY));

static const struct rule place_response[] = RULES(
    SHAPE_SUCCESS, PLACE_FIELDS,
    OPTIONAL(OBJECT, "components", "The same by component", .fields = place_components),
    SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "analytics-compare-students", .method = POST,
     .pattern = "/api/v1/analytics/compare/students", .limit_per_minute = 30,
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_HEAVY | ROUTE_INSUFFICIENT_DATA,
     .rules = students_rules, .input_size = sizeof(struct students), .handler = compare_students,
     .status = 200, .response = students_response,
     .summary = "Students with each other, over the last days"},
    {.name = "analytics-compare", .method = POST, .pattern = "/api/v1/analytics/compare",
     .limit_per_minute = 20, .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_HEAVY,
     .rules = place_rules, .input_size = sizeof(struct place_input), .handler = compare_with_cohort,
     .status = 200, .response = place_response, .summary = "A student's place in a cohort"},
};
/* clang-format on */

const struct route_table analytics_student_routes = {"analytics", routes,
                                                     sizeof(routes) / sizeof(routes[0]), NULL};
