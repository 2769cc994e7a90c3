/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/str.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void str_tests(void);

static void equality_is_by_bytes_and_length(void)
{
    CU_ASSERT_TRUE(str_equal(STR("abc"), STR("abc")));
    CU_ASSERT_FALSE(str_equal(STR("abc"), STR("abd")));
    CU_ASSERT_FALSE(str_equal(STR("abc"), STR("ab")));
    CU_ASSERT_TRUE(str_equal(STR("a\0b"), STR("a\0b")));
    CU_ASSERT_FALSE(str_equal(STR("a\0b"), STR("a\0c")));
    CU_ASSERT_TRUE(str_equal((struct str){NULL, 0}, STR("")));
}

static void case_is_ignored_for_ascii_letters_only(void)
{
    CU_ASSERT_TRUE(str_equal_nocase(STR("Content-Type"), STR("content-tYPE")));
    CU_ASSERT_FALSE(str_equal_nocase(STR("a"), STR("ab")));
    CU_ASSERT_FALSE(str_equal_nocase(STR("@"), STR("`")));
    CU_ASSERT_FALSE(str_equal_nocase(STR("["), STR("{")));
    CU_ASSERT_FALSE(str_equal_nocase(STR("\xc4"), STR("\xe4")));
    CU_ASSERT_EQUAL(ascii_lower('A'), 'a');
    CU_ASSERT_EQUAL(ascii_lower('Z'), 'z');
    CU_ASSERT_EQUAL(ascii_lower('['), '[');
    CU_ASSERT_EQUAL(ascii_lower('_'), '_');
    CU_ASSERT_EQUAL(ascii_lower('\xc4'), '\xc4');
}

static void null_is_the_empty_text(void)
{
    CU_ASSERT_EQUAL(str_of(NULL).n, 0);
    CU_ASSERT_PTR_NOT_NULL(str_of(NULL).p);
    CU_ASSERT_TRUE(str_equal(str_of("abc"), STR("abc")));
}

static void prefixes_are_found(void)
{
    CU_ASSERT_TRUE(str_starts_with(STR("Bearer x"), STR("Bearer ")));
    CU_ASSERT_TRUE(str_starts_with(STR("x"), STR("")));
    CU_ASSERT_TRUE(str_starts_with(STR("x"), STR("x")));
    CU_ASSERT_FALSE(str_starts_with(STR("x"), STR("xy")));
    CU_ASSERT_FALSE(str_starts_with(STR("yx"), STR("x")));
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void order_is_by_unsigned_bytes_then_length(void)
{
    static const struct str sorted[] = {STR_INIT(""),   STR_INIT("A"),   STR_INIT("AB"),
                                        STR_INIT("B"),  STR_INIT("a"),   STR_INIT("a\0"),
                                        STR_INIT("ab"), STR_INIT("\xff")};

    for (int i = 0; i < (int)COUNT(sorted); i++)
        for (int j = 0; j < (int)COUNT(sorted); j++)
            CU_ASSERT_EQUAL(sign(str_compare(sorted[i], sorted[j])), sign(i - j));
}

static void cut_takes_part_after_part(void)
{
    struct str rest = STR("a,,bc,");

    CU_ASSERT_TRUE(str_equal(str_cut(&rest, ','), STR("a")));
    CU_ASSERT_TRUE(str_equal(str_cut(&rest, ','), STR("")));
    CU_ASSERT_TRUE(str_equal(str_cut(&rest, ','), STR("bc")));
    CU_ASSERT_EQUAL(rest.n, 0);
    CU_ASSERT_TRUE(str_equal(str_cut(&rest, ','), STR("")));
    rest = STR("whole");
    CU_ASSERT_TRUE(str_equal(str_cut(&rest, ','), STR("whole")));
    CU_ASSERT_EQUAL(rest.n, 0);
    rest = (struct str){NULL, 0};
    CU_ASSERT_EQUAL(str_cut(&rest, ',').n, 0);
}

static void trim_takes_white_space_off_both_ends(void)
{
    CU_ASSERT_TRUE(str_equal(str_trim(STR(" \t\r\n a b \n\r\t ")), STR("a b")));
    CU_ASSERT_TRUE(str_equal(str_trim(STR("a")), STR("a")));
    CU_ASSERT_EQUAL(str_trim(STR(" \n ")).n, 0);
    CU_ASSERT_EQUAL(str_trim(STR("")).n, 0);
    CU_ASSERT_EQUAL(str_trim(STR("\v")).n, 1);
}

static void integers_are_read_as_they_would_be_printed(void)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"7", 7},
        {"-1", -1},
        {"10", 10},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };

    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t value = 42;
        CU_ASSERT_TRUE(str_to_int64(str_of(good[i].text), INT64_MIN, INT64_MAX, &value));
        CU_ASSERT_EQUAL(value, good[i].value);
    }
}

