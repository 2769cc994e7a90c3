/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/auth/access.h"

#include <stdio.h>

#include <CUnit/CUnit.h>

void access_tests(void);

enum subject { SELF, OTHER, NONE };

/* Results of access_decide, one letter for each caller and subject: y yes, n no, t if the caller
 * teaches the student, c if the caller teaches the cohort, m if the caller is a member of it. */
struct row {
    enum access access;
    const char *nobody, *student, *teacher, *admin, *service; /* SELF, OTHER, NONE each */
};

/* clang-format off */
static const struct row rows[] = {
    /*                     nobody student teacher admin  service */
    {ACCESS_OPEN,          "yyy", "yyy",  "yyy",  "yyy", "yyy"},
    {ACCESS_ANY,           "nnn", "yyy",  "yyy",  "yyy", "yyy"},
    {ACCESS_ADMIN,         "nnn", "nnn",  "nnn",  "yyy", "nnn"},
    {ACCESS_READ_STUDENT,  "nnn", "ynn",  "ttn",  "yyy", "nnn"},
    {ACCESS_WRITE_STUDENT, "nnn", "ynn",  "ttn",  "yyy", "yyy"},
    {ACCESS_EXPORT,        "nnn", "ynn",  "nnn",  "yyy", "nnn"},
    {ACCESS_READ_COHORT,   "nnn", "nnn",  "ccy",  "yyy", "nnn"},
    {ACCESS_COMPARE_COHORT, "nnn", "mmn", "ccy",  "yyy", "nnn"},
    {ACCESS_HANDLER,       "nnn", "yyy",  "yyy",  "yyy", "yyy"},
};
/* clang-format on */

static char letter_of(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_YES: return 'y';
    case VERDICT_NO: return 'n';
    case VERDICT_IF_OWN_STUDENT: return 't';
    case VERDICT_IF_OWN_COHORT: return 'c';
    case VERDICT_IF_MEMBER: return 'm';
    }
    return '?';
}

static char decided(enum access access, enum role role, enum subject subject)
{
    static const struct str subjects[] = {
        [SELF] = STR_INIT("user_1"), [OTHER] = STR_INIT("user_10"), [NONE] = STR_INIT("")};
    struct principal who;
    principal_set(&who, role, role == ROLE_NONE ? STR("") : STR("user_1"));
    return letter_of(access_decide(access, &who, subjects[subject]));
}

static void every_right_is_as_the_contract_says(void)
{
    size_t n = sizeof(rows) / sizeof(rows[0]);
    CU_ASSERT_EQUAL(n, ACCESSES);
    for (size_t i = 0; i < n; i++) {
        const char *expected[ROLES] = {rows[i].nobody, rows[i].student, rows[i].teacher,
                                       rows[i].admin, rows[i].service};
        CU_ASSERT_EQUAL(rows[i].access, i);
        for (enum role role = ROLE_NONE; role < ROLES; role++)
            for (enum subject s = SELF; s <= NONE; s++) {
                char got = decided(rows[i].access, role, s);
                if (got != expected[role][s])
                    fprintf(stderr, "access %zu, %s, subject %d: %c\n", i, role_names[role], (int)s,
                            got);
                CU_ASSERT_EQUAL(got, expected[role][s]);
            }
    }
}

static void what_is_not_in_the_table_is_refused(void)
{
    CU_ASSERT_EQUAL(decided(ACCESSES, ROLE_ADMIN, SELF), 'n');
    CU_ASSERT_EQUAL(decided((enum access)1000, ROLE_ADMIN, SELF), 'n');
    CU_ASSERT_EQUAL(decided(ACCESS_OPEN, ROLES, SELF), 'n');
}

static void own_means_the_whole_id_in_the_same_case(void)
{
    static const char *const others[] = {"user_", "User_1", "user_1 ", "user_11", "_1", "*"};
    struct principal who;
    principal_set(&who, ROLE_STUDENT, STR("user_1"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_EQUAL(access_decide(ACCESS_READ_STUDENT, &who, str_of(others[i])), VERDICT_NO);
}

static void a_student_without_an_id_owns_nothing(void)
{
    struct principal who;
    principal_set(&who, ROLE_STUDENT, STR(""));
    CU_ASSERT_EQUAL(access_decide(ACCESS_READ_STUDENT, &who, STR("")), VERDICT_NO);
}

static void a_copied_principal_stands_alone(void)
{
    struct principal first, second;
    char longest[ID_MAX];
    memset(longest, 'a', sizeof(longest));
    principal_set(&first, ROLE_TEACHER, (struct str){longest, sizeof(longest)});
    principal_set(&second, first.role, first.user);
    memset(&first, 0, sizeof(first));
    CU_ASSERT_EQUAL(second.role, ROLE_TEACHER);
    CU_ASSERT_EQUAL(second.user.p, second.user_id);
    CU_ASSERT_EQUAL(second.user.n, ID_MAX);
    CU_ASSERT_EQUAL(strlen(second.user_id), ID_MAX);
}

void access_tests(void)
{
    CU_pSuite suite = CU_add_suite("access", NULL, NULL);
    CU_add_test(suite, "every right is as the contract says", every_right_is_as_the_contract_says);
    CU_add_test(suite, "what is not in the table is refused", what_is_not_in_the_table_is_refused);
    CU_add_test(suite, "own means the whole id in the same case",
                own_means_the_whole_id_in_the_same_case);
    CU_add_test(suite, "a student without an id owns nothing",
                a_student_without_an_id_owns_nothing);
    CU_add_test(suite, "a copied principal stands alone", a_copied_principal_stands_alone);
}
