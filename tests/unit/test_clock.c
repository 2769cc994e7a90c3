/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/clock.h"

#include <limits.h>
#include <time.h>

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void clock_tests(void);

/* Milliseconds by GNU date -u -d TEXT +%s. */
static const struct {
    int64_t ms;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {-86400000, "1969-12-31T00:00:00.000Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {951868800000, "2000-03-01T00:00:00.000Z"},
    {1709251199123, "2024-02-29T23:59:59.123Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"},
    {4107456000000, "2100-02-28T00:00:00.000Z"},
    {-2203891200000, "1900-03-01T00:00:00.000Z"},
    {2147483647000, "2038-01-19T03:14:07.000Z"},
    {2147483648000, "2038-01-19T03:14:08.000Z"},
    {-62167219200000, "0000-01-01T00:00:00.000Z"},
    {-62162035200001, "0000-02-29T23:59:59.999Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {1769903999123, "2026-01-31T23:59:59.123Z"},
};

static void times_print_and_parse(void)
{
    for (size_t i = 0; i < COUNT(times); i++) {
        char text[TIME_TEXT_SIZE];
        int64_t ms = 42;
        time_print(times[i].ms, text);
        CU_ASSERT_STRING_EQUAL(text, times[i].text);
        CU_ASSERT_TRUE(time_parse(str_of(times[i].text), &ms));
        CU_ASSERT_EQUAL(ms, times[i].ms);
    }
}

static void times_beyond_four_digit_years_are_printed_at_their_end(void)
{
    char text[TIME_TEXT_SIZE];

    time_print(253402300800000, text);
    CU_ASSERT_STRING_EQUAL(text, "9999-12-31T00:00:00.000Z");
    time_print(-62167219200001, text);
    CU_ASSERT_STRING_EQUAL(text, "0000-01-01T23:59:59.999Z");
    time_print(INT64_MAX, text);
    CU_ASSERT_STRING_EQUAL(text, "9999-12-31T07:12:55.807Z");
    time_print(INT64_MIN, text);
    CU_ASSERT_STRING_EQUAL(text, "0000-01-01T16:47:04.192Z");
}

static void every_form_of_rfc3339_is_read(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"2026-01-31T23:59:59Z", 1769903999000},
        {"2026-01-31t23:59:59z", 1769903999000},
        {"2026-01-31 23:59:59Z", 1769903999000},
        {"2026-01-31T23:59:59.1Z", 1769903999100},
        {"2026-01-31T23:59:59.12Z", 1769903999120},
        {"2026-01-31T23:59:59.1239Z", 1769903999123},
        {"2026-01-31T23:59:59.999999999Z", 1769903999999},
        {"2026-02-01T01:59:59+02:00", 1769903999000},
        {"2026-01-31T18:29:59-05:30", 1769903999000},
        {"2026-01-31T23:59:59-00:00", 1769903999000},
        {"2026-02-01T23:58:59+23:59", 1769903999000},
        {"2016-12-31T23:59:60Z", 1483228799999},
        {"2016-12-31T23:59:60.5Z", 1483228799999},
        {"2017-01-01T01:59:60+02:00", 1483228799999},
        {"1969-12-31T23:59:59.9999Z", -1},
        {"0000-01-01T00:00:00-01:00", -62167215600000},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = 42;
        CU_ASSERT_TRUE(time_parse(str_of(rows[i].text), &ms));
        CU_ASSERT_EQUAL(ms, rows[i].ms);
    }
}

static void what_is_not_a_time_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "2026-01-31",
        "2026-01-31T23:59:59",
        "2026-01-31T23:59Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2026-01-31T23:59:61Z",
        "2026-01-31T23:59:59.Z",
        "2026-01-31T23:59:59.1234567890Z",
        "2026-01-31T23:59:59,1Z",
        "2026-01-31T23:59:59+0200",
        "2026-01-31T23:59:59+02",
        "2026-01-31T23:59:59+24:00",
        "2026-01-31T23:59:59+02:60",
        "2026-01-31T23:59:59ZZ",
        "2026-01-31T23:59:59Z ",
        " 2026-01-31T23:59:59Z",
        "2026-01-31  23:59:59Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "20260131T235959Z",
        "26-01-31T23:59:59Z",
        "+2026-01-31T23:59:59Z",
        "-026-01-31T23:59:59Z",
        "2026-01-31T2 :59:59Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ms = 42;
        CU_ASSERT_FALSE(time_parse(str_of(bad[i]), &ms));
        CU_ASSERT_EQUAL(ms, 42);
    }
    CU_ASSERT_FALSE(time_parse(STR("2026-01-31\0"
                                   "23:59:59Z"),
                               &(int64_t){0}));
}

static void no_cut_off_time_is_read_beyond_its_end(void)
{
    static const char whole[] = "2026-01-31T23:59:59.123+02:00";

    for (size_t n = 0; n < sizeof(whole) - 1; n++)
        CU_ASSERT_FALSE(time_parse((struct str){whole, n}, &(int64_t){0}));
    CU_ASSERT_TRUE(time_parse((struct str){whole, sizeof(whole) - 1}, &(int64_t){0}));
}