static void what_is_not_an_integer_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "1x",
        "0x1",
        "1.0",
        "1e3",
        "007",
        "-0",
        "- 1",
        "--1",
        "1_0",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999",
        "\xd9\xa1",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t value = 42;
        CU_ASSERT_FALSE(str_to_int64(str_of(bad[i]), INT64_MIN, INT64_MAX, &value));
        CU_ASSERT_EQUAL(value, 42);
    }
}

static void integers_outside_of_the_limits_are_refused(void)
{
    int64_t value = 42;

    CU_ASSERT_FALSE(str_to_int64(STR("0"), 1, 90, &value));
    CU_ASSERT_FALSE(str_to_int64(STR("91"), 1, 90, &value));
    CU_ASSERT_EQUAL(value, 42);
    CU_ASSERT_TRUE(str_to_int64(STR("1"), 1, 90, &value));
    CU_ASSERT_EQUAL(value, 1);
    CU_ASSERT_TRUE(str_to_int64(STR("90"), 1, 90, &value));
    CU_ASSERT_EQUAL(value, 90);
    CU_ASSERT_FALSE(str_to_int64(STR("1\0"), 0, 9, &value));
}

static void doubles_are_read_to_the_nearest(void)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0},
        {"0.83", 0.83},
        {"-2.5e-3", -0.0025},
        {"1E22", 1e22},
        {"1E+2", 100},
        {"0e+1", 0},
        {"1e23", 1e23},
        {"0.30000000000000004", 0.1 + 0.2},
        {"9007199254740993", 9007199254740992.0},
        {"1.7976931348623157e308", DBL_MAX},
        {"4.9406564584124654e-324", 4.9406564584124654e-324},
        {"2.4703282292062327e-324", 0},
        {"1e-400", 0},
        {"0e999999999999999999999999", 0},
        {"0.000000000000000000000000000000000000000001e42", 1},
        /* half way between two doubles, and just above */
        {"1.00000000000000011102230246251565404236316680908203125", 1},
        {"1.00000000000000011102230246251565404236316680908203126", 1.0000000000000002},
    };

    for (size_t i = 0; i < COUNT(good); i++) {
        double value = 42;
        CU_ASSERT_TRUE(str_to_double(str_of(good[i].text), &value));
        CU_ASSERT_EQUAL(value, good[i].value);
    }
}

