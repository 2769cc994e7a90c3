/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hand-written scanners for short texts. They read ASCII only and do not depend on the locale. */
#include "app/ingest/xapi_text.h"

#include <math.h>

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
 * rest must not be empty, and must not contain control characters, spaces or excluded characters.
 */
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

/* The form is mailto:NAME@HOST with neither part empty. NAME begins after 7 characters. */
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

/* A version is 1.0. or 2.0. and a whole number. */
bool xapi_is_version(struct str text)
{
    int64_t patch;

    return (str_starts_with(text, STR("1.0.")) || str_starts_with(text, STR("2.0."))) &&
           str_to_int64((struct str){text.p + 4, text.n - 4}, 0, INT32_MAX, &patch);
}

/* Cuts the character off the start of *text if it is there, and returns whether it was. */
static bool xapi_skip(struct str *text, char c)
{
    if (text->n == 0 || text->p[0] != c)
        return false;
    *text = (struct str){text->p + 1, text->n - 1};
    return true;
}

/* ---- times ---- */

/* Cuts this number of digits off the start of *text, and sets *ret to their value. Returns false
 * when there are fewer. */
static bool xapi_cut_whole(struct str *text, size_t digits, int *ret)
{
    int value = 0;

    if (text->n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (!xapi_is_digit(text->p[i]))
            return false;
        value = value * 10 + (text->p[i] - '0');
    }
    *text = (struct str){text->p + digits, text->n - digits};
    *ret = value;
    return true;
}

/* Cuts a part of two digits, such as the month, off the start of *text. In the extended form a
 * separator precedes it, in the basic form nothing. Returns false when it is not there. */
static bool xapi_cut_part(struct str *text, char separator, bool basic, int *ret)
{
    return (basic || xapi_skip(text, separator)) && xapi_cut_whole(text, 2, ret);
}

/* Cuts a fraction, which begins with a point or comma, off the start of *text and sets *ret to its
 * value, such as 0.25; to 0 when there is none. Digits after the ninth are dropped. Returns false
 * for a point or comma without a digit after it. */
static bool xapi_cut_fraction(struct str *text, double *ret)
{
    double scale = 0.1;

    *ret = 0;
    if (!xapi_skip(text, '.') && !xapi_skip(text, ','))
        return true;
    if (text->n == 0 || !xapi_is_digit(text->p[0]))
        return false;
    for (; text->n > 0 && xapi_is_digit(text->p[0]);
         *text = (struct str){text->p + 1, text->n - 1}) {
        if (scale > 1e-9)
            *ret += (text->p[0] - '0') * scale;
        scale /= 10;
    }
    return true;
}

/* Sets *ret to the day (counted from 1970-01-01) with this number in the year: 1 is the first of
 * January. Returns false when the year has no such day. */
static bool xapi_ordinal_day(int year, int ordinal, int32_t *ret)
{
    int32_t next;

    if (!day_make(year, 1, 1, ret) || !day_make(year + 1, 1, 1, &next))
        return false;
    *ret += ordinal - 1;
    return ordinal >= 1 && *ret < next;
}

/* Returns the Monday of the week of a day. Days are counted from 1970-01-01, a Thursday, so that
 * day + 3 is a multiple of 7 on Mondays. + 7) % 7 makes the remainder positive for earlier days. */
static int32_t xapi_monday(int32_t day)
{
    return day - ((day + 3) % 7 + 7) % 7;
}

/* Sets *ret to the day (counted from 1970-01-01) of a week of the year. Week 1 is that of 4
 * January; weekday 1 is Monday. Returns false when the year has no such week, or the week no such
 * day. */
static bool xapi_week_day(int year, int week, int weekday, int32_t *ret)
{
    int32_t next;

    if (!day_make(year, 1, 1, ret) || !day_make(year + 1, 1, 1, &next))
        return false;
    *ret = xapi_monday(*ret + 3) + (week - 1) * 7 + weekday - 1;
    return week >= 1 && weekday >= 1 && weekday <= 7 && *ret < xapi_monday(next + 3);
}

/* Cuts a date off the start of *text: year, month and day; year and day of the year (2026-031); or
 * year, week and day of the week (2026-W05-6). Sets *ret_day to the day, counted from 1970-01-01,
 * and *ret_basic to whether the date is without dashes. Returns false when it is not valid. */
static bool xapi_cut_date(struct str *text, bool *ret_basic, int32_t *ret_day)
{
    int year, part, day;
    size_t digits = 0;

    if (!xapi_cut_whole(text, 4, &year))
        return false;
    *ret_basic = !xapi_skip(text, '-');
    if (xapi_skip(text, 'W'))
        return xapi_cut_whole(text, 2, &part) && (*ret_basic || xapi_skip(text, '-')) &&
               xapi_cut_whole(text, 1, &day) && xapi_week_day(year, part, day, ret_day);
    while (digits < text->n && xapi_is_digit(text->p[digits]))
        digits++;
    if (digits == 3)
        return xapi_cut_whole(text, 3, &day) && xapi_ordinal_day(year, day, ret_day);
    return xapi_cut_whole(text, 2, &part) && xapi_cut_part(text, '-', *ret_basic, &day) &&
           day_make(year, part, day, ret_day);
}

