/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The expected values are those of tests/harness/prediction_model.py. */
#include "app/domain/projection.h"

#include <math.h>

#include <CUnit/CUnit.h>

void projection_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct daily closing(int32_t day, double score, double consistency, uint32_t active_days)
{
    return (struct daily){.day = day,
                          .score = score,
                          .components = {[CONSISTENCY] = consistency},
                          .consistency_weight = 0.1,
                          .active_days = active_days};
}

/* What is expected so many days ahead; last_error: of last_value_at. */
struct expected {
    int ahead;
    double centre, error, df, consistency, last_error;
};

static void assert_projected(const struct daily *days, size_t n, int32_t today,
                             const struct expected *e)
{
    struct distribution projected, last;

    projection_at(days, n, today, e->ahead, &projected);
    last_value_at(days, n, today, e->ahead, &last);
    CU_ASSERT_DOUBLE_EQUAL(projected.centre, e->centre, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(projected.error, e->error, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(projected.df, e->df, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(projection_consistency(days, n, today, e->ahead), e->consistency, 1e-12);
    CU_ASSERT_EQUAL(last.centre, days[n - 1].score);
    CU_ASSERT_DOUBLE_EQUAL(last.error, e->last_error, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(last.df, e->df, 1e-12);
}

static void a_weekly_learner_is_projected(void)
{
    const struct daily days[] = {
        closing(20000, 0.5527, 0.1, 1),         closing(20007, 0.6671, 0.2, 129),
        closing(20014, 0.6716, 0.2, 16513),     closing(20021, 0.6167, 0.2, 2113665),
        closing(20028, 0.5384, 0.2, 270549121), closing(20035, 0.5411, 0.2, 270549121)};
    static const struct expected rows[] = {
        {1, 0.5426428571428571, 0.05005381005079914, 9, 0.3, 0.05048404027383494},
        {7, 0.548558130994338, 0.0504753772392453, 7, 0.30800000000000743, 0.050992245121194664},
        {14, 0.5515893190497975, 0.07230945905251536, 6.785714285714286, 0.3160000000000075,
         0.0716006400735871},
        {30, 0.5510911974399055, 0.059256064194726885, 6.785714285714286, 0.3005714285714286,
         0.05012633324329284}};

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_projected(days, COUNT(days), 20038, &rows[i]);
}

static void a_new_learner_is_projected(void)
{
    const struct daily days[] = {closing(20000, 0.4672, 0.1, 1),  closing(20001, 0.5672, 0.2, 3),
                                 closing(20002, 0.5097, 0.3, 7),  closing(20003, 0.5908, 0.4, 15),
                                 closing(20004, 0.5819, 0.5, 31), closing(20005, 0.573, 0.6, 63)};
    static const struct expected rows[] = {
        {1, 0.5786923076923076, 0.04727940557088689, 9, 0.7, 0.047981275168701286},
        {7, 0.6127364809959055, 0.029981327522309618, 4, 0.9984615384615246, 0.029981327522309618},
        {14, 0.6026920827509041, 0.0367194771204602, 4, 0.8969230769230631, 0.0367194771204602},
        {30, 0.5969999999997443, 0.04129875445336072, 4, 0.8399999999999999, 0.04129875445336072}};

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_projected(days, COUNT(days), 20005, &rows[i]);
}

/* One day, four days ago: the rate is 0.2 and the wait (1 - 0.2) / 0.2 = 4 days, which in binary is
 * not 4. Fourteen days ahead the window begins right after that day. */
static void a_whole_number_of_days_is_whole(void)
{
    const struct daily day = closing(20000, 0.5, 0.1, 1);

    CU_ASSERT_DOUBLE_EQUAL(projection_consistency(&day, 1, 20004, 13), 0.36, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(projection_consistency(&day, 1, 20004, 14), 0.28, 1e-12);
}

static void the_usual_error_doubles_with_one_day(void)
{
    const struct daily days[] = {closing(20000, 0.5, 0, 0), closing(20003, 0.5, 0, 0)};
    struct distribution one, two;

    projection_at(days, 1, 20003, 7, &one);
    projection_at(days, 2, 20003, 7, &two);
    CU_ASSERT_DOUBLE_EQUAL(two.error, 0.0424 * sqrt(0.5), 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(one.error, 2 * two.error, 1e-12);
    CU_ASSERT_EQUAL(one.df, 4);
}

/* Own weights without consistency, and a history without an event, leave the score as it is. */
static void what_is_not_counted_stays(void)
{
    struct daily days[] = {closing(20000, 0.4, 0.1, 1), closing(20001, 0.5, 0.2, 3)};
    struct distribution projected;

    days[1].consistency_weight = 0;
    projection_at(days, 2, 20002, 7, &projected);
    CU_ASSERT_EQUAL(projected.centre, 0.5);
    days[0].active_days = days[1].active_days = 0;
    days[1].consistency_weight = 0.1;
    CU_ASSERT_FALSE(projection_has_activity(days, 2));
    projection_at(days, 2, 20002, 7, &projected);
    CU_ASSERT_EQUAL(projected.centre, 0.5);
}

/* The more often the last errors were large, the wider. */
static void errors_are_learned(void)
{
    struct daily days[40];
    struct distribution calm, wild;

    for (int i = 0; i < 40; i++)
        days[i] = closing(20000 + i, 0.5, 0, 0);
    last_value_at(days, 40, 20039, 1, &calm);
    for (int i = 0; i < 40; i++)
        days[i].score = i % 2 ? 0.4 : 0.6;
    last_value_at(days, 40, 20039, 1, &wild);
    CU_ASSERT(calm.error < 0.005);
    CU_ASSERT(wild.error > 0.18 && wild.error < 0.2);
}

void projection_tests(void)
{
    CU_pSuite suite = CU_add_suite("projection", NULL, NULL);

    CU_ADD_TEST(suite, a_weekly_learner_is_projected);
    CU_ADD_TEST(suite, a_new_learner_is_projected);
    CU_ADD_TEST(suite, a_whole_number_of_days_is_whole);
    CU_ADD_TEST(suite, the_usual_error_doubles_with_one_day);
    CU_ADD_TEST(suite, what_is_not_counted_stays);
    CU_ADD_TEST(suite, errors_are_learned);
}
