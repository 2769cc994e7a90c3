/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/analytics/compare/cohorts: two groups of students, with statistics. Who asks must be
 * allowed to see everybody named (service/cohort_access); that is known before anything about them
 * is looked at. */
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

static int by_id(const void *a, const void *b)
{
    const struct compared_student *x = *(const struct compared_student *const *)a;
    const struct compared_student *y = *(const struct compared_student *const *)b;

    return str_compare(x->id, y->id);
}

/* Each student once, by id. NULL without memory. */
static const struct compared_student **
distinct(struct exchange *x, const struct compared_student *students, size_t n, size_t *ret_count)
{
    const struct compared_student **order = arena_array(x->arena, n + 1, sizeof(*order));
    size_t count = 0;

    if (!order)
        return NULL;
    for (size_t i = 0; i < n; i++)
        order[i] = &students[i];
    qsort(order, n, sizeof(*order), by_id);
    for (size_t i = 0; i < n; i++) {
        if (count == 0 || !str_equal(order[count - 1]->id, order[i]->id))
            order[count++] = order[i];
    }
    *ret_count = count;
    return order;
}

static void write_missing(struct jw *w, const struct compared_student *const *students, size_t n)
{
    jw_array(w, "missing");
    for (size_t i = 0; i < n; i++) {
        if (!students[i]->found)
            jw_str(w, NULL, students[i]->id);
    }
    jw_array_end(w);
}

/* ---- what is asked ---- */

struct side {
    struct str_list students;
    bool has_students;
    struct str cohort;
    bool has_cohort;
};

struct cohorts {
    struct side sides[2];
    bool at_date;
    int32_t date;
    bool with_components, with_percentiles;
};

static const char *const list_fields[] = {"cohort_a_student_ids", "cohort_b_student_ids"};
static const char *const cohort_fields[] = {"cohort_a_id", "cohort_b_id"};

struct cohorts_state {
    struct cohort_access right;
    struct command *cohorts[2];
    struct str_list ids[2];
    struct comparison comparison;
    bool rights_known;
};

static void fail_field(struct exchange *x, const char *field, const char *message)
{
    if (!problem_has_field(&x->problem, str_of(field)))
        problem_field(&x->problem, x->arena, str_of(field), "%s", message);
}

static bool cohorts_check(struct exchange *x)
{
    const struct cohorts *in = x->input;
    int32_t today = day_of_ms(x->now_ms);

    for (int i = 0; i < 2; i++) {
        const struct side *side = &in->sides[i];

        if (side->has_students && side->has_cohort)
            fail_field(x, cohort_fields[i], "must not stand beside a list of students");
        else if (!side->has_students && !side->has_cohort &&
                 !problem_has_field(&x->problem, str_of(cohort_fields[i])))
            fail_field(x, list_fields[i], "is required, or the id of a cohort");
    }
    if (in->at_date && in->date > today)
        fail_field(x, "comparison_date", "must not lie in the future");
    if (in->at_date && in->date <= today - HISTORY_DAYS)
        fail_field(x, "comparison_date", "must be one of the last 90 days");
    return x->problem.code == PROBLEM_NONE;
}

/* Asks for what must be known about rights, and for the cohorts' members. */
static enum step cohorts_begin(struct exchange *x, const struct cohorts *in)
{
    struct cohorts_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    cohort_access_init(&s->right, &x->caller);
    for (int i = 0; i < 2; i++) {
        const struct side *side = &in->sides[i];

        if (side->has_cohort) {
            cohort_access_add_cohort(&s->right, ACCESS_READ_COHORT, side->cohort, &x->pipeline);
            s->cohorts[i] = cohort_cmd_get(&x->pipeline, side->cohort);
        } else {
            cohort_access_add_students(&s->right, side->students, &x->pipeline);
        }
    }
    if (s->right.denied)
        return exchange_fail(x, PROBLEM_FORBIDDEN);
    return STEP_MORE; /* without asks it comes back at once */
}

static bool insufficient(struct exchange *x)
{
    problem_set(&x->problem, PROBLEM_INSUFFICIENT_DATA,
                "A comparison needs two students with data on each side");
    return false;
}

static bool read_side(struct exchange *x, const struct side *side, const struct command *asked,
                      const char *field, struct str_list *ret)
{
    struct cohort cohort;

    *ret = side->students;
    if (!asked)
        return true;
    if (!cohort_parse(asked, x->arena, side->cohort, &cohort, &x->problem))
        return false;
    *ret = cohort.students;
    if (!cohort.exists)
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such cohort");
    else if (cohort.students.n > COMPARE_COHORT_MAX)
        problem_field(&x->problem, x->arena, str_of(field), "has more than %d students",
                      COMPARE_COHORT_MAX);
    else if (cohort.students.n < COMPARE_COHORT_MIN)
        return insufficient(x);
    return x->problem.code == PROBLEM_NONE;
}

