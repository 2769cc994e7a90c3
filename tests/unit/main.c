/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the suites of tests.def: all of them, or with -k the tests whose suite/name holds a text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

#include "app/store/keys.h"

#define TESTS_OF(name) void name##_tests(void);
#include "tests/unit/tests.def"
#undef TESTS_OF

static void add_suites(void)
{
#define TESTS_OF(name) name##_tests();
#include "tests/unit/tests.def"
#undef TESTS_OF
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [-k TEXT]\n  -k TEXT  only tests whose suite/name holds TEXT\n",
            program);
    return 2;
}

/* Leaves only the suite's tests that hold text active and returns how many those are. */
static unsigned choose_tests(CU_pSuite suite, const char *text)
{
    unsigned chosen = 0;

    for (CU_pTest test = suite->pTest; test != NULL; test = test->pNext) {
        char name[512];

        (void)snprintf(name, sizeof name, "%s/%s", suite->pName, test->pName);
        if (strstr(name, text) != NULL)
            chosen++;
        else
            (void)CU_set_test_active(test, CU_FALSE);
    }
    (void)CU_set_suite_active(suite, chosen > 0 ? CU_TRUE : CU_FALSE);
    return chosen;
}

static unsigned choose(const char *text)
{
    unsigned chosen = 0;

    CU_set_fail_on_inactive(CU_FALSE);
    for (CU_pSuite s = CU_get_registry()->pSuite; s != NULL; s = s->pNext)
        chosen += choose_tests(s, text);
    return chosen;
}

/* 0 only if something was run and nothing failed. */
static int run(const char *text)
{
    CU_set_error_action(CUEA_ABORT); /* a test that cannot be added, or two of one name */
    add_suites();
    if (text != NULL && choose(text) == 0) {
        fprintf(stderr, "no test holds \"%s\"\n", text);
        return EXIT_FAILURE;
    }
    CU_basic_set_mode(text != NULL ? CU_BRM_VERBOSE : CU_BRM_NORMAL);
    if (CU_basic_run_tests() != CUE_SUCCESS || CU_get_number_of_tests_run() == 0)
        return EXIT_FAILURE;
    return CU_get_number_of_failure_records() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "-k") != 0))
        return usage(argv[0]);
    keys_set_hash_key(STR("a key of the tests"));
    if (CU_initialize_registry() != CUE_SUCCESS)
        return EXIT_FAILURE;

    int status = run(argc == 3 ? argv[2] : NULL);

    CU_cleanup_registry();
    return status;
}
