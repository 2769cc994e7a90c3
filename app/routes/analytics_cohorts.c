/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/analytics/compare/cohorts: compares two groups of students (side A and side B) by Welch's
 * t-test and Hedges' g (domain/statistics.c). A side is a list of students or a stored cohort. The
 * caller must have access to every student of a list and to every cohort (service/cohort_access.h);
 * access is checked before any student's data are read. The first round trip reads what access
 * depends on, and the members of the cohorts; the following ones read the students, a limited
 * number at a time. */
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
#include "app/service/statistics_json.h"

/* ---- students by id ---- */

/* Order for qsort of pointers to students: by student id. */
static int cohorts_by_id(const void *a, const void *b)
{
    const struct compared_student *left = *(const struct compared_student *const *)a;
    const struct compared_student *right = *(const struct compared_student *const *)b;

    return str_compare(left->id, right->id);
}

/* Returns pointers to the students, sorted by id. A student who is on both sides is in the result
 * once. Sets *ret_count to their number. Returns NULL when out of memory. */
static const struct compared_student **cohorts_distinct(struct exchange *x,
                                                        const struct compared_student *students,
                                                        size_t n, size_t *ret_count)
{
    const struct compared_student **distinct = arena_array(x->arena, n, sizeof(*distinct));
    size_t count = 0;

    if (!distinct)
        return NULL;
    for (size_t i = 0; i < n; i++)
        distinct[i] = &students[i];
    qsort(distinct, n, sizeof(*distinct), cohorts_by_id);
    for (size_t i = 0; i < n; i++) {
        if (count == 0 || !str_equal(distinct[count - 1]->id, distinct[i]->id))
            distinct[count++] = distinct[i];
    }
    *ret_count = count;
    return distinct;
}

/* Writes the ids of the students who were left out: those without data and those without consent
 * to analytics. The response does not distinguish the two. */
static void cohorts_write_missing(struct jw *w, const struct compared_student *const *students,
                                  size_t n)
{
    jw_array(w, "missing");
    for (size_t i = 0; i < n; i++) {
        if (!students[i]->found)
            jw_str(w, NULL, students[i]->id);
    }
    jw_array_end(w);
}

/* ---- input ---- */

/* One side of the comparison: a list of student ids or the id of a cohort. */
struct side {
    struct str_list students; /* ids of the students, if has_students */
    bool has_students;
    struct str cohort; /* id of the cohort, if has_cohort */
    bool has_cohort;
};

/* Input of compare/cohorts. */
struct cohorts {
    struct side sides[2]; /* side A, side B */
    bool at_date;         /* true: compare the states of a past day, not the present ones */
    int32_t date;         /* the past UTC day whose states are compared, if at_date */
    bool with_components, with_percentiles;
};

/* Names of the fields of side A and side B, for field errors. */
static const char *const cohort_fields[] = {"cohort_a_id", "cohort_b_id"};

struct cohorts_state {
    struct cohort_access access;
    bool access_checked;        /* true: the replies of the first round trip were evaluated */
    struct command *cohorts[2]; /* reads the cohort of a side; NULL for a side given as a list */
    struct str_list ids[2];     /* ids of the students of sides A and B */
    struct comparison comparison;
};

/* Checks that the date is one whose snapshots (closing states of days) are still stored. Returns
 * false if a field has an error. */
static bool cohorts_check(struct exchange *x)
{
    const struct cohorts *input = x->input;
    int32_t today = day_of_ms(x->now_ms);

    if (input->at_date && input->date > today)
        analytics_fail_field(x, "comparison_date", "must not lie in the future");
    if (input->at_date && input->date <= today - HISTORY_DAYS)
        analytics_fail_field(x, "comparison_date", "must be one of the last 90 days");
    return x->problem.code == PROBLEM_NONE;
}

/* Queues the commands of the first round trip: reads what access depends on, and the members of the
 * cohorts. With access.denied nothing is read, because the caller's role alone decides. */
static enum step cohorts_begin(struct exchange *x, const struct cohorts *input)
{
    struct cohorts_state *state = exchange_new_state(x, sizeof(*state));

    if (!state)
        return STEP_DONE;
    cohort_access_init(&state->access, &x->caller);
    for (int i = 0; i < 2; i++) {
        const struct side *side = &input->sides[i];

        if (side->has_cohort) {
            cohort_access_add_cohort(&state->access, ACCESS_READ_COHORT, side->cohort,
                                     &x->pipeline);
            state->cohorts[i] = cohort_cmd_get(&x->pipeline, side->cohort);
        } else {
            cohort_access_add_students(&state->access, side->students, &x->pipeline);
        }
    }
    if (state->access.denied)
        return exchange_fail(x, PROBLEM_FORBIDDEN);
    /* STEP_MORE even without commands (an admin with two lists): the next step is then called at
     * once */
    return STEP_MORE;
}

