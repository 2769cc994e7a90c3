/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks, and conversion between times and their texts. All of it is UTC: no time zone, no locale,
 * no libc conversion. The calendar is the proleptic Gregorian one. */
#include "app/base/clock.h"

#include <time.h>

static const int64_t SECOND_MS = 1000, MINUTE_MS = 60000, HOUR_MS = 3600000;

/* The days that have a four-digit year: 0000-01-01 and 9999-12-31. */
static const int32_t FIRST_DAY = -719528, LAST_DAY = 2932896;

struct date {
    int year, month, day;
};

int64_t clock_wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Returns a / b rounded towards minus infinity, where C rounds towards zero. b must be positive. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int32_t day_of_ms(int64_t epoch_ms)
{
    return (int32_t)floor_div(epoch_ms, DAY_MS);
}

int64_t day_start_ms(int32_t day)
{
    return day * DAY_MS; /* DAY_MS is an int64_t, so the product cannot overflow */
}

/* Returns the day (since 1970-01-01) of a date, by days_from_civil of Howard Hinnant,
 * "chrono-compatible low-level date algorithms": years begin on 1 March, so that the leap day is
 * the last of its year; they repeat every 400 years = 146097 days (an era); 1970-01-01 is 719468
 * days after 0000-03-01. (153 * month + 2) / 5 is the number of days in the months before. */
