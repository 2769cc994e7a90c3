/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct str str_of(const char *text)
{
    return text ? (struct str){text, strlen(text)} : STR("");
}

/* The pointer of an empty text may be NULL, which memcmp must not get. */
bool str_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char ascii_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_equal((struct str){s.p, prefix.n}, prefix);
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common == 0 ? 0 : memcmp(a.p, b.p, common);

    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

struct str str_cut(struct str *rest, char separator)
{
    struct str all = *rest;
    const char *found = all.n == 0 ? NULL : memchr(all.p, separator, all.n);

    if (!found) {
        *rest = (struct str){all.n == 0 ? all.p : all.p + all.n, 0};
        return all;
    }
    struct str part = {all.p, (size_t)(found - all.p)};
    *rest = (struct str){found + 1, all.n - part.n - 1};
    return part;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at the start of *s, which moves behind them. */
static struct str cut_digits(struct str *s)
{
    struct str digits = {s->p, 0};

    while (s->n > 0 && is_digit(*s->p)) {
        s->p++;
        s->n--;
        digits.n++;
    }
    return digits;
}

static bool cut_char(struct str *s, char c)
{
    if (s->n == 0 || *s->p != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

bool str_to_int64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = cut_char(&s, '-');
    struct str digits = cut_digits(&s);
    int64_t value = 0;

    if (s.n != 0 || digits.n == 0)
        return false;
    if (digits.p[0] == '0' && (digits.n > 1 || negative))
        return false;
    /* Summed up below zero, where INT64_MIN has room. */
    for (size_t i = 0; i < digits.n; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digits.p[i] - '0', &value))
            return false;
    if (!negative && __builtin_sub_overflow(INT64_C(0), value, &value))
        return false;
    if (value < min || value > max)
        return false;
    *ret = value;
    return true;
}

/* A JSON number taken apart. */
struct number_parts {
    bool negative;
    struct str whole, fraction;
    int64_t
        exponent; /* as written, or beyond EXPONENT_CAP: more than any length of digits undoes */
};

static const int64_t EXPONENT_CAP = INT64_C(1000000000000000);

static bool cut_exponent(struct str *s, int64_t *ret)
{
    bool negative = cut_char(s, '-');

    if (!negative)
        (void)cut_char(s, '+');
    struct str digits = cut_digits(s);
    int64_t value = 0;
    for (size_t i = 0; i < digits.n && value < EXPONENT_CAP; i++)
        value = value * 10 + (digits.p[i] - '0');
    *ret = negative ? -value : value;
    return digits.n > 0;
}

static bool number_split(struct str s, struct number_parts *ret)
{
    *ret = (struct number_parts){.negative = cut_char(&s, '-')};
    ret->whole = cut_digits(&s);
    if (ret->whole.n == 0 || (ret->whole.n > 1 && ret->whole.p[0] == '0'))
        return false;
    if (cut_char(&s, '.')) {
        ret->fraction = cut_digits(&s);
        if (ret->fraction.n == 0)
            return false;
    }
    if ((cut_char(&s, 'e') || cut_char(&s, 'E')) && !cut_exponent(&s, &ret->exponent))
        return false;
    return s.n == 0;
}

/* The points halfway between two doubles have at most 767 significant digits, so of what comes
 * behind DIGITS_KEPT it matters only whether it is zero. */
enum { DIGITS_KEPT = 800, DIGITS_SIZE = DIGITS_KEPT + 32 };

struct significant {
    char digits[DIGITS_SIZE];
    size_t n;
    int64_t exponent; /* the value is digits times ten to the power of this */
    bool more;        /* something that is not zero was cut off */
};

static void significant_add(struct significant *number, struct str digits)
{
    for (size_t i = 0; i < digits.n; i++) {
        if (number->n == 0 && digits.p[i] == '0')
            continue;
        if (number->n < DIGITS_KEPT) {
            number->digits[number->n++] = digits.p[i];
        } else {
            number->exponent++;
            number->more |= digits.p[i] != '0';
        }
    }
}

/* At most 15 digits and a power of ten that is exact as a double: one correctly rounded operation
 * on two exact operands (Clinger). */
static bool exact_value(const struct significant *number, double *ret)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t mantissa = 0;

    if (number->n > 15 || number->exponent < -22 || number->exponent > 22)
        return false;
    for (size_t i = 0; i < number->n; i++)
        mantissa = mantissa * 10 + (number->digits[i] - '0');
    if (number->exponent < 0)
        *ret = (double)mantissa / powers[-number->exponent];
    else
        *ret = (double)mantissa * powers[number->exponent];
    return true;
}

/* strtod gets no decimal point to read, so the locale has no say. */
static double rounded_value(struct significant *number)
{
    int64_t exponent = number->exponent;

    if (number->more) {
        number->digits[number->n++] = '1';
        exponent--;
    }
    /* With 801 digits at most, all beyond these limits is infinite or zero. */
    if (exponent > 400)
        exponent = 400;
    if (exponent < -2000)
        exponent = -2000;
    (void)snprintf(number->digits + number->n, sizeof(number->digits) - number->n, "e%d",
                   (int)exponent);
    return strtod(number->digits, NULL);
}

bool str_to_double(struct str s, double *ret)
{
    struct number_parts parts;
    struct significant number;
    double value = 0;

    if (!number_split(s, &parts))
        return false;
    number.n = 0;
    number.exponent = parts.exponent - (int64_t)parts.fraction.n;
    number.more = false;
    significant_add(&number, parts.whole);
    significant_add(&number, parts.fraction);
    if (number.n > 0 && !exact_value(&number, &value))
        value = rounded_value(&number);
    if (!isfinite(value))
        return false;
    *ret = parts.negative ? -value : value;
    return true;
}