static void days_are_floors(void)
{
    CU_ASSERT_EQUAL(day_of_ms(0), 0);
    CU_ASSERT_EQUAL(day_of_ms(DAY_MS - 1), 0);
    CU_ASSERT_EQUAL(day_of_ms(DAY_MS), 1);
    CU_ASSERT_EQUAL(day_of_ms(-1), -1);
    CU_ASSERT_EQUAL(day_of_ms(-DAY_MS), -1);
    CU_ASSERT_EQUAL(day_of_ms(-DAY_MS - 1), -2);
    CU_ASSERT_EQUAL(day_start_ms(-1), -DAY_MS);
    CU_ASSERT_EQUAL(day_start_ms(2932896), INT64_C(253402214400000));
}

/* Compares every day with a four-digit year with the C library's calendar. */
static void every_day_from_0000_to_9999_prints_and_parses(void)
{
    int wrong = 0;

    for (int32_t day = -719528; day <= 2932896; day++) {
        char text[DAY_TEXT_SIZE], expected[DAY_TEXT_SIZE];
        time_t seconds = (time_t)day * 86400;
        struct tm tm;
        int32_t parsed = INT32_MIN;
        if (day % 16 == 0 || (day > -800 && day < 30000)) {
            (void)gmtime_r(&seconds, &tm);
            tm.tm_year += 1900;
            const int numbers[] = {tm.tm_year, tm.tm_mon + 1, tm.tm_mday};
            const int at[] = {0, 5, 8}, width[] = {4, 2, 2};
            memcpy(expected, "0000-00-00", sizeof(expected));
            for (int i = 0; i < 3; i++)
                for (int j = width[i] - 1, n = numbers[i]; j >= 0; j--, n /= 10)
                    expected[at[i] + j] = (char)('0' + n % 10);
            day_print(day, text);
            wrong += strcmp(text, expected) != 0;
        }
        day_print(day, text);
        wrong += !day_parse(str_of(text), &parsed) || parsed != day;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void only_real_dates_are_days(void)
{
    static const char *const bad[] = {
        "",           "2026-1-31",   "2026-02-29", "1900-02-29", "2100-02-29",  "2026-04-31",
        "2026-00-10", "2026-13-10",  "2026-01-00", "2026-01-32", "2026/01/31",  "2026-01-31T",
        "20260131",   " 2026-01-31", "2026-01-3",  "2026-01-3x", "12026-01-31",
    };
    int32_t day = 42;

    for (size_t i = 0; i < COUNT(bad); i++)
        CU_ASSERT_FALSE(day_parse(str_of(bad[i]), &day));
    CU_ASSERT_EQUAL(day, 42);
    CU_ASSERT_TRUE(day_parse(STR("2000-02-29"), &day));
    CU_ASSERT_EQUAL(day, 11016);
    CU_ASSERT_TRUE(day_parse(STR("1969-12-31"), &day));
    CU_ASSERT_EQUAL(day, -1);
}

static void only_real_dates_are_made(void)
{
    static const struct {
        int year, month, day;
    } bad[] = {{2026, 0, 1},  {2026, 13, 1}, {2026, -1, 1},      {2026, 1, 0},      {2026, 1, 32},
               {2026, 4, 31}, {2026, 2, 29}, {1900, 2, 29},      {2026, 1, -1},     {-1, 12, 31},
               {10000, 1, 1}, {-4, 2, 29},   {2026, INT_MAX, 1}, {2026, INT_MIN, 1}};
    int32_t day = 42;

    for (size_t i = 0; i < COUNT(bad); i++)
        CU_ASSERT_FALSE(day_make(bad[i].year, bad[i].month, bad[i].day, &day));
    CU_ASSERT_EQUAL(day, 42);
    CU_ASSERT_TRUE(day_make(0, 1, 1, &day));
    CU_ASSERT_EQUAL(day, -719528);
    CU_ASSERT_TRUE(day_make(2000, 2, 29, &day));
    CU_ASSERT_EQUAL(day, 11016);
    CU_ASSERT_TRUE(day_make(9999, 12, 31, &day));
    CU_ASSERT_EQUAL(day, 2932896);
}

static void clocks_tell_now(void)
{
    int64_t before_us = clock_monotonic_us();

    CU_ASSERT_TRUE(clock_wall_ms() / 1000 - time(NULL) <= 1);
    CU_ASSERT_TRUE(time(NULL) - clock_wall_ms() / 1000 <= 1);
    CU_ASSERT_TRUE(clock_monotonic_us() >= before_us);
}

void clock_tests(void)
{
    CU_pSuite suite = CU_add_suite("clock", NULL, NULL);

    CU_ADD_TEST(suite, times_print_and_parse);
    CU_ADD_TEST(suite, times_beyond_four_digit_years_are_printed_at_their_end);
    CU_ADD_TEST(suite, every_form_of_rfc3339_is_read);
    CU_ADD_TEST(suite, what_is_not_a_time_is_refused);
    CU_ADD_TEST(suite, no_cut_off_time_is_read_beyond_its_end);
    CU_ADD_TEST(suite, days_are_floors);
    CU_ADD_TEST(suite, every_day_from_0000_to_9999_prints_and_parses);
    CU_ADD_TEST(suite, only_real_dates_are_days);
    CU_ADD_TEST(suite, only_real_dates_are_made);
    CU_ADD_TEST(suite, clocks_tell_now);
}