/* Marsaglia's xorshift64: the same numbers at every run. */
static void printed_doubles_are_read_back(void)
{
    uint64_t bits = 88172645463325252;
    int wrong = 0;

    for (int i = 0; i < 100000; i++) {
        char text[32];
        double value, read = 0;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        if (i % 2 == 0)
            value = (double)(bits >> 11) * 0x1p-53;
        if (!isfinite(value))
            continue;
        (void)snprintf(text, sizeof(text), "%.17g", value);
        wrong += !str_to_double(str_of(text), &read) || memcmp(&read, &value, sizeof(value)) != 0;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* Runs in a locale with a decimal comma, if one is installed, and always in the C locale. */
static void the_locale_has_no_say(void)
{
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C"};
    char before[64];

    (void)snprintf(before, sizeof(before), "%s", setlocale(LC_NUMERIC, NULL));
    for (size_t i = 0; i < COUNT(locales); i++) {
        double value = 42;
        if (!setlocale(LC_NUMERIC, locales[i]))
            continue;
        CU_ASSERT_TRUE(str_to_double(STR("0.30000000000000004"), &value));
        CU_ASSERT_EQUAL(value, 0.1 + 0.2);
        CU_ASSERT_FALSE(str_to_double(STR("0,5"), &value));
    }
    CU_ASSERT_PTR_NOT_NULL(setlocale(LC_NUMERIC, before));
}

static void minus_zero_keeps_its_sign(void)
{
    double value = 42;

    CU_ASSERT_TRUE(str_to_double(STR("-0"), &value));
    CU_ASSERT_TRUE(value == 0 && signbit(value));
}

static void what_is_not_a_json_number_is_refused(void)
{
    static const char *const bad[] = {
        "",      "-",   ".5",  "1.",  "1.e2",     "01",     "-01",
        "+1",    "1e",  "1e+", "0x1", "Infinity", "nan",    "NaN",
        " 1",    "1 ",  "1,5", "1_0", "1e400",    "-1e400", "1ee",
        "1e1.5", "--1", "-",   "e1",  "0.1.",     "1f",     "1e99999999999999999999999",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        double value = 42;
        CU_ASSERT_FALSE(str_to_double(str_of(bad[i]), &value));
        CU_ASSERT_EQUAL(value, 42);
    }
}

enum { LONG = 100000 };

/* Parses head, LONG times fill, tail. */
static bool read_long(const char *head, char fill, const char *tail, double *ret)
{
    size_t head_n = strlen(head), tail_n = strlen(tail);
    char *text = malloc(head_n + LONG + tail_n);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memcpy(text, head, head_n);
    memset(text + head_n, fill, LONG);
    memcpy(text + head_n + LONG, tail, tail_n);
    bool good = str_to_double((struct str){text, head_n + LONG + tail_n}, ret);
    free(text);
    return good;
}

static void long_runs_of_digits_count_to_the_last(void)
{
    double value = 42;

    CU_ASSERT_TRUE(read_long("0.", '0', "1e100001", &value));
    CU_ASSERT_EQUAL(value, 1);
    CU_ASSERT_TRUE(read_long("1", '0', "e-100000", &value));
    CU_ASSERT_EQUAL(value, 1);
    CU_ASSERT_TRUE(read_long("0.", '3', "", &value));
    CU_ASSERT_EQUAL(value, 1.0 / 3);
    /* half way between two doubles, and a far digit after it: rounds up if that is not zero */
    CU_ASSERT_TRUE(
        read_long("1.00000000000000011102230246251565404236316680908203125", '0', "0", &value));
    CU_ASSERT_EQUAL(value, 1);
    CU_ASSERT_TRUE(
        read_long("1.00000000000000011102230246251565404236316680908203125", '0', "1", &value));
    CU_ASSERT_EQUAL(value, 1.0000000000000002);
    value = 42;
    CU_ASSERT_FALSE(read_long("1", '0', "", &value));
    CU_ASSERT_EQUAL(value, 42);
}

void str_tests(void)
{
    CU_pSuite suite = CU_add_suite("str", NULL, NULL);

    CU_ADD_TEST(suite, equality_is_by_bytes_and_length);
    CU_ADD_TEST(suite, case_is_ignored_for_ascii_letters_only);
    CU_ADD_TEST(suite, null_is_the_empty_text);
    CU_ADD_TEST(suite, prefixes_are_found);
    CU_ADD_TEST(suite, order_is_by_unsigned_bytes_then_length);
    CU_ADD_TEST(suite, cut_takes_part_after_part);
    CU_ADD_TEST(suite, trim_takes_white_space_off_both_ends);
    CU_ADD_TEST(suite, integers_are_read_as_they_would_be_printed);
    CU_ADD_TEST(suite, what_is_not_an_integer_is_refused);
    CU_ADD_TEST(suite, integers_outside_of_the_limits_are_refused);
    CU_ADD_TEST(suite, doubles_are_read_to_the_nearest);
    CU_ADD_TEST(suite, printed_doubles_are_read_back);
    CU_ADD_TEST(suite, the_locale_has_no_say);
    CU_ADD_TEST(suite, minus_zero_keeps_its_sign);
    CU_ADD_TEST(suite, what_is_not_a_json_number_is_refused);
    CU_ADD_TEST(suite, long_runs_of_digits_count_to_the_last);
}