static int32_t day_of_date(struct date date)
{
    int year = date.month <= 2 ? date.year - 1 : date.year;
    int era = (int)floor_div(year, 400);
    int year_of_era = year - era * 400;
    int month = (date.month + 9) % 12; /* March is 0 */
    int day_of_year = (153 * month + 2) / 5 + date.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

/* Returns the date of a day: the inverse of day_of_date, by civil_from_days of Howard Hinnant,
 * "chrono-compatible low-level date algorithms". 719468: days from 0000-03-01 to 1970-01-01, since
 * years begin in March. The divisions of day_of_era remove the leap days (one in 4 years = 1460
 * days, none in the last of 100 years = 36524 days; 146096: the leap day that ends the era), so
 * that dividing by 365 gives the year of the 400-year era. */
static struct date date_of_day(int32_t epoch_day)
{
    int64_t day = (int64_t)epoch_day + 719468;
    int era = (int)floor_div(day, 146097);
    int day_of_era = (int)(day - era * INT64_C(146097));
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (5 * day_of_year + 2) / 153; /* March is 0 */

    return (struct date){
        .year = year_of_era + era * 400 + (month >= 10), /* January and February end the year */
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

int day_in_month(int32_t day)
{
    return date_of_day(day).day;
}

/* Writes the last `width` decimal digits of value, with leading zeros. Like put_char and put_day,
 * it returns the position after what it wrote. */
static char *put_digits(char *p, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + width;
}

/* Writes a character; returns the position after it. */
static char *put_char(char *p, char c)
{
    *p = c;
    return p + 1;
}

/* Writes a day as YYYY-MM-DD. A day outside of the years 0000 to 9999 is replaced by the nearest
 * day of these years. */
static char *put_day(char *p, int64_t day)
{
    int64_t printable = day < FIRST_DAY ? FIRST_DAY : day > LAST_DAY ? LAST_DAY : day;
    struct date date = date_of_day((int32_t)printable);

    p = put_char(put_digits(p, date.year, 4), '-');
    p = put_char(put_digits(p, date.month, 2), '-');
    return put_digits(p, date.day, 2);
}

void day_print(int32_t day, char ret_text[DAY_TEXT_SIZE])
{
    *put_day(ret_text, day) = '\0';
}

/* Splits the time into its day and the milliseconds since midnight, also for times before 1970,
 * where the remainder of the division is negative. Each put_ function returns the position after
 * what it wrote. */
void time_print(int64_t epoch_ms, char ret_text[TIME_TEXT_SIZE])
{
    int64_t remainder = epoch_ms % DAY_MS;
    int64_t ms = remainder < 0 ? remainder + DAY_MS : remainder; /* since midnight */
    char *p = put_day(ret_text, floor_div(epoch_ms, DAY_MS));

    p = put_digits(put_char(p, 'T'), ms / HOUR_MS, 2);
    p = put_digits(put_char(p, ':'), ms / MINUTE_MS % 60, 2);
    p = put_digits(put_char(p, ':'), ms / SECOND_MS % 60, 2);
    p = put_digits(put_char(p, '.'), ms % SECOND_MS, 3);
    *put_char(p, 'Z') = '\0';
}

/* The functions cut_... parse one piece at the start of *s and move *s past it. They return false
 * when the piece is missing or out of range. cut_digits parses exactly `width` digits whose value
 * is at most `max`. */
static bool cut_digits(struct str *s, int width, int max, int *ret)
{
    int value = 0;

    if (s->n < (size_t)width)
        return false;
    for (int i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        value = value * 10 + (s->p[i] - '0');
    }
    if (value > max)
        return false;
    *s = (struct str){s->p + width, s->n - (size_t)width};
    *ret = value;
    return true;
}

/* Parses one character that must be one of `choices`. NUL is refused first, because strchr would
 * find it at the end of `choices`. */
static bool cut_char(struct str *s, const char *choices)
{
    if (s->n == 0 || *s->p == '\0' || !strchr(choices, *s->p))
        return false;
    *s = (struct str){s->p + 1, s->n - 1};
    return true;
}

/* Returns the number of days of a month (1 to 12) in that year. */
static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

bool day_make(int year, int month, int day, int32_t *ret_day)
{
    if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month))
        return false;
    *ret_day = day_of_date((struct date){year, month, day});
    return true;
}

/* Parses YYYY-MM-DD, a date that exists. */
static bool cut_day(struct str *s, int32_t *ret)
{
    int year, month, day;

    return cut_digits(s, 4, 9999, &year) && cut_char(s, "-") && cut_digits(s, 2, 12, &month) &&
           cut_char(s, "-") && cut_digits(s, 2, 31, &day) && day_make(year, month, day, ret);
}

/* Stores the day only when the whole text is a date that exists. */
bool day_parse(struct str text, int32_t *ret_day)
{
    int32_t day;

    if (!cut_day(&text, &day) || text.n != 0)
        return false;
    *ret_day = day;
    return true;
}

/* Parses the optional fraction of a second: a point and 1 to 9 digits, of which the first three
 * give the milliseconds. Returns true with 0 ms when there is no point. */
static bool cut_fraction(struct str *s, int *ret_ms)
{
    int digits = 0, ms = 0;

    *ret_ms = 0;
    if (!cut_char(s, "."))
        return true;
    /* a tenth digit is counted only to be refused */
    while (digits < 10 && (size_t)digits < s->n && s->p[digits] >= '0' && s->p[digits] <= '9')
        digits++;
    if (digits < 1 || digits > 9)
        return false;
    for (int i = 0; i < 3; i++)
        ms = ms * 10 + (i < digits ? s->p[i] - '0' : 0);
    *s = (struct str){s->p + digits, s->n - (size_t)digits};
    *ret_ms = ms;
    return true;
}

/* Parses hh:mm:ss with an optional fraction, as milliseconds since midnight. */
static bool cut_time_of_day(struct str *s, int64_t *ret_ms)
{
    int hour, minute, second, ms;

    if (!cut_digits(s, 2, 23, &hour) || !cut_char(s, ":") || !cut_digits(s, 2, 59, &minute) ||
        !cut_char(s, ":") || !cut_digits(s, 2, 60, &second) || !cut_fraction(s, &ms))
        return false;
    if (second == 60) { /* a leap second, for which epoch milliseconds have no value */
        second = 59;
        ms = 999;
    }
    *ret_ms = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + ms;
    return true;
}

/* Parses the offset from UTC: Z, z, +hh:mm or -hh:mm. *ret_ms is negative west of Greenwich. */
static bool cut_offset(struct str *s, int64_t *ret_ms)
{
    int hour, minute;

    *ret_ms = 0;
    if (cut_char(s, "Zz"))
        return true;
    bool west = s->n > 0 && *s->p == '-';
    if (!cut_char(s, "+-") || !cut_digits(s, 2, 23, &hour) || !cut_char(s, ":") ||
        !cut_digits(s, 2, 59, &minute))
        return false;
    *ret_ms = hour * HOUR_MS + minute * MINUTE_MS;
    if (west)
        *ret_ms = -*ret_ms;
    return true;
}

/* Parses date, separator, time of day and offset one after the other. The local time minus its
 * offset is the time in UTC. */
bool time_parse(struct str text, int64_t *ret_epoch_ms)
{
    int32_t day;
    int64_t time_of_day, offset;

    if (!cut_day(&text, &day) || !cut_char(&text, "Tt ") || !cut_time_of_day(&text, &time_of_day) ||
        !cut_offset(&text, &offset) || text.n != 0)
        return false;
    int64_t epoch_ms = day_start_ms(day) + time_of_day - offset;
    if (day_of_ms(epoch_ms) < FIRST_DAY || day_of_ms(epoch_ms) > LAST_DAY)
        return false; /* in UTC it is outside of the years that time_print can print */
    *ret_epoch_ms = epoch_ms;
    return true;
}
