/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ingest/xapi_text.h"

#include "app/base/clock.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool xapi_is_hex(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F'))
            return false;
    }
    return text.n > 0;
}

/* A scheme, a colon, and something without white space or what no IRI may hold. */
bool xapi_is_iri(struct str text)
{
    struct str rest = text, scheme = str_cut(&rest, ':');

    if (scheme.n == 0 || rest.n == 0 || !is_letter(scheme.p[0]))
        return false;
    for (size_t i = 1; i < scheme.n; i++) {
        if (!is_letter(scheme.p[i]) && !is_digit(scheme.p[i]) && !strchr("+-.", scheme.p[i]))
            return false;
    }
    for (size_t i = 0; i < rest.n; i++) {
        if ((unsigned char)rest.p[i] <= 0x20 || strchr("<>\"{}|\\^`\x7f", rest.p[i]))
            return false;
    }
    return true;
}

bool xapi_is_mailto(struct str text)
{
    const char *at = memchr(text.p, '@', text.n);

    return str_starts_with(text, STR("mailto:")) && xapi_is_iri(text) && at && at > text.p + 7 &&
           at + 1 < text.p + text.n;
}

/* 8-4-4-4-12 digits, the variant that of RFC 4122. */
bool xapi_is_uuid(struct str text)
{
    static const size_t lengths[] = {8, 4, 4, 4, 12};
    struct str rest = text;

    if (text.n != 36 || !strchr("89abAB", text.p[19]))
        return false;
    for (size_t i = 0; i < 5; i++) {
        struct str part = str_cut(&rest, '-');

        if (part.n != lengths[i] || !xapi_is_hex(part))
            return false;
    }
    return rest.n == 0;
}

/* Subtags of 1 to 8 letters and digits with dashes between; the first one letters only. */
bool xapi_is_language(struct str text)
{
    size_t run = 0;
    bool first = true;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '-' && run > 0) {
            run = 0;
            first = false;
        } else if ((is_letter(text.p[i]) || (!first && is_digit(text.p[i]))) && run < 8) {
            run++;
        } else {
            return false;
        }
    }
    return run > 0;
}

bool xapi_is_version(struct str text)
{
    int64_t patch;

    return str_starts_with(text, STR("1.0.")) &&
           str_to_int64((struct str){text.p + 4, text.n - 4}, 0, INT32_MAX, &patch);
}

bool xapi_parse_time(struct str text, int64_t *ret_ms)
{
    char with_zone[48];
    size_t n = text.n;

    if (n >= 6 && memcmp(text.p + n - 6, "-00:00", 6) == 0)
        return false; /* no zone of ISO 8601 */
    if (time_parse(text, ret_ms))
        return true;
    if (n + 1 > sizeof(with_zone))
        return false;
    memcpy(with_zone, text.p, n);
    with_zone[n] = 'Z';
    return time_parse((struct str){with_zone, n + 1}, ret_ms);
}

/* ---- durations ---- */

static const struct unit {
    char letter;
    bool of_time; /* behind the T */
    double seconds;
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

/* Digits, with one point among them at most, before and behind digits. */
static bool cut_number(struct str *rest, double *ret, bool *ret_fraction)
{
    double value = 0, scale = 1;
    size_t n = 0;
    bool fraction = false;

    for (; n < rest->n && n < DIGITS_MAX && (is_digit(rest->p[n]) || rest->p[n] == '.'); n++) {
        if (rest->p[n] == '.') {
            if (fraction || n == 0)
                return false;
            fraction = true;
        } else {
            value = value * 10 + (rest->p[n] - '0');
            scale *= fraction ? 10 : 1;
        }
    }
    if (n == 0 || rest->p[n - 1] == '.')
        return false;
    *rest = (struct str){rest->p + n, rest->n - n};
    *ret = value / scale;
    *ret_fraction = fraction;
    return true;
}

/* The place in units of the letter, not before `from`; UNITS: none. */
static size_t unit_of(char letter, bool of_time, size_t from)
{
    size_t i = from;

    while (i < UNITS && !(units[i].letter == letter && units[i].of_time == of_time))
        i++;
    return i;
}

bool xapi_parse_duration(struct str text, double *ret_seconds)
{
    struct str rest = text;
    double seconds = 0, value = 0;
    size_t next = 0;
    bool of_time = false, fraction = false, weeks = false;

    if (text.n < 3 || str_cut(&rest, 'P').n > 0 || rest.n + 1 != text.n)
        return false;
    while (rest.n > 0) {
        size_t unit;

        if (rest.p[0] == 'T' && !of_time && rest.n > 1) {
            of_time = true;
            rest = (struct str){rest.p + 1, rest.n - 1};
        }
        if (fraction || weeks || !cut_number(&rest, &value, &fraction) || rest.n == 0)
            return false;
        unit = unit_of(rest.p[0], of_time, next);
        if (unit == UNITS || (units[unit].letter == 'W' && next > 0))
            return false;
        weeks = units[unit].letter == 'W';
        next = unit + 1;
        seconds += value * units[unit].seconds;
        rest = (struct str){rest.p + 1, rest.n - 1};
    }
    *ret_seconds = seconds;
    return true;
}