/* Sets the problem INSUFFICIENT_DATA (status 422): Welch's test needs a variance on each side, and
 * so two students. Always returns false, so that a caller can return its result. */
static bool cohorts_fail_insufficient(struct exchange *x)
{
    problem_set(&x->problem, PROBLEM_INSUFFICIENT_DATA,
                "A comparison needs two students with data on each side");
    return false;
}

/* Sets *ret to the ids of the students of one side. command has the reply with the cohort, or is
 * NULL for a side given as a list; field is the name of the side's input field. Returns false with
 * x->problem set if there is no such cohort, or if it has too many or too few students (the rules
 * have checked the length of a list). */
static bool side_parse(struct exchange *x, const struct side *side, const struct command *command,
                       const char *field, struct str_list *ret)
{
    struct cohort cohort;

    *ret = side->students;
    if (!command)
        return true;
    if (!cohort_parse(command, x->arena, side->cohort, &cohort, &x->problem))
        return false;
    *ret = cohort.students;
    if (!cohort.exists)
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such cohort");
    else if (cohort.students.n > COMPARE_COHORT_MAX)
        problem_field(&x->problem, x->arena, str_of(field), "has more than %d students",
                      COMPARE_COHORT_MAX);
    else if (cohort.students.n < COMPARE_COHORT_MIN)
        return cohorts_fail_insufficient(x);
    return x->problem.code == PROBLEM_NONE;
}

/* Evaluates the first round trip: checks access, then prepares the reading of both sides' students.
 * Their ids are passed to the audit log, which would otherwise have only the ids of the cohorts.
 * Returns false with x->problem set if access is denied or a side is invalid. */
static bool cohorts_check_access(struct exchange *x, const struct cohorts *input,
                                 struct cohorts_state *state)
{
    state->access_checked = true;
    if (!cohort_access_check(&state->access, x->arena, &x->problem))
        return false;
    for (int i = 0; i < 2; i++) {
        if (!side_parse(x, &input->sides[i], state->cohorts[i], cohort_fields[i], &state->ids[i]))
            return false;
    }
    /* when out of memory for the list, the audit record names no students */
    x->audit_subjects = (struct str_list){
        arena_array(x->arena, state->ids[0].n + state->ids[1].n, sizeof(*x->audit_subjects.v)), 0};
    for (int i = 0; x->audit_subjects.v && i < 2; i++) {
        for (size_t k = 0; k < state->ids[i].n; k++)
            x->audit_subjects.v[x->audit_subjects.n++] = state->ids[i].v[k];
    }
    state->comparison.at_date = input->at_date;
    state->comparison.day = input->date;
    state->comparison.oldest_day = day_of_ms(x->now_ms) - HISTORY_DAYS + 1;
    return comparison_fill(&state->comparison, state->ids, x->arena, &x->problem);
}

/* One side of the comparison with the statistics of its scores. */
struct group {
    const struct compared_student *students;
    size_t n;               /* number of students of the side, including those without data */
    double *scores;         /* scores of the students with data, ascending */
    struct summary summary; /* summary of the scores, which the response shows */
    struct moments moments; /* moments of the scores, which Welch's test needs */
};

/* Computes the statistics of one side. Returns false with x->problem set if fewer than
 * COMPARE_COHORT_MIN of its students have data. */
static bool group_fill(struct exchange *x, struct group *group,
                       const struct compared_student *students, size_t n)
{
    size_t count;

    *group = (struct group){.students = students, .n = n};
    group->scores = arena_array(x->arena, n, sizeof(*group->scores));
    if (!group->scores) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    count = comparison_values(students, n, OVERALL_SCORE, group->scores); /* ascending */
    summary_of_sorted(group->scores, count, &group->summary);
    group->moments = moments_of(group->scores, count);
    return count >= COMPARE_COHORT_MIN || cohorts_fail_insufficient(x);
}

/* Writes the result of Welch's test, the effect size and which side has the significantly higher
 * mean. A statistic that is not defined, because the scores of a side are all equal, is null. */
