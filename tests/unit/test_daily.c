/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/daily.h"

#include <string.h>

#include <CUnit/CUnit.h>

#include "app/base/clock.h"

void daily_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int32_t day_of(const char *text)
{
    int32_t day = 0;
    CU_ASSERT_TRUE(day_parse(str_of(text), &day));
    return day;
}

static void periods_begin_on_mondays_and_firsts(void)
{
    static const struct {
        const char *day, *week, *month;
    } rows[] = {
        {"2026-01-01", "2025-12-29", "2026-01-01"}, {"2025-12-29", "2025-12-29", "2025-12-01"},
        {"2025-12-28", "2025-12-22", "2025-12-01"}, {"2024-02-29", "2024-02-26", "2024-02-01"},
        {"2023-03-01", "2023-02-27", "2023-03-01"}, {"2000-02-29", "2000-02-28", "2000-02-01"},
        {"1970-01-01", "1969-12-29", "1970-01-01"}, {"1969-12-31", "1969-12-29", "1969-12-01"},
        {"1969-12-28", "1969-12-22", "1969-12-01"}, {"1900-02-28", "1900-02-26", "1900-02-01"},
        {"2100-03-01", "2100-03-01", "2100-03-01"}, {"9999-12-31", "9999-12-27", "9999-12-01"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        int32_t day = day_of(rows[i].day);
        CU_ASSERT_EQUAL(period_start(DAILY, day), day);
        CU_ASSERT_EQUAL(period_start(WEEKLY, day), day_of(rows[i].week));
        CU_ASSERT_EQUAL(period_start(MONTHLY, day), day_of(rows[i].month));
    }
}

/* Compares every day of four centuries with its printed date. */
static void months_agree_with_the_calendar(void)
{
    char first[DAY_TEXT_SIZE], text[DAY_TEXT_SIZE];
    int32_t wrong = 0;
    for (int32_t day = -73000; day < 73200; day++) {
        day_print(day, text);
        day_print(period_start(MONTHLY, day), first);
        memcpy(text + 8, "01", 2);
        wrong += !str_equal(str_of(first), str_of(text));
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static struct daily daily_at(int32_t day, double score, double quiz, bool quiz_known)
{
    return (struct daily){.day = day,
                          .score = score,
                          .components = {[QUIZ] = quiz},
                          .known = quiz_known ? 1U << QUIZ : 0,
                          .samples = 2};
}

static void days_are_averaged_by_period(void)
{
    const int32_t monday = day_of("2026-01-05");
    struct daily days[] = {daily_at(monday - 1, .2, 0, false), daily_at(monday, .1, 0, false),
                           daily_at(monday + 3, .2, .4, true), daily_at(monday + 6, .6, .8, true),
                           daily_at(monday + 7, .9, .9, true)};
    struct daily weeks[COUNT(days)];
    CU_ASSERT_EQUAL(daily_aggregate(days, COUNT(days), WEEKLY, weeks), 3);
    CU_ASSERT_EQUAL(weeks[1].day, monday);
    CU_ASSERT_EQUAL(weeks[1].score, .3);
    CU_ASSERT_EQUAL(weeks[1].components[QUIZ], .6); /* of the days that know it */
    CU_ASSERT_EQUAL(weeks[1].known, 1U << QUIZ);
    CU_ASSERT_EQUAL(weeks[1].samples, 6);
    CU_ASSERT_EQUAL(weeks[0].known, 0);
    CU_ASSERT_EQUAL(weeks[2].day, monday + 7);
    CU_ASSERT_EQUAL(daily_aggregate(days, COUNT(days), DAILY, weeks), COUNT(days));
    CU_ASSERT_EQUAL(weeks[3].day, monday + 6);
    CU_ASSERT_EQUAL(daily_aggregate(days, COUNT(days), MONTHLY, days), 1); /* in place */
    CU_ASSERT_EQUAL(days[0].day, day_of("2026-01-01"));
    CU_ASSERT_EQUAL(days[0].score, .4);
    CU_ASSERT_EQUAL(daily_aggregate(days, 0, MONTHLY, days), 0);
}

static void series_leave_out_what_is_not_known(void)
{
    struct daily days[] = {daily_at(1, .2, 0, false), daily_at(2, .3, .4, true)};
    double values[2];
    CU_ASSERT_EQUAL(daily_scores(days, 2, values), 2);
    CU_ASSERT_EQUAL(values[1], .3);
    CU_ASSERT_EQUAL(daily_component(days, 2, QUIZ, values), 1);
    CU_ASSERT_EQUAL(values[0], .4);
    CU_ASSERT_EQUAL(daily_component(days, 2, QUALITY, values), 0);
}

static void a_day_is_what_its_closing_state_says(void)
{
    struct learning_event event = {
        .at_ms = day_start_ms(100), .observations = {{QUIZ, .8, 1}}, .observation_count = 1};
    struct mastery_state s;
    struct daily d;
    mastery_state_init(&s);
    mastery_state_apply(&s, &event);
    daily_of_state(&s, &d);
    CU_ASSERT_EQUAL(d.day, 100);
    CU_ASSERT_EQUAL(d.score, .625);
    CU_ASSERT_EQUAL(d.components[QUIZ], .8);
    CU_ASSERT_EQUAL(d.components[CONSISTENCY], .1);
    CU_ASSERT_EQUAL(d.known, 1U << QUIZ | 1U << CONSISTENCY);
    CU_ASSERT_EQUAL(d.samples, 1);
}

void daily_tests(void)
{
    CU_pSuite suite = CU_add_suite("daily", NULL, NULL);
    CU_ADD_TEST(suite, periods_begin_on_mondays_and_firsts);
    CU_ADD_TEST(suite, months_agree_with_the_calendar);
    CU_ADD_TEST(suite, days_are_averaged_by_period);
    CU_ADD_TEST(suite, series_leave_out_what_is_not_known);
    CU_ADD_TEST(suite, a_day_is_what_its_closing_state_says);
}
