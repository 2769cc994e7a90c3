/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints and rounds doubles. printf has no format for the shortest decimal and follows the locale,
 * so the C library only converts between doubles and digits without a decimal point. */
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

/* The value digits * 10^exponent; digits does not end with a zero. */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* Moves the zeros at the end of the digits into the exponent. The digits must not be 0. */
static struct decimal without_zeros(struct decimal decimal)
{
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    return decimal;
}

/* Finds the shortest decimal of a number with few decimals or of a score (at most 12 decimals),
 * both with at most 15 digits, without printf. value is above 0. Returns false when value is
 * neither; *ret is unchanged then. Different decimals of up to 15 digits have different doubles, so
 * a decimal that reads back as value is the shortest one. It is an integer below 10^15 divided by a
 * power of ten up to 10^12: both are exact as doubles, so the quotient is the double nearest to
 * that decimal. Most numbers have no more than 3 decimals, and few zeros to remove then. */
static bool decimal_of_few_digits(double value, struct decimal *ret)
{
    static const struct {
        double power;
        int exponent;
    } scales[] = {{1, 0}, {1e3, -3}, {1e12, -12}};

    for (size_t i = 0; i < sizeof(scales) / sizeof(*scales); i++) {
        double scaled = value * scales[i].power + 0.5;

        if (scaled < 1e15 && trunc(scaled) / scales[i].power == value) {
            *ret = without_zeros((struct decimal){(uint64_t)scaled, scales[i].exponent});
            return true;
        }
    }
    return false;
}

/* Returns the double nearest to a decimal. The text that strtod gets has no decimal point, so the
 * locale cannot change its meaning. */
static double decimal_value(struct decimal decimal)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%" PRIu64 "e%d", decimal.digits, decimal.exponent);
    return strtod(text, NULL);
}

/* Returns the decimal of digit_count digits that is nearest to value. Reads only the digits of
 * printf's text and skips the decimal point, which depends on the locale. */
static struct decimal decimal_nearest(double value, int digit_count)
{
    char text[64];
    struct decimal decimal = {0, 0};
    const char *p;

    (void)snprintf(text, sizeof(text), "%.*e", digit_count - 1, value);
    for (p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            decimal.digits = decimal.digits * 10 + (uint64_t)(*p - '0');
    decimal.exponent = (int)strtol(p + 1, NULL, 10) - (digit_count - 1);
    return decimal;
}

/* frexp gives the mantissa of value, in [0.5, 1). */
static bool is_power_of_two(double value)
{
    int exponent;

    return frexp(value, &exponent) == 0.5;
}

/* Returns the shortest decimal that reads back as value, which is above 0. 17 digits always do. At
 * most one decimal of 15 or fewer digits does, so the search starts at 15 digits; the zeros at its
 * end are removed afterwards. Subnormal numbers are less precise, so for them the search starts at
 * 1 digit. A power of two has closer neighbours below than above: the decimal nearest to it may
 * then read back as the neighbour below, while the next larger decimal reads back as value (2^-44
 * is 5.684341886080802e-14). */
static struct decimal decimal_shortest(double value)
{
    struct decimal decimal = {0, 0};

    if (decimal_of_few_digits(value, &decimal)) /* the usual case, found without printf */
        return decimal;
    for (int digit_count = value < DBL_MIN ? 1 : 15; digit_count <= 17; digit_count++) {
        decimal = decimal_nearest(value, digit_count);
        if (digit_count == 17 || decimal_value(decimal) == value)
            break;
        if (!is_power_of_two(value))
            continue;
        decimal.digits++; /* the next larger decimal */
        if (decimal_value(decimal) == value)
            break;
    }
    return without_zeros(decimal);
}

/* A text in a buffer of the caller with NUMBER_TEXT_MAX bytes, which is enough for every number. */
struct text {
    char *p;
    size_t n;
};

/* Appends n bytes to the text. */
static void text_put(struct text *text, const char *bytes, size_t n)
{
    memcpy(text->p + text->n, bytes, n);
    text->n += n;
}

/* Appends n zeros to the text; put_decimal needs 21 at most. */
static void text_zeros(struct text *text, int n)
{
    static const char zeros[] = "000000000000000000000";

    text_put(text, zeros, (size_t)n);
}

/* Writes the decimal digits of value, without a NUL. Returns how many. */
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

/* Writes the n digits as d.ddde+x, where exponent is the power of ten of the first digit. */
static void put_scientific(struct text *text, const char *digits, int n, int exponent)
{
    char exponent_digits[20];

    text_put(text, digits, 1);
    if (n > 1) {
        text_put(text, ".", 1);
        text_put(text, digits + 1, (size_t)n - 1);
    }
    text_put(text, exponent < 0 ? "e-" : "e+", 2);
    n = print_digits((uint64_t)abs(exponent), exponent_digits);
    text_put(text, exponent_digits, (size_t)n);
}

/* Writes d in the notation of ECMAScript's Number::toString, steps 5 to 10. `point`: how many
 * digits are before the decimal point; 0 or negative when the number begins with "0." and so many
 * zeros. */
static void put_decimal(struct text *text, struct decimal decimal)
{
    char digits[20];
    int n = print_digits(decimal.digits, digits);
    int point = n + decimal.exponent;

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

/* Prints the sign, then the digits of the magnitude. 0 is printed by itself, because
 * decimal_shortest needs a value above 0; -0 therefore has no sign. */
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

/* Rounds to 12 decimals. value is mantissa / 2^shift (both whole numbers), so value * 10^12 can be
 * rounded exactly with integers. From 8192 on, neighbouring doubles differ by more than 10^-12, so
 * rounding changes nothing; NaN is returned unchanged, too. Below 8192, the rounded integer is less
 * than 2^53 and therefore exact as a double; dividing it by 10^12 rounds once, as parsing the
 * printed decimal would. */
double number_round12(double value)
{
    int exponent;

    if (!(fabs(value) < 8192))
        return value;
    uint64_t mantissa = (uint64_t)ldexp(frexp(fabs(value), &exponent), DBL_MANT_DIG);
    int shift = DBL_MANT_DIG - exponent; /* at least 40, as value is below 2^13 */
    if (shift > 95) /* the result is 0, because mantissa * 10^12 is below 2^93 */
        return copysign(0, value);
    uint128 scaled = (uint128)mantissa * UINT64_C(1000000000000);
    uint128 half = (uint128)1 << (shift - 1);
    uint128 remainder = scaled & (half * 2 - 1);
    uint64_t rounded = (uint64_t)(scaled >> shift);
    if (remainder > half || (remainder == half && rounded % 2 == 1))
        rounded++;
    return copysign((double)rounded / 1e12, value);
}

double number_clamp(double value, double low, double high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}
