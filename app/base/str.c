/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparing, cutting and sorting of texts, and the two parsers of numbers. strtol and strtod alone
 * would not do: both accept too much (spaces, signs, hexadecimal, "inf"), and strtod follows the
 * locale.
 *
 * str_to_double splits the text by the grammar and collects the significant digits. Short numbers,
 * which are nearly all, are then converted by one exact division or multiplication; the others by
 * strtod, which gets a text without a decimal point. */
#include "app/base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct str str_of(const char *text)
{
    return text ? (struct str){text, strlen(text)} : STR("");
}

/* Does not call memcmp for empty texts, whose pointer may be NULL: memcmp must not get NULL. */
bool str_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

char ascii_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

/* Compares byte by byte with the letters A to Z in lower case; other bytes must be equal. */
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

/* Compares the bytes that both texts have; when these are equal, the shorter text comes first.
 * memcmp is not called for an empty text, whose pointer may be NULL. */
int str_compare(struct str a, struct str b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common == 0 ? 0 : memcmp(a.p, b.p, common);

    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

/* When there is no separator, *text becomes the empty text at the end of the old one. */
struct str str_cut(struct str *text, char separator)
{
    struct str all = *text;
    const char *found = all.n == 0 ? NULL : memchr(all.p, separator, all.n);

    if (!found) {
        *text = (struct str){all.n == 0 ? all.p : all.p + all.n, 0};
        return all;
    }
    struct str before = {all.p, (size_t)(found - all.p)};
    *text = (struct str){found + 1, all.n - before.n - 1};
    return before;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Removes white space at the end, then at the start. Only the view is changed, not the bytes. */
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

/* str_compare with the parameters that qsort and bsearch need. */
static int str_compare_items(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

void str_sort(struct str *texts, size_t n)
{
    if (n > 0) /* an empty list may have a NULL pointer, which qsort must not get */
        qsort(texts, n, sizeof(*texts), str_compare_items);
}

bool str_sorted_has(const struct str_list *sorted, struct str text)
{
    return sorted->n > 0 &&
           bsearch(&text, sorted->v, sorted->n, sizeof(*sorted->v), str_compare_items) != NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Returns the digits at the start of *s, maybe none, and moves *s past them. */
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

/* Moves *s past the character c, if *s begins with it; else returns false. */
static bool cut_char(struct str *s, char c)
{
    if (s->n == 0 || *s->p != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

/* Parses an optional minus and the digits. Each digit is subtracted, so that the value is negative
 * until the end: INT64_MIN has a greater magnitude than any positive int64_t. */
bool str_to_int64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = cut_char(&s, '-');
    struct str digits = cut_digits(&s);
    int64_t value = 0;

    if (s.n != 0 || digits.n == 0)
        return false;
    if (digits.p[0] == '0' && (digits.n > 1 || negative))
        return false;
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

/* The parts of a JSON number: -12.50e3 is negative, with whole "12", fraction "50" and exponent 3.
 */
struct number_parts {
    bool negative;
    struct str whole, fraction;
    int64_t exponent;
};

/* Largest exponent that is parsed; further digits of the exponent are ignored. No text in memory
 * has enough digits to bring a number with such an exponent back into the range of doubles. The
 * cap keeps int64_t from overflowing. */
static const int64_t EXPONENT_CAP = INT64_C(1000000000000000);

/* Parses what follows the e: an optional sign and digits. False when there is no digit. */
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

/* Splits s into the parts of a JSON number. False when s is not a JSON number (RFC 8259, section
 * 6). */
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

/* The value halfway between two neighbouring doubles has at most 767 significant digits. So of all
 * digits after the first DIGITS_MAX, rounding depends only on whether at least one is not zero. */
enum {
    DIGITS_MAX = 800,
    DIGITS_SIZE = DIGITS_MAX + 32 /* room for the 1 and the exponent that rounded_value appends */
};

/* A number without its sign and its decimal point. */
struct significant {
    char digits[DIGITS_SIZE]; /* the first n digits, without leading zeros; not NUL-terminated */
    size_t n;
    int64_t exponent;     /* the value is digits * 10^exponent */
    bool dropped_nonzero; /* a digit after the first DIGITS_MAX was not zero */
};

/* Appends digits to the number. Leading zeros are skipped. A digit for which there is no room is
 * dropped: the exponent grows by one instead, and dropped_nonzero records if it was not zero. */
static void significant_add(struct significant *number, struct str digits)
{
    for (size_t i = 0; i < digits.n; i++) {
        if (number->n == 0 && digits.p[i] == '0')
            continue;
        if (number->n < DIGITS_MAX) {
            number->digits[number->n++] = digits.p[i];
        } else {
            number->exponent++;
            number->dropped_nonzero |= digits.p[i] != '0';
        }
    }
}

/* Converts a short number exactly. Up to 15 digits, and powers of ten up to 10^22, are exact as
 * doubles, and one operation on two exact operands rounds correctly (Clinger, "How to read floating
 * point numbers accurately", 1990). False when the number has more digits or a larger exponent;
 * *ret is unchanged then. */
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

/* Converts a long number by strtod, whose text has no decimal point, so that the locale cannot
 * change its meaning. A 1 is appended for dropped digits that were not zero, so that the value is
 * rounded to the right side. The text is built in number->digits. */
static double rounded_value(struct significant *number)
{
    int64_t exponent = number->exponent;

    if (number->dropped_nonzero) {
        number->digits[number->n++] = '1';
        exponent--;
    }
    /* With at most 801 digits, all numbers with an exponent beyond these limits are infinite or
     * zero. */
    if (exponent > 400)
        exponent = 400;
    if (exponent < -2000)
        exponent = -2000;
    (void)snprintf(number->digits + number->n, sizeof(number->digits) - number->n, "e%d",
                   (int)exponent);
    return strtod(number->digits, NULL);
}

/* Splits the text, collects the significant digits and converts them. The fraction's digits are
 * appended to those of the whole number, so the exponent is reduced by their count. */
bool str_to_double(struct str s, double *ret)
{
    struct number_parts parts;
    struct significant number;
    double value = 0;

    if (!number_split(s, &parts))
        return false;
    number.n = 0;
    number.exponent = parts.exponent - (int64_t)parts.fraction.n;
    number.dropped_nonzero = false;
    significant_add(&number, parts.whole);
    significant_add(&number, parts.fraction);
    if (number.n > 0 && !exact_value(&number, &value))
        value = rounded_value(&number);
    if (!isfinite(value))
        return false;
    *ret = parts.negative ? -value : value;
    return true;
}