static bool cohorts_look(struct exchange *x, const struct cohorts *in, struct cohorts_state *s)
{
    s->rights_known = true;
    if (!cohort_access_check(&s->right, x->arena, &x->problem))
        return false;
    for (int i = 0; i < 2; i++) {
        if (!read_side(x, &in->sides[i], s->cohorts[i], cohort_fields[i], &s->ids[i]))
            return false;
    }
    x->audit_subjects = (struct str_list){
        arena_array(x->arena, s->ids[0].n + s->ids[1].n, sizeof(*x->audit_subjects.v)), 0};
    for (int i = 0; x->audit_subjects.v && i < 2; i++) {
        for (size_t k = 0; k < s->ids[i].n; k++)
            x->audit_subjects.v[x->audit_subjects.n++] = s->ids[i].v[k];
    }
    s->comparison.at_date = in->at_date;
    s->comparison.day = in->date;
    s->comparison.oldest_day = day_of_ms(x->now_ms) - HISTORY_DAYS + 1;
    return comparison_fill(&s->comparison, s->ids, x->arena, &x->problem);
}

struct group {
    const struct compared_student *students;
    size_t n;
    double *scores; /* of those with data, sorted */
    struct summary summary;
    struct moments moments;
};

static bool group_fill(struct exchange *x, struct group *g, const struct compared_student *students,
                       size_t n)
{
    size_t count;

    *g = (struct group){.students = students, .n = n};
    g->scores = arena_array(x->arena, n + 1, sizeof(*g->scores));
    if (!g->scores) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    count = comparison_values(students, n, OVERALL_SCORE, g->scores);
    summary_of_sorted(g->scores, count, &g->summary);
    g->moments = moments_of(g->scores, count);
    return count >= COMPARE_COHORT_MIN || insufficient(x);
}

static void write_test(struct jw *w, const struct group *a, const struct group *b)
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

/* values has room for the group. */
static void write_component_means(struct jw *w, const char *key, const struct group *g,
                                  double *values)
{
    jw_object(w, key);
    for (int c = 0; c < COMPONENTS; c++) {
        size_t n = comparison_values(g->students, g->n, c, values);

        statistics_write_or_null(w, component_names[c], n > 0, mean_of_scores(values, n));
    }
    jw_object_end(w);
}

/* scores: of all students, each once; has room for them. */
static void write_ranks(struct jw *w, const struct compared_student *const *students, size_t n,
                        double *scores)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (students[i]->found)
            scores[count++] = students[i]->daily.score;
    }
    sort_values(scores, count);
    jw_object(w, "percentile_rankings");
    for (size_t i = 0; i < n; i++) {
        char id[ID_MAX + 1] = "";

        if (!students[i]->found)
            continue;
        memcpy(id, students[i]->id.p, students[i]->id.n);
        jw_number(w, id, percentile_rank(scores, count, students[i]->daily.score));
    }
    jw_object_end(w);
}

