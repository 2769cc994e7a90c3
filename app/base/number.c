/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/number.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 uint128;

static const double E12 = 1e12;

/* digits times ten to the power of exponent; digits has no zero at its end. */
struct decimal {
    uint64_t digits;
    int exponent;
};

static struct decimal without_zeros(struct decimal d)
{
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

/* The common cases, both of at most 15 digits. Decimals of up to 15 digits are all told apart by
 * doubles, so when one is the value no shorter one can be. A score is an integer below 10^15
 * divided by 10^12: both are exact as doubles, so the quotient is the double nearest to that
 * decimal. */
static bool decimal_of_count_or_score(double value, struct decimal *ret)
{
    uint64_t digits;

    if (value >= 1e15)
        return false;
    if (value == trunc(value)) {
        *ret = without_zeros((struct decimal){(uint64_t)value, 0});
        return true;
    }
    digits = value < 1000 ? (uint64_t)(value * E12 + 0.5) : 0;
    if (digits >= UINT64_C(1000000000000000) || (double)digits / E12 != value)
        return false;
    *ret = without_zeros((struct decimal){digits, -12});
    return true;
}

/* Without a decimal point for strtod to read, so the locale has no say. */
static double decimal_value(struct decimal d)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%" PRIu64 "e%d", d.digits, d.exponent);
    return strtod(text, NULL);
}

/* The decimal of so many digits that is nearest to value. Picks the digits out of printf's text and
 * steps over the decimal point, whatever the locale makes of it. */
static struct decimal decimal_nearest(double value, int digits)
{
    char text[64];
    struct decimal d = {0, 0};
    const char *p;

    (void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
    for (p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            d.digits = d.digits * 10 + (uint64_t)(*p - '0');
    d.exponent = (int)strtol(p + 1, NULL, 10) - (digits - 1);
    return d;
}

static bool is_power_of_two(double value)
{
    int exponent;

    return frexp(value, &exponent) == 0.5;
}

/* 17 digits always read back. Of 15 or fewer at most one reads back, so 15 may come first, but for
 * subnormal numbers, which are less precise. Below a power of two doubles lie closer than above it:
 * there the nearest decimal below may belong to the neighbour while the next one above does not
 * (2^-44 is 5.684341886080802e-14). */
static struct decimal decimal_shortest(double value)
{
    struct decimal d = {0, 0};

    if (decimal_of_count_or_score(value, &d))
        return d;
    for (int digits = value < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        d = decimal_nearest(value, digits);
        if (digits == 17 || decimal_value(d) == value)
            break;
        d.digits++;
        if (is_power_of_two(value) && decimal_value(d) == value)
            break;
    }
    return without_zeros(d);
}

struct text {
    char *p;
    size_t n;
};

static void text_put(struct text *text, const char *bytes, size_t n)
{
    memcpy(text->p + text->n, bytes, n);
    text->n += n;
}

static void text_zeros(struct text *text, int n)
{
    static const char zeros[] = "000000000000000000000";

    text_put(text, zeros, (size_t)n);
}

static int print_digits(uint64_t value, char ret_digits[20])
{
    char reversed[20];
    int n = 0;

    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (int i = 0; i < n; i++)
        ret_digits[i] = reversed[n - 1 - i];
    return n;
}

static void put_scientific(struct text *text, const char *digits, int n, int exponent)
{
    char number[20];

    text_put(text, digits, 1);
    if (n > 1) {
        text_put(text, ".", 1);
        text_put(text, digits + 1, (size_t)n - 1);
    }
    text_put(text, exponent < 0 ? "e-" : "e+", 2);
    n = print_digits((uint64_t)abs(exponent), number);
    text_put(text, number, (size_t)n);
}

/* Number::toString, steps 5 to 10: n digits, the decimal point behind the first `point` of them. */
static void put_decimal(struct text *text, struct decimal d)
{
    char digits[20];
    int n = print_digits(d.digits, digits);
    int point = n + d.exponent;

    if (point > 21 || point <= -6) {
        put_scientific(text, digits, n, point - 1);
    } else if (point >= n) {
        text_put(text, digits, (size_t)n);
        text_zeros(text, point - n);
    } else if (point > 0) {
        text_put(text, digits, (size_t)point);
        text_put(text, ".", 1);
        text_put(text, digits + point, (size_t)(n - point));
    } else {
        text_put(text, "0.", 2);
        text_zeros(text, -point);
        text_put(text, digits, (size_t)n);
    }
}

size_t number_print(double value, char ret_text[NUMBER_TEXT_MAX])
{
    struct text text = {ret_text, 0};

    assert(isfinite(value));
    if (value < 0)
        text_put(&text, "-", 1);
    if (value == 0)
        text_put(&text, "0", 1);
    else
        put_decimal(&text, decimal_shortest(fabs(value)));
    ret_text[text.n] = '\0';
    return text.n;
}

/* value is mantissa / 2^shift with integers, so value * 10^12 rounds exactly in integers. From 8192
 * on doubles lie further apart than 10^-12 and are their own nearest. Below, the rounded integer is
 * less than 2^53: exact as a double, and dividing it by 10^12 rounds once, as reading the printed
 * decimal would. */
double number_round12(double value)
{
    int exponent;

    if (!(fabs(value) < 8192))
        return value;
    uint64_t mantissa = (uint64_t)ldexp(frexp(fabs(value), &exponent), DBL_MANT_DIG);
    int shift = DBL_MANT_DIG - exponent; /* at least 40 */
    if (shift > 95)                      /* mantissa * 10^12 is below 2^93 */
        return copysign(0, value);
    uint128 scaled = (uint128)mantissa * UINT64_C(1000000000000);
    uint128 half = (uint128)1 << (shift - 1);
    uint128 rest = scaled & (half * 2 - 1);
    uint64_t rounded = (uint64_t)(scaled >> shift);
    if (rest > half || (rest == half && rounded % 2 == 1))
        rounded++;
    return copysign((double)rounded / E12, value);
}

double number_clamp(double value, double low, double high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}
