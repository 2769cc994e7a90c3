/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times as milliseconds since the epoch (UTC), days as days since 1970-01-01, durations by a
 * monotonic clock in microseconds. Only event loops and commands read clocks; all other functions
 * get the time as a parameter. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "app/base/str.h"

#define DAY_MS INT64_C(86400000)

enum {
    TIME_TEXT_SIZE = 25, /* bytes of the text of time_print, with the NUL */
    DAY_TEXT_SIZE = 11   /* bytes of the text of day_print, with the NUL */
};

int64_t clock_wall_ms(void);      /* UTC, milliseconds since the epoch */
int64_t clock_monotonic_us(void); /* microseconds since an arbitrary start */

/* The shorter one of two durations, or the earlier one of two times. */
static inline int64_t min_us(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

/* Returns the UTC day (since 1970-01-01) of a time. Rounds down, so that times before 1970 get the
 * right day too. */
int32_t day_of_ms(int64_t epoch_ms);
/* Returns the time of 00:00 UTC of a day (since 1970-01-01), in milliseconds since the epoch. */
int64_t day_start_ms(int32_t day);
int day_in_month(int32_t day); /* 1 to 31 */

/* Prints a time as 2026-01-31T23:59:59.123Z. A time outside of the years 0000 to 9999 gets the
 * first or the last day of these years as its date. */
void time_print(int64_t epoch_ms, char ret_text[TIME_TEXT_SIZE]);
/* Parses a time of RFC 3339 with any offset and 0 to 9 fraction digits, which are cut to
 * milliseconds. "T", "t" or a space separates date and time. Second 60 is read as 59.999. Returns
 * false, with *ret_epoch_ms unchanged, for any other text, and when the time in UTC is outside of
 * the years 0000 to 9999. */
bool time_parse(struct str text, int64_t *ret_epoch_ms);
/* Prints a day (since 1970-01-01) as 2026-01-31. */
void day_print(int32_t day, char ret_text[DAY_TEXT_SIZE]);
bool day_parse(struct str text, int32_t *ret_day); /* false unless YYYY-MM-DD, a real date */
/* Gets the day (since 1970-01-01) of a date; false, with *ret_day unchanged, unless the date exists
 * and is in the years 0000 to 9999. */
bool day_make(int year, int month, int day, int32_t *ret_day);

#endif
