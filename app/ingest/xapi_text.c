/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hand-written scanners for short texts. They read ASCII only and do not depend on the locale. */
#include "app/ingest/xapi_text.h"

#include "app/base/clock.h"

static bool xapi_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool xapi_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* An empty text is not hexadecimal. */
bool xapi_is_hex(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (!xapi_is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F'))
            return false;
    }
    return text.n > 0;
}

/* Cuts the scheme off at the first colon: a letter, then letters, digits and + - . are allowed. The
 * rest must not be empty and must have no control character, space or excluded character. */
bool xapi_is_iri(struct str text)
{
    struct str path = text, scheme = str_cut(&path, ':');

    if (scheme.n == 0 || path.n == 0 || !xapi_is_letter(scheme.p[0]))
        return false;
    for (size_t i = 1; i < scheme.n; i++) {
        if (!xapi_is_letter(scheme.p[i]) && !xapi_is_digit(scheme.p[i]) &&
            !strchr("+-.", scheme.p[i]))
            return false;
    }
    for (size_t i = 0; i < path.n; i++) {
        if ((unsigned char)path.p[i] <= 0x20 || strchr("<>\"{}|\\^`\x7f", path.p[i]))
            return false;
    }
    return true;
}

/* mailto:NAME@HOST with neither part empty. */
bool xapi_is_mailto(struct str text)
{
    const char *at = memchr(text.p, '@', text.n);

    return str_starts_with(text, STR("mailto:")) && xapi_is_iri(text) && at && at > text.p + 7 &&
           at + 1 < text.p + text.n;
}

/* A UUID has five groups of 8, 4, 4, 4 and 12 hexadecimal digits. The first digit of the fourth
 * group, text.p[19], is 8, 9, a or b in the variant of RFC 4122. */
bool xapi_is_uuid(struct str text)
{
    static const size_t lengths[] = {8, 4, 4, 4, 12};
    struct str unread = text;

    if (text.n != 36 || !strchr("89abAB", text.p[19]))
        return false;
    for (size_t i = 0; i < 5; i++) {
        struct str group = str_cut(&unread, '-');

        if (group.n != lengths[i] || !xapi_is_hex(group))
            return false;
    }
    return unread.n == 0;
}

/* A language tag consists of subtags of 1 to 8 letters and digits, separated by dashes. The first
 * subtag has letters only. */
bool xapi_is_language(struct str text)
{
    size_t length = 0;
    bool is_first_subtag = true;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '-' && length > 0) {
            length = 0;
            is_first_subtag = false;
        } else if ((xapi_is_letter(text.p[i]) || (!is_first_subtag && xapi_is_digit(text.p[i]))) &&
                   length < 8) {
            length++;
        } else {
            return false;
        }
    }
    return length > 0;
}

/* A version is 1.0. and a whole number. */
bool xapi_is_version(struct str text)
{
    int64_t patch;

    return str_starts_with(text, STR("1.0.")) &&
           str_to_int64((struct str){text.p + 4, text.n - 4}, 0, INT32_MAX, &patch);
}

/* time_parse requires a zone. A text that it refuses is tried again with Z appended, because xAPI
 * allows a time without a zone. */
bool xapi_parse_time(struct str text, int64_t *ret_ms)
{
    char with_zone[48];
    size_t n = text.n;

    if (n >= 6 && memcmp(text.p + n - 6, "-00:00", 6) == 0)
        return false; /* RFC 3339 allows the zone -00:00, ISO 8601 does not */
    if (time_parse(text, ret_ms))
        return true;
    if (n + 1 > sizeof(with_zone))
        return false;
    memcpy(with_zone, text.p, n);
    with_zone[n] = 'Z';
    return time_parse((struct str){with_zone, n + 1}, ret_ms);
}

/* ---- durations ---- */

/* The components of a duration in the order in which they must come. */
static const struct xapi_unit {
    char letter;
    bool is_time;   /* true: the component comes after the letter T */
    double seconds; /* length of one unit */
} units[] = {
    {'Y', false, 365 * 86400.0},
    {'M', false, 30 * 86400.0},
    {'W', false, 7 * 86400.0},
    {'D', false, 86400},
    {'H', true, 3600},
    {'M', true, 60},
    {'S', true, 1},
};
/* DIGITS_MAX: the number of decimal digits that a double holds exactly; longer numbers are
 * refused. */
enum { UNITS = sizeof(units) / sizeof(units[0]), DIGITS_MAX = 15 };

/* Cuts a decimal number, digits with perhaps a point between them, off the start of *text. Sets
 * *ret to its value and *ret_fraction to whether it has a point. False when there is no such
 * number. */
static bool xapi_cut_number(struct str *text, double *ret, bool *ret_fraction)
{
    double value = 0, scale = 1;
    size_t n = 0;
    bool fraction = false;

    for (; n < text->n && n < DIGITS_MAX && (xapi_is_digit(text->p[n]) || text->p[n] == '.'); n++) {
        if (text->p[n] == '.') {
            if (fraction || n == 0)
                return false;
            fraction = true;
        } else {
            value = value * 10 + (text->p[n] - '0');
            scale *= fraction ? 10 : 1;
        }
    }
    if (n == 0 || text->p[n - 1] == '.')
        return false;
    *text = (struct str){text->p + n, text->n - n};
    *ret = value / scale;
    *ret_fraction = fraction;
    return true;
}

/* Returns the index in `units` of the unit with that letter, at `first` or later; UNITS when there
 * is none. */
static size_t xapi_find_unit(char letter, bool is_time, size_t first)
{
    size_t i = first;

    while (i < UNITS && !(units[i].letter == letter && units[i].is_time == is_time))
        i++;
    return i;
}

/* A duration is P, then components from the longest unit to the shortest, with T before the first
 * of hours, minutes and seconds. Weeks cannot be combined with other units, and nothing may follow
 * a component with a fraction. Each pass of the loop reads one component. */
bool xapi_parse_duration(struct str text, double *ret_seconds)
{
    struct str unread = text;
    double seconds = 0, value = 0;
    size_t next_unit = 0;
    bool is_time = false, fraction = false, weeks = false;

    if (text.n < 3 || str_cut(&unread, 'P').n > 0 || unread.n + 1 != text.n)
        return false;
    while (unread.n > 0) {
        size_t unit;

        if (unread.p[0] == 'T' && !is_time && unread.n > 1) {
            is_time = true;
            unread = (struct str){unread.p + 1, unread.n - 1};
        }
        if (fraction || weeks || !xapi_cut_number(&unread, &value, &fraction) || unread.n == 0)
            return false;
        unit = xapi_find_unit(unread.p[0], is_time, next_unit);
        if (unit == UNITS || (units[unit].letter == 'W' && next_unit > 0))
            return false;
        weeks = units[unit].letter == 'W';
        next_unit = unit + 1;
        seconds += value * units[unit].seconds;
        unread = (struct str){unread.p + 1, unread.n - 1};
    }
    *ret_seconds = seconds;
    return true;
}