/* Cuts the time of day off the start of *text, and sets *ret_ms to the milliseconds since midnight.
 * It has hours, then minutes, then seconds (i is the number of these that were read); the last of
 * them may have a fraction. 24:00 is the end of the day. Second 60, a leap second, counts as
 * 59.999, as in time_parse. */
static bool xapi_cut_time_of_day(struct str *text, bool basic, int64_t *ret_ms)
{
    static const int unit_ms[] = {3600000, 60000, 1000}, most[] = {24, 59, 60};
    double fraction;
    bool leap = false;
    int part, i = 0;

    *ret_ms = 0;
    for (; i == 0 ||
           (i < 3 && text->n > 0 && (basic ? xapi_is_digit(text->p[0]) : text->p[0] == ':'));
         i++) {
        if (!xapi_cut_part(text, ':', basic || i == 0, &part) || part > most[i])
            return false;
        leap = i == 2 && part == 60;
        *ret_ms += leap ? 59999 : (int64_t)part * unit_ms[i];
    }
    if (!xapi_cut_fraction(text, &fraction))
        return false;
    if (!leap) /* 1e-6: 0.57 * 1000 may be below 570 */
        *ret_ms += (int64_t)floor(fraction * unit_ms[i - 1] + 1e-6);
    return *ret_ms <= DAY_MS;
}

/* Cuts the zone off the start of *text, and sets *ret_minutes to its distance from UTC, negative in
 * the west. The zone is Z, nothing (which also means UTC), or hours with or without minutes. ISO
 * 8601 does not allow -00:00. */
static bool xapi_cut_zone(struct str *text, bool basic, int *ret_minutes)
{
    bool west = xapi_skip(text, '-');
    int hours = 0, minutes = 0;

    *ret_minutes = 0;
    if (!west && !xapi_skip(text, '+')) {
        (void)(xapi_skip(text, 'Z') || xapi_skip(text, 'z'));
        return true;
    }
    if (!xapi_cut_whole(text, 2, &hours) ||
        (text->n > 0 && !xapi_cut_part(text, ':', basic, &minutes)))
        return false;
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return hours <= 23 && minutes <= 59 && (!west || *ret_minutes < 0);
}

/* Cuts the separator between date and time of day: T, or a character that RFC 3339 allows in its
 * place. */
static bool xapi_skip_separator(struct str *text)
{
    return xapi_skip(text, 'T') || xapi_skip(text, 't') || xapi_skip(text, ' ');
}

/* Date, time of day and zone must all have the basic form (20260131T120000Z) or all the extended
 * form (2026-01-31T12:00:00Z). */
bool xapi_parse_time(struct str text, int64_t *ret_ms)
{
    int32_t day;
    int64_t time_of_day;
    bool basic;
    int zone;

    if (!xapi_cut_date(&text, &basic, &day) || !xapi_skip_separator(&text) ||
        !xapi_cut_time_of_day(&text, basic, &time_of_day) || !xapi_cut_zone(&text, basic, &zone) ||
        text.n > 0)
        return false;
    *ret_ms = day_start_ms(day) + time_of_day - zone * INT64_C(60000);
    return true;
}

/* ---- durations ---- */

/* The components of a duration in the order in which they must come. */
static const struct xapi_unit {
    char letter;
    bool is_time;   /* true: comes after the letter T, as the minutes in PT5M */
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
enum { UNITS = sizeof(units) / sizeof(units[0]), DIGITS_MAX = 15 };

/* Cuts digits off the start of *text and returns their value, 0 when there are none. Only the first
 * DIGITS_MAX digits are used, as many as a double holds exactly; *ret_n counts all digits. */
static double xapi_cut_digits(struct str *text, size_t *ret_n)
{
    double value = 0;
    size_t n = 0;

    for (; n < text->n && xapi_is_digit(text->p[n]); n++) {
        if (n < DIGITS_MAX)
            value = value * 10 + (text->p[n] - '0');
    }
    *text = (struct str){text->p + n, text->n - n};
    *ret_n = n;
    return value;
}

/* Cuts a decimal number off the start of *text: digits, optionally with a point or comma and more
 * digits. Sets *ret to its value and *ret_fraction to whether it has a point or comma. Returns
 * false when there is no such number, or when its whole part is implausibly long. */
static bool xapi_cut_number(struct str *text, double *ret, bool *ret_fraction)
{
    double fraction;
    size_t n;

    *ret = xapi_cut_digits(text, &n);
    *ret_fraction = false;
    if (n == 0 || n > DIGITS_MAX)
        return false;
    *ret_fraction = xapi_skip(text, '.') || xapi_skip(text, ',');
    if (!*ret_fraction)
        return true;
    fraction = xapi_cut_digits(text, &n);
    *ret += fraction / pow(10, (double)(n < DIGITS_MAX ? n : DIGITS_MAX));
    return n > 0;
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
 * of hours, minutes and seconds. Weeks cannot be combined with other units, and only the last
 * component may have a fraction. Each pass of the loop reads one component. */
bool xapi_parse_duration(struct str text, double *ret_seconds)
{
    struct str unread = text;
    double seconds = 0, value = 0;
    size_t next_unit = 0;
    bool is_time = false, fraction = false, weeks = false;

    /* the text must begin with P: str_cut must find it, with nothing before it */
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
    *ret_seconds = floor(seconds * 1000 + 1e-6) / 1000; /* 1e-6: 3.71 * 1000 may be below 3710 */
    return true;
}
