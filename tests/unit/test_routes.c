/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Invariants of the route tables that access, the audit log and the router rely on. */
#include "app/routes/routes.h"

#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

void routes_tests(void);

/* Personal routes whose rules mark no subject: their handlers find it (audit_subjects), delegate to
 * a route that has one, or serve a list about nobody in particular. */
static const char *const without_subject[] = {
    "recommendations-feedback",
    "xapi-statements",
    "xapi-put-statement",
    "dapr-events",
    "events",
    "process",
    "process-mastery",
    "process-prediction",
    "process-path",
    "cohort-list",
};

static bool is_listed(const char *name)
{
    for (size_t i = 0; i < sizeof(without_subject) / sizeof(without_subject[0]); i++) {
        if (strcmp(without_subject[i], name) == 0)
            return true;
    }
    return false;
}

static void check(bool holds, const struct route *route, const char *what)
{
    if (!holds)
        (void)fprintf(stderr, "\nroute %s: %s\n", route->name, what);
    CU_ASSERT_TRUE(holds);
}

static void for_each_route(void (*visit)(const struct route *route))
{
    size_t count;
    const struct route_table *tables = route_tables(&count);

    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].n; i++)
            visit(&tables[t].v[i]);
    }
    visit(&mastery_recompute);
}

static bool has_subject(const struct rule *rules, enum rule_subject kind)
{
    for (const struct rule *rule = rules; rule && rule->type != RULE_END; rule++) {
        if (rule->subject == kind ||
            (rule->type == RULE_OBJECTS && has_subject(rule->fields, kind)))
            return true;
    }
    return false;
}

static void check_personal(const struct route *route)
{
    bool marked =
        has_subject(route->rules, SUBJECT_STUDENT) || has_subject(route->rules, SUBJECT_GROUP);

    if (route->flags & ROUTE_PERSONAL)
        check(marked != is_listed(route->name), route, "is personal, but no rule marks a subject");
}

static void personal_routes_have_a_subject(void)
{
    for_each_route(check_personal);
}

static void check_access(const struct route *route)
{
    if (route->access == ACCESS_READ_STUDENT || route->access == ACCESS_WRITE_STUDENT ||
        route->access == ACCESS_EXPORT)
        check(has_subject(route->rules, SUBJECT_STUDENT), route, "access needs a student");
}

static void access_to_a_student_has_a_student(void)
{
    for_each_route(check_access);
}

/* ends: "student_id" of "student_id", "student_ids" of "cohort_a_student_ids" */
static bool ends_with(const char *name, const char *end)
{
    size_t n = name ? strlen(name) : 0, m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

static void check_marks(const struct route *route, const struct rule *rules)
{
    for (const struct rule *rule = rules; rule && rule->type != RULE_END; rule++) {
        bool id = rule->type == RULE_ID, ids = rule->type == RULE_IDS;

        if ((id && ends_with(rule->name, "student_id")) ||
            (ids && ends_with(rule->name, "student_ids")))
            check(rule->subject == SUBJECT_STUDENT, route, "an id of a student is not marked");
        else if (id &&
                 (strncmp(rule->name, "cohort_", 7) == 0 || ends_with(rule->name, "batch_id")))
            check(rule->subject == SUBJECT_GROUP, route, "an id of a group is not marked");
        else
            check(rule->subject == SUBJECT_NONE, route, "a field that names nobody is marked");
        if (rule->type == RULE_OBJECTS)
            check_marks(route, rule->fields);
    }
}

static void check_route_marks(const struct route *route)
{
    check_marks(route, route->rules);
}

static void ids_of_students_and_groups_are_marked(void)
{
    for_each_route(check_route_marks);
}

static const struct rule *path_rule(const struct rule *rules, struct str name)
{
    for (const struct rule *rule = rules; rule && rule->type != RULE_END; rule++) {
        if (rule->source == IN_PATH && str_equal(str_of(rule->name), name))
            return rule;
    }
    return NULL;
}

static void check_pattern(const struct route *route, const char *text)
{
    struct str pattern = str_of(text ? text : "");

    while (pattern.n > 0) {
        struct str segment = str_cut(&pattern, '/');
        const struct rule *rule;

        if (segment.n == 0 || segment.p[0] != '{')
            continue;
        rule = path_rule(route->rules, (struct str){segment.p + 1, segment.n - 2});
        check(rule && rule->type == RULE_ID && rule->required, route,
              "a path parameter is not a required id");
        check(!(route->flags & ROUTE_RAW_BODY), route, "its path is not validated");
    }
}

static void check_path(const struct route *route)
{
    check_pattern(route, route->pattern);
    for (size_t i = 0; i < sizeof(route->aliases) / sizeof(route->aliases[0]); i++)
        check_pattern(route, route->aliases[i]);
}

/* pipeline/dispatch.c lets a path that was sent in another form go on when an id in it is invalid:
 * validation must refuse that id. */
static void path_parameters_are_ids(void)
{
    for_each_route(check_path);
}

void routes_tests(void)
{
    CU_pSuite suite = CU_add_suite("routes", NULL, NULL);

    CU_ADD_TEST(suite, personal_routes_have_a_subject);
    CU_ADD_TEST(suite, access_to_a_student_has_a_student);
    CU_ADD_TEST(suite, ids_of_students_and_groups_are_marked);
    CU_ADD_TEST(suite, path_parameters_are_ids);
}