static void cohorts_write_test(struct jw *w, const struct group *a, const struct group *b)
{
    struct welch_test test;
    double g;
    bool has_g = hedges_g(&a->moments, &b->moments, &g);

    welch_test(&a->moments, &b->moments, &test);
    jw_number(w, "statistical_significance", test.p);
    jw_object(w, "test");
    jw_text(w, "name", "welch_t_test");
    statistics_write_or_null(w, "statistic", test.has_statistic, test.statistic);
    statistics_write_or_null(w, "degrees_of_freedom", test.has_degrees_of_freedom,
                             test.degrees_of_freedom);
    statistics_write_interval(w, "confidence_interval", &test.difference);
    jw_object_end(w);
    jw_object(w, "effect_size");
    jw_text(w, "name", "hedges_g");
    statistics_write_or_null(w, "value", has_g, g);
    jw_object_end(w);
    if (test.p < WELCH_SIGNIFICANT)
        jw_text(w, "winner", a->moments.mean > b->moments.mean ? "cohort_a" : "cohort_b");
    else
        jw_null(w, "winner");
}

/* Writes the mean of each component over the students of the group who have evidence for it. values
 * is scratch memory with room for all students of the group. */
static void group_write_means(struct jw *w, const char *key, const struct group *group,
                              double *values)
{
    jw_object(w, key);
    for (int c = 0; c < COMPONENTS; c++) {
        size_t n = comparison_values(group->students, group->n, c, values);

        statistics_write_or_null(w, component_names[c], n > 0, mean_of_scores(values, n));
    }
    jw_object_end(w);
}

/* Writes the percentile rank of each student with data among all students of the two compared
 * groups. Each student is in the list once. scores is scratch memory with room for n numbers. */
static void cohorts_write_ranks(struct jw *w, const struct compared_student *const *students,
                                size_t n, double *scores)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (students[i]->found)
            scores[count++] = students[i]->daily.score;
    }
    sort_values(scores, count);
    jw_object(w, "percentile_rankings");
    for (size_t i = 0; i < n; i++) {
        char id[ID_MAX + 1] = ""; /* the id as a C string, which JSON keys must be */

        if (!students[i]->found)
            continue;
        memcpy(id, students[i]->id.p, students[i]->id.n);
        jw_number(w, id, percentile_rank(scores, count, students[i]->daily.score));
    }
    jw_object_end(w);
}

/* Computes the statistics and writes the response. The comparison holds the students of side A,
 * then those of side B; a student who is on both sides is in it twice and counts on each. */
