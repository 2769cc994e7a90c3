/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times as milliseconds since the epoch (UTC), days as days since 1970-01-01, durations by a
 * monotonic clock in microseconds. Only event loops and commands read clocks; all other functions
 * get the time as a parameter. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "app/base/str.h"

#define DAY_MS INT64_C(86400000)

enum { TIME_TEXT_SIZE = 25, DAY_TEXT_SIZE = 11 };

int64_t clock_wall_ms(void);
int64_t clock_monotonic_us(void);

/* The UTC day of a time; rounds down, so that it is correct before 1970 too. */
int32_t day_of_ms(int64_t epoch_ms);
int64_t day_start_ms(int32_t day);
int day_in_month(int32_t day); /* 1 to 31 */

/* Prints 2026-01-31T23:59:59.123Z. The day of a time beyond the years 0000 to 9999 is replaced by
 * the first or last day of these years. */
void time_print(int64_t epoch_ms, char ret_text[TIME_TEXT_SIZE]);
/* Parses RFC 3339 with any offset and 0 to 9 fraction digits (cut to ms); "T", "t" or a space
 * between date and time; second 60 is read as 59.999. False, *ret untouched, for anything else, and
 * when the offset leads beyond the years 0000 to 9999. */
bool time_parse(struct str text, int64_t *ret_epoch_ms);
void day_print(int32_t day, char ret_text[DAY_TEXT_SIZE]); /* 2026-01-31 */
bool day_parse(struct str text, int32_t *ret_day);         /* exactly YYYY-MM-DD, a real date */

#endif
