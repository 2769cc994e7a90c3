/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the cells of a gradebook: results and dates in the forms that people use. */
#include "app/base/clock.h"
#include "app/ctl/gradebook.h"

/* Cells without a result: Moodle writes - (or an en dash, in UTF-8), Canvas N/A and, for the
 * excused, EX. */
static const char *const no_result[] = {"", "-", "\xE2\x80\x93", "n/a", "ex", "excused", NULL};

/* Cuts the character `end`, such as %, off the end, then the spaces before it and one no-break
 * space. Returns false when the cell does not end with this character. */
static bool cell_cut_end(struct str *cell, char end)
{
    static const struct str no_break = STR_INIT("\xC2\xA0");

    if (cell->n == 0 || cell->p[cell->n - 1] != end)
        return false;
    *cell = str_trim((struct str){cell->p, cell->n - 1});
    if (cell->n > no_break.n && memcmp(cell->p + cell->n - no_break.n, no_break.p, no_break.n) == 0)
        cell->n -= no_break.n;
    return true;
}

/* Reads a number that is not negative. Returns false for any other text, including an ambiguous
 * number (1,000), for which the caller's error (the cell, and the forms that it may have) is the
 * same. */
static bool cell_number(const struct csv_reader *reader, struct str text, double *ret)
{
    bool unused_ambiguous;

    return csv_to_double(reader, str_trim(text), ret, &unused_ambiguous) && *ret >= 0;
}

enum cell_kind gradebook_parse_cell(const struct csv_reader *reader, struct str cell, double *ret)
{
    double points, max = 100; /* max: 100 for 80 %, 10 for 8/10 */
    struct str rest = cell;

    for (size_t i = 0; no_result[i]; i++) {
        if (str_equal_nocase(cell, str_of(no_result[i])))
            return CELL_EMPTY;
    }
    if (cell_number(reader, cell, ret))
        return CELL_POINTS;
    if (cell_cut_end(&rest, '%')) {
        if (!cell_number(reader, rest, &points))
            return CELL_INVALID;
    } else if (!cell_number(reader, str_cut(&rest, '/'), &points) ||
               !cell_number(reader, rest, &max) || max <= 0) {
        return CELL_INVALID;
    }
    *ret = points / max;
    return CELL_SHARE;
}

/* Parses a date such as 31.01.2026 or 1.1.2026 (day, month, year). False for other text. */
static bool date_parse_dotted(struct str text, int32_t *ret_day)
{
    static const int max[3] = {31, 12, 9999};
    int64_t parts[3];

    for (int i = 0; i < 3; i++) {
        struct str part = i < 2 ? str_cut(&text, '.') : text;

        if (part.n == 2 && part.p[0] == '0') /* str_to_int64 refuses a leading zero */
            part = (struct str){part.p + 1, 1};
        if (!str_to_int64(part, i < 2 ? 1 : 1000, max[i], &parts[i]))
            return false;
    }
    return day_make((int)parts[2], (int)parts[1], (int)parts[0], ret_day);
}

bool gradebook_parse_date(struct str text, int64_t now_ms, int64_t *ret_ms)
{
    struct str date = {text.p, 0};
    int32_t day;

    if (time_parse(text, ret_ms))
        return true;
    while (date.n < text.n && date.p[date.n] != ' ' && date.p[date.n] != 'T')
        date.n++;
    if (!day_parse(date, &day) && !date_parse_dotted(date, &day))
        return false;
    *ret_ms = day_start_ms(day) + DAY_MS / 2; /* noon */
    if (day == day_of_ms(now_ms) && now_ms < *ret_ms)
        *ret_ms = now_ms;
    return true;
}