static enum step cohorts_answer(struct exchange *x, const struct cohorts *in,
                                const struct cohorts_state *s)
{
    const struct compared_student *students = s->comparison.students, **all;
    double *values = arena_array(x->arena, s->comparison.n + 1, sizeof(*values));
    struct group a, b;
    size_t n = 0;
    struct jw w;

    all = distinct(x, students, s->comparison.n, &n);
    if (!values || !all)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (!group_fill(x, &a, students, s->ids[0].n) ||
        !group_fill(x, &b, students + s->ids[0].n, s->ids[1].n))
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    statistics_write_summary(&w, "cohort_a_stats", &a.summary);
    statistics_write_summary(&w, "cohort_b_stats", &b.summary);
    write_test(&w, &a, &b);
    if (in->with_components) {
        jw_object(&w, "component_comparison");
        write_component_means(&w, "cohort_a", &a, values);
        write_component_means(&w, "cohort_b", &b, values);
        jw_object_end(&w);
    }
    if (in->with_percentiles)
        write_ranks(&w, all, n, values);
    jw_object(&w, "metadata");
    jw_int(&w, "cohort_a_size", (int64_t)a.n);
    jw_int(&w, "cohort_b_size", (int64_t)b.n);
    jw_int(&w, "in_both", (int64_t)(s->comparison.n - n));
    if (in->at_date)
        jw_day(&w, "comparison_date", in->date);
    write_missing(&w, all, n);
    jw_object_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

static enum step compare_cohorts(struct exchange *x)
{
    const struct cohorts *in = x->input;
    struct cohorts_state *s = x->state;

    if (!s)
        return cohorts_begin(x, in);
    if (!s->rights_known && !cohorts_look(x, in, s))
        return STEP_DONE;
    if (comparison_step(&s->comparison, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    return cohorts_answer(x, in, s);
}

/* ---- the table ---- */

/* clang-format off */
#define SIDE_RULES(letter, i) \
    {.name = "cohort_" letter "_student_ids", .type = RULE_IDS, .nullable = true, .min = COMPARE_COHORT_MIN, .max = COMPARE_COHORT_MAX, \
     .offset = offsetof(struct cohorts, sides[i].students), .present = offsetof(struct cohorts, sides[i].has_students), .description = "The students on this side"}, \
    {.name = "cohort_" letter "_id", .type = RULE_ID, .nullable = true, \
     .offset = offsetof(struct cohorts, sides[i].cohort), .present = offsetof(struct cohorts, sides[i].has_cohort), .description = "Instead of a list: a cohort of up to 1000 students"}

static const struct rule cohorts_rules[] = {
    SIDE_RULES("a", 0),
    SIDE_RULES("b", 1),
    {.name = "comparison_date", .type = RULE_DAY, .nullable = true, .offset = offsetof(struct cohorts, date), .present = offsetof(struct cohorts, at_date), .description = "Scores as they stood at the close of this UTC day, one of the last 90; absent: now"},
    {.name = "include_component_analysis", .type = RULE_BOOL, .default_value = 1, .offset = offsetof(struct cohorts, with_components), .description = "Show component_comparison"},
    {.name = "include_percentiles", .type = RULE_BOOL, .default_value = 1, .offset = offsetof(struct cohorts, with_percentiles), .description = "Show percentile_rankings"},
    {0},
};

static const struct rule test_fields[] = {
    {.name = "name", .type = RULE_TEXT, .required = true, .description = "welch_t_test"},
    {.name = "statistic", .type = RULE_NUMBER, .required = true, .nullable = true, .description = "t; null when neither side varies and the means differ"},
    {.name = "degrees_of_freedom", .type = RULE_NUMBER, .required = true, .nullable = true, .description = "By Satterthwaite; null when neither side varies"},
    {.name = "confidence_interval", .type = RULE_OBJECT, .required = true, .fields = shape_interval, .description = "Of mean A less mean B"},
    {0},
};

static const struct rule effect_fields[] = {
    {.name = "name", .type = RULE_TEXT, .required = true, .description = "hedges_g"},
    {.name = "value", .type = RULE_NUMBER, .required = true, .nullable = true, .description = "Difference of the means in pooled deviations; null when neither side varies and the means differ"},
    {0},
};

#define MEAN_OF(component) \
    {.name = component, .type = RULE_NUMBER, .required = true, .nullable = true, .max = 1, .description = "Mean over those with evidence; null when there is nobody"}
static const struct rule component_means[] = {
    MEAN_OF("completion"), MEAN_OF("quiz"), MEAN_OF("quality"), MEAN_OF("consistency"), {0},
};

static const struct rule component_fields[] = {
    {.name = "cohort_a", .type = RULE_OBJECT, .required = true, .fields = component_means, .description = "Side A"},
    {.name = "cohort_b", .type = RULE_OBJECT, .required = true, .fields = component_means, .description = "Side B"},
    {0},
};

static const struct rule cohorts_metadata[] = {
    {.name = "cohort_a_size", .type = RULE_INT, .required = true, .description = "Students on side A, those without data included"},
    {.name = "cohort_b_size", .type = RULE_INT, .required = true, .description = "Students on side B"},
    {.name = "in_both", .type = RULE_INT, .required = true, .description = "Students on both sides: the test takes the sides as independent"},
    {.name = "comparison_date", .type = RULE_DAY, .description = "As asked for"},
    {.name = "missing", .type = RULE_IDS, .required = true, .description = "Students without data, or who have withdrawn consent to analytics"},
    {0},
};

static const char *const winners[] = {"cohort_a", "cohort_b", NULL};
static const struct rule cohorts_answer_fields[] = {
    SHAPE_SUCCESS,
    {.name = "cohort_a_stats", .type = RULE_OBJECT, .required = true, .fields = shape_summary, .description = "Scores of side A"},
    {.name = "cohort_b_stats", .type = RULE_OBJECT, .required = true, .fields = shape_summary, .description = "Scores of side B"},
    SHAPE_SCORE("statistical_significance", "p of the test, two-sided"),
    {.name = "test", .type = RULE_OBJECT, .required = true, .fields = test_fields, .description = "Welch's t-test"},
    {.name = "effect_size", .type = RULE_OBJECT, .required = true, .fields = effect_fields, .description = "Hedges' g"},
    {.name = "winner", .type = RULE_ENUM, .required = true, .nullable = true, .choices = winners, .description = "The side with the higher mean when p is under 0.05"},
    {.name = "component_comparison", .type = RULE_OBJECT, .fields = component_fields, .description = "Means by component"},
    {.name = "percentile_rankings", .type = RULE_MAP, .description = "Percentile rank of each student among those of both sides"},
    {.name = "metadata", .type = RULE_OBJECT, .required = true, .fields = cohorts_metadata, .description = "About the sides"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "analytics-compare-cohorts", .method = POST, .pattern = "/api/v1/analytics/compare/cohorts", .limit_per_minute = 20,
     .access = ACCESS_HANDLER, .flags = ROUTE_PERSONAL | ROUTE_HEAVY | ROUTE_INSUFFICIENT_DATA, .rules = cohorts_rules, .input_size = sizeof(struct cohorts),
     .subject_offset = NO_SUBJECT, .check = cohorts_check, .handler = compare_cohorts, .status = 200, .response = cohorts_answer_fields,
     .summary = "Two groups of students: summaries, Welch's t-test, effect size"},
};
/* clang-format on */

const struct route_table analytics_cohort_routes = {"analytics", routes,
                                                    sizeof(routes) / sizeof(routes[0])};