static enum step cohorts_respond(struct exchange *x, const struct cohorts *input,
                                 const struct cohorts_state *state)
{
    const struct compared_student *students = state->comparison.students, **distinct_students;
    double *values = arena_array(x->arena, state->comparison.n, sizeof(*values));
    struct group a, b;
    size_t distinct_count = 0;
    struct jw w;

    distinct_students = cohorts_distinct(x, students, state->comparison.n, &distinct_count);
    if (!values || !distinct_students)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (!group_fill(x, &a, students, state->ids[0].n) ||
        !group_fill(x, &b, students + state->ids[0].n, state->ids[1].n))
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    statistics_write_summary(&w, "cohort_a_stats", &a.summary);
    statistics_write_summary(&w, "cohort_b_stats", &b.summary);
    cohorts_write_test(&w, &a, &b);
    if (input->with_components) {
        jw_object(&w, "component_comparison");
        group_write_means(&w, "cohort_a", &a, values);
        group_write_means(&w, "cohort_b", &b, values);
        jw_object_end(&w);
    }
    if (input->with_percentiles)
        cohorts_write_ranks(&w, distinct_students, distinct_count, values);
    jw_object(&w, "metadata");
    jw_int(&w, "cohort_a_size", (int64_t)a.n);
    jw_int(&w, "cohort_b_size", (int64_t)b.n);
    jw_int(&w, "in_both", (int64_t)(state->comparison.n - distinct_count));
    if (input->at_date)
        jw_day(&w, "comparison_date", input->date);
    cohorts_write_missing(&w, distinct_students, distinct_count);
    jw_object_end(&w);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* Handler of compare/cohorts. Its steps: queue what access depends on and the cohorts; check
 * access; read the students, over as many round trips as needed; respond. */
static enum step compare_cohorts(struct exchange *x)
{
    const struct cohorts *input = x->input;
    struct cohorts_state *state = x->state;

    if (!state)
        return cohorts_begin(x, input);
    if (!state->access_checked && !cohorts_check_access(x, input, state))
        return STEP_DONE;
    if (comparison_step(&state->comparison, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    return cohorts_respond(x, input, state);
}

/* ---- tables ---- */

/* clang-format off */
#define SIDE_RULES(letter, i, students_example, cohort_example)                                   \
    BODY(IDS, "cohort_" letter "_student_ids", cohorts, sides[i].students,                         \
         "The students on this side", .nullable = true, .subject = SUBJECT_STUDENT,                \
         .min = COMPARE_COHORT_MIN, .max = COMPARE_COHORT_MAX,                                     \
         .present = offsetof(struct cohorts, sides[i].has_students),                               \
         .option = {(i) + 1, 1, false}, .example = (students_example)),                            \
    BODY(ID, "cohort_" letter "_id", cohorts, sides[i].cohort,                                     \
         "Instead of a list: a cohort of up to 1000 students", .nullable = true,                   \
         .subject = SUBJECT_GROUP, .present = offsetof(struct cohorts, sides[i].has_cohort),       \
         .option = {(i) + 1, 2, false}, .example = (cohort_example))

static const struct rule cohorts_rules[] = RULES(
    SIDE_RULES("a", 0, "[\"student-1\",\"student-2\"]", NULL),
    SIDE_RULES("b", 1, NULL, "demo-class"),
    BODY(DAY, "comparison_date", cohorts, date,
          "Scores as they stood at the close of this UTC day, one of the last 90; absent: now",
          .nullable = true, .present = offsetof(struct cohorts, at_date)),
    BODY(BOOL, "include_component_analysis", cohorts, with_components, "Show component_comparison",
          .default_value = 1),
    BODY(BOOL, "include_percentiles", cohorts, with_percentiles, "Show percentile_rankings",
          .default_value = 1));

/* The fields of a statistical test. A statistic that is not defined is null, because JSON has no
 * infinity. */
static const struct rule test_fields[] = RULES(
    FIELD(TEXT, "name", "welch_t_test"),
    FIELD(NUMBER, "statistic", "t; null when neither side varies and the means differ",
          .nullable = true),
    FIELD(NUMBER, "degrees_of_freedom", "By Satterthwaite; null when neither side varies",
          .nullable = true),
    FIELD(OBJECT, "confidence_interval", "Of mean A less mean B", SHAPE_OF_INTERVAL));

static const struct rule effect_fields[] = RULES(
    FIELD(TEXT, "name", "hedges_g"),
    FIELD(NUMBER, "value", "Difference of the means in pooled deviations; null when neither side "
          "varies and the means differ", .nullable = true));

#define MEAN_OF(component)                                                                         \
    FIELD(NUMBER, component, "Mean over those with evidence; null when there is nobody",           \
          .nullable = true, .max = 1)
/* Means of the components over the students of one side. */
static const struct rule component_means[] = RULES(SHAPE_EACH_COMPONENT(MEAN_OF));

static const struct rule component_fields[] = RULES(
    FIELD(OBJECT, "cohort_a", "Side A", .fields = component_means),
    FIELD(OBJECT, "cohort_b", "Side B", .fields = component_means));

/* Sizes of the two sides and the students left out: what a reader needs to judge the test. */
static const struct rule cohorts_metadata[] = RULES(
    FIELD(INT, "cohort_a_size", "Students on side A, those without data included"),
    FIELD(INT, "cohort_b_size", "Students on side B"),
    FIELD(INT, "in_both", "Students on both sides: the test takes the sides as independent"),
    OPTIONAL(DAY, "comparison_date", "As requested"),
    FIELD(IDS, "missing", "Students without data, or who have withdrawn consent to analytics"));

/* winner is null unless the difference of the means is significant. */
static const char *const winners[] = {"cohort_a", "cohort_b", NULL};
/* The first cohort of the request is side A, the second side B. */
static const struct rule cohorts_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECT, "cohort_a_stats", "Scores of side A", SHAPE_OF_SUMMARY),
    FIELD(OBJECT, "cohort_b_stats", "Scores of side B", SHAPE_OF_SUMMARY),
    SHAPE_SCORE("statistical_significance", "p of the test, two-sided"),
    FIELD(OBJECT, "test", "Welch's t-test", .fields = test_fields),
    FIELD(OBJECT, "effect_size", "Hedges' g", .fields = effect_fields),
    FIELD(ENUM, "winner", "The side with the higher mean when p is under 0.05", .nullable = true,
          .choices = winners),
    OPTIONAL(OBJECT, "component_comparison", "Means by component", .fields = component_fields),
    OPTIONAL(MAP, "percentile_rankings",
          "Percentile rank of each student among those of both sides"),
    FIELD(OBJECT, "metadata", "About the sides", .fields = cohorts_metadata), SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "analytics-compare-cohorts", .method = POST,
     .pattern = "/api/v1/analytics/compare/cohorts", .limit_per_minute = 20,
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_HEAVY | ROUTE_INSUFFICIENT_DATA,
     .rules = cohorts_rules, .input_size = sizeof(struct cohorts), .check = cohorts_check,
     .handler = compare_cohorts, .status = 200, .response = cohorts_response,
     .summary = "Two groups of students: summaries, Welch's t-test, effect size"},
};
/* clang-format on */

const struct route_table analytics_cohort_routes = {"analytics", routes,
                                                    sizeof(routes) / sizeof(routes[0]), NULL};
