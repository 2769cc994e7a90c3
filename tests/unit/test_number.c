/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/number.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void number_tests(void);

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static bool prints(double value, const char *expected)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = number_print(value, text);

    if (n == strlen(expected) && strcmp(text, expected) == 0)
        return true;
    printf("\n  %.17g printed as %s, not %s\n", value, text, expected);
    return false;
}

static void decimals_are_those_of_ecmascript(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.83, "0.83"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {4.35, "4.35"},
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {100, "100"},
        {-0.5, "-0.5"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {123456789012345680.0, "123456789012345680"},
        {999999999999999.0, "999999999999999"},
        {1000000000000000.0, "1000000000000000"},
        {999.999999999999, "999.999999999999"},
        {1000.5, "1000.5"},
        {0.000123456789, "0.000123456789"},
        {4.5, "4.5"},
        {2e-3, "0.002"},
        {1e-27, "1e-27"},
        {1e30, "1e+30"},
        {0.1, "0.1"},
        /* A power of two: the nearest decimal of 16 digits is below and belongs to the neighbour.
         */
        {0x1p-44, "5.684341886080802e-14"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_TRUE(prints(rows[i].value, rows[i].text));
}

static void decimals_are_those_of_rfc8785(void)
{
    static const struct {
        uint64_t bits;
        const char *text;
    } rows[] = {
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_TRUE(prints(double_of(rows[i].bits), rows[i].text));
}

/* Marsaglia's xorshift64: the same numbers at every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int significant_digits(const char *text)
{
    int n = 0, zeros = 0;

    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0'))
            continue;
        n++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return n - zeros;
}

static bool reads_back_and_is_shortest(double value)
{
    char text[NUMBER_TEXT_MAX], shorter[64];
    size_t n = number_print(value, text);
    int digits = significant_digits(text);

    if (n >= NUMBER_TEXT_MAX || text[n] != '\0' || bits_of(strtod(text, NULL)) != bits_of(value))
        return false;
    if (digits == 1)
        return true;
    (void)snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, value);
    return strtod(shorter, NULL) != value;
}

static void random_doubles_read_back_from_the_shortest_text(void)
{
    uint64_t state = 88172645463325252;
    int wrong = 0;

    for (int i = 0; i < 100000; i++) {
        double any = double_of(next_random(&state));
        double share = (double)(next_random(&state) >> 11) * 0x1p-53;
        double score = (double)(next_random(&state) % 1000001) / 1e6;
        wrong += isfinite(any) && any != 0 && !reads_back_and_is_shortest(any);
        wrong += share != 0 && !reads_back_and_is_shortest(share);
        wrong += score != 0 && !reads_back_and_is_shortest(score);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* Every power of two, subnormal ones too, reads back: there the gaps on both sides differ. */
static void powers_of_two_read_back(void)
{
    int wrong = 0;

    for (int exponent = -1074; exponent <= 1023; exponent++)
        wrong += !reads_back_and_is_shortest(ldexp(1, exponent));
    CU_ASSERT_EQUAL(wrong, 0);
}

/* Runs in a locale with a decimal comma, if one is installed, and always in the C locale. */
static void the_locale_has_no_say(void)
{
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "C"};
    char before[64];

    (void)snprintf(before, sizeof(before), "%s", setlocale(LC_NUMERIC, NULL));
    for (size_t i = 0; i < COUNT(locales); i++) {
        if (!setlocale(LC_NUMERIC, locales[i]))
            continue;
        CU_ASSERT_TRUE(prints(0.83, "0.83"));
        CU_ASSERT_TRUE(prints(1.0 / 3, "0.3333333333333333"));
        CU_ASSERT_TRUE(prints(1.5e300, "1.5e+300"));
        CU_ASSERT_TRUE(prints(1234567.5, "1234567.5"));
    }
    CU_ASSERT_PTR_NOT_NULL(setlocale(LC_NUMERIC, before));
}

static void rounding_is_exact_on_the_binary_value(void)
{
    static const struct {
        double value, rounded;
    } rows[] = {
        {0.8300000000000001, 0.83},
        {0.8400000000000001, 0.84},
        {0.39999999999999, 0.4},
        {0.5999999999999996, 0.6},
        {0.399999999999, 0.399999999999},
        {0.0001220703125, 0.000122070312},
        {0.0003662109375, 0.000366210938},
        {-0.0001220703125, -0.000122070312},
        {-0.0003662109375, -0.000366210938},
        {0.3999999999995, 0.399999999999},
        {0.7593295744555, 0.759329574455},
        {0.5837819406405, 0.583781940641},
        {0.0586218993495, 0.058621899349},
        {4e-13, 0},
        {6e-13, 1e-12},
        {0x1p-1074, 0},
        {1, 1},
        {8191.999999999999, 8191.999999999999},
        {8192.000000000002, 8192.000000000002},
        {1e300, 1e300},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(bits_of(number_round12(rows[i].value)), bits_of(rows[i].rounded));
    CU_ASSERT_TRUE(signbit(number_round12(-0.0)));
    CU_ASSERT_TRUE(signbit(number_round12(-1e-13)));
    CU_ASSERT_TRUE(isnan(number_round12((double)NAN)));
    CU_ASSERT_TRUE(isinf(number_round12((double)INFINITY)));
}

static double by_printing(double value)
{
    char text[400];

    (void)snprintf(text, sizeof(text), "%.12f", value);
    return strtod(text, NULL);
}

static void rounding_equals_printing_twelve_decimals(void)
{
    uint64_t state = 362436069362436069;
    int wrong = 0;

    for (int i = 0; i < 100000; i++) {
        double share = (double)(next_random(&state) >> 11) * 0x1p-53;
        double near_tie = ((double)(next_random(&state) % 1000000000000) + 0.5) / 1e12;
        double tie = (double)(next_random(&state) % (1 << 26)) * 0x1p-13;
        int scale = (int)(next_random(&state) % 70) - 124;
        double any = ldexp((double)(int64_t)next_random(&state), scale);
        const double values[] = {share, near_tie, tie, -tie, any};
        for (size_t j = 0; j < COUNT(values); j++)
            wrong += bits_of(number_round12(values[j])) != bits_of(by_printing(values[j]));
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void clamping_keeps_what_lies_between(void)
{
    CU_ASSERT_EQUAL(number_clamp(0.5, 0, 1), 0.5);
    CU_ASSERT_EQUAL(number_clamp(-0.5, 0, 1), 0);
    CU_ASSERT_EQUAL(number_clamp(1.5, 0, 1), 1);
    CU_ASSERT_EQUAL(number_clamp(1, 0, 1), 1);
    CU_ASSERT_EQUAL(number_clamp((double)INFINITY, 0, 1), 1);
}

void number_tests(void)
{
    CU_pSuite suite = CU_add_suite("number", NULL, NULL);

    CU_ADD_TEST(suite, decimals_are_those_of_ecmascript);
    CU_ADD_TEST(suite, decimals_are_those_of_rfc8785);
    CU_ADD_TEST(suite, random_doubles_read_back_from_the_shortest_text);
    CU_ADD_TEST(suite, powers_of_two_read_back);
    CU_ADD_TEST(suite, the_locale_has_no_say);
    CU_ADD_TEST(suite, rounding_is_exact_on_the_binary_value);
    CU_ADD_TEST(suite, rounding_equals_printing_twelve_decimals);
    CU_ADD_TEST(suite, clamping_keeps_what_lies_between);
}
