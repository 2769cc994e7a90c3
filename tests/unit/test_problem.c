/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/problem.h"

#include <CUnit/CUnit.h>

void problem_tests(void);

static void codes_have_name_status_and_message(void)
{
    static const struct {
        enum problem_code code;
        int status;
        const char *name, *message;
    } rows[] = {
#define PROBLEM(code, status, text) {PROBLEM_##code, status, #code, text},
#include "app/base/problem.def"
#undef PROBLEM
    };

    CU_ASSERT_EQUAL(sizeof(rows) / sizeof(*rows), PROBLEM_CODES - 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct problem p = {0};
        problem_set(&p, rows[i].code, NULL);
        CU_ASSERT_EQUAL(p.code, rows[i].code);
        CU_ASSERT_STRING_EQUAL(p.message, rows[i].message);
        CU_ASSERT_EQUAL(problem_status(rows[i].code), rows[i].status);
        CU_ASSERT_STRING_EQUAL(problem_name(rows[i].code), rows[i].name);
    }
    CU_ASSERT_EQUAL(problem_status(PROBLEM_NOT_FOUND), 404);
    CU_ASSERT_STRING_EQUAL(problem_name(PROBLEM_TIMEOUT_ERROR), "TIMEOUT_ERROR");
}

static void the_first_problem_counts(void)
{
    struct problem p = {0};

    problem_set(&p, PROBLEM_NOT_FOUND, "student %d", 7);
    problem_set(&p, PROBLEM_CONFLICT, "later");
    problem_unavailable(&p, 5);
    CU_ASSERT_EQUAL(p.code, PROBLEM_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(p.message, "student 7");
    CU_ASSERT_EQUAL(p.retry_after_s, 0);
}

static void long_messages_are_cut(void)
{
    struct problem p = {0};

    problem_set(&p, PROBLEM_BAD_REQUEST, "%300d", 1);
    CU_ASSERT_EQUAL(strlen(p.message), sizeof(p.message) - 1);
}

static void busy_says_when_to_come_back(void)
{
    static const struct {
        int64_t wait_ms;
        int retry_after_s;
    } rows[] = {{-5, 1}, {0, 1}, {1, 1}, {1000, 1}, {1001, 2}, {2999, 3}, {3000, 3}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct problem p = {0};

        problem_busy(&p, rows[i].wait_ms);
        CU_ASSERT_EQUAL(p.code, PROBLEM_CONFLICT);
        CU_ASSERT_EQUAL(p.retry_after_s, rows[i].retry_after_s);
    }
}

static void unavailable_says_when_to_come_back(void)
{
    struct problem p = {0};

    problem_unavailable(&p, 5);
    CU_ASSERT_EQUAL(p.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_EQUAL(p.retry_after_s, 5);
}

static void field_errors_stay_in_order(void)
{
    struct arena *arena = arena_new(1024, 4096);
    struct problem p = {0};
    char path[] = "student_ids[0]";

    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    for (int i = 0; i < 3; i++) {
        path[12] = (char)('0' + i);
        problem_field(&p, arena, str_of(path), "must be number %d", i);
    }
    CU_ASSERT_EQUAL(p.code, PROBLEM_VALIDATION_ERROR);
    CU_ASSERT_STRING_EQUAL(p.message, "The request is not valid");
    CU_ASSERT_EQUAL(p.field_count, 3);
    const struct field_error *e = p.fields;
    CU_ASSERT_TRUE(str_equal(e->field, STR("student_ids[0]")));
    CU_ASSERT_TRUE(str_equal(e->message, STR("must be number 0")));
    e = e->next->next;
    CU_ASSERT_TRUE(str_equal(e->field, STR("student_ids[2]")));
    CU_ASSERT_TRUE(str_equal(e->message, STR("must be number 2")));
    CU_ASSERT_PTR_NULL(e->next);
    arena_free(arena);
}

static void a_field_error_leaves_another_code_alone(void)
{
    struct arena *arena = arena_new(1024, 4096);
    struct problem p = {0};

    problem_set(&p, PROBLEM_INVALID_INTENT, NULL);
    problem_field(&p, arena, STR("intent"), "is not known");
    CU_ASSERT_EQUAL(p.code, PROBLEM_INVALID_INTENT);
    CU_ASSERT_EQUAL(p.field_count, 1);
    CU_ASSERT_PTR_NOT_NULL(p.fields);
    arena_free(arena);
}

static void field_errors_without_memory_are_counted(void)
{
    struct arena *arena = arena_new(256, 256);
    struct problem p = {0};
    size_t kept = 0;

    for (int i = 0; i < 20; i++)
        problem_field(&p, arena, STR("a.field.with.a.long.path"), "is required");
    for (const struct field_error *e = p.fields; e; e = e->next)
        kept++;
    CU_ASSERT_EQUAL(p.field_count, 20);
    CU_ASSERT_TRUE(kept > 0 && kept < 20);
    arena_free(arena);
}

void problem_tests(void)
{
    CU_pSuite suite = CU_add_suite("problem", NULL, NULL);

    CU_ADD_TEST(suite, codes_have_name_status_and_message);
    CU_ADD_TEST(suite, the_first_problem_counts);
    CU_ADD_TEST(suite, long_messages_are_cut);
    CU_ADD_TEST(suite, unavailable_says_when_to_come_back);
    CU_ADD_TEST(suite, busy_says_when_to_come_back);
    CU_ADD_TEST(suite, field_errors_stay_in_order);
    CU_ADD_TEST(suite, a_field_error_leaves_another_code_alone);
    CU_ADD_TEST(suite, field_errors_without_memory_are_counted);
}
