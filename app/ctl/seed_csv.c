/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses CSV into a plan (list of students and days to write). Every line is checked; the valid
 * lines become rows, which are sorted by student and day and then grouped by student. An error
 * names the file and the line. Parsing goes on after an error, so that one run shows all of
 * them. */
#include "app/ctl/seed_csv.h"

#include <stdarg.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"

/* LINE_MIN: length of the shortest valid line, "a,2026-01-31,0,0,0,0", by which the size of the
 * text limits the number of rows. FIELDS: fields of a line. SHOWN_MAX: bytes of a field that an
 * error shows. */
enum { LINE_MIN = 20, FIELDS = 2 + COMPONENTS, SHOWN_MAX = 40, SHOWN_SIZE = SHOWN_MAX + 4 };

static const struct str header = STR_INIT("student_id,date,completion,quiz,quality,consistency");

/* A valid line. */
struct csv_row {
    struct str student; /* id */
    size_t line;        /* number of the line, from 1 */
    struct seed_day day;
};

/* The state of one seed_csv_parse call. */
struct csv_reader {
    const char *name;     /* name of the file, for errors */
    FILE *errors;         /* stream that errors are written to */
    int32_t today;        /* days since the epoch */
    size_t line;          /* number of the line that is being parsed, from 1 */
    long bad_lines;       /* number of invalid lines */
    struct csv_row *rows; /* n valid lines */
    size_t n;
};

/* Writes an error about a line and counts it. Always returns false, so that a parser can `return`
 * it. */
__attribute__((format(printf, 3, 4))) static bool csv_report_bad(struct csv_reader *r, size_t line,
                                                                 const char *format, ...)
{
    va_list args;

    r->bad_lines++;
    (void)fprintf(r->errors, "%s:%zu: ", r->name, line);
    va_start(args, format);
    (void)vfprintf(r->errors, format, args);
    va_end(args);
    (void)fputc('\n', r->errors);
    return false;
}

/* Copies the start of a field to `text` for an error, with ? in place of all but printable ASCII
 * and
 * "..." when the field is longer. Returns text. */
static const char *csv_printable(struct str field, char text[SHOWN_SIZE])
{
    size_t n = field.n < SHOWN_MAX ? field.n : SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        text[i] = (char)(field.p[i] >= ' ' && field.p[i] <= '~' ? field.p[i] : '?');
    memcpy(text + n, field.n > n ? "..." : "", field.n > n ? 4 : 1);
    return text;
}

/* Splits a line at its commas. Returns the number of fields; those after the first FIELDS are
 * counted but not stored. */
static size_t csv_split(struct str line, struct str fields[FIELDS])
{
    size_t n = 0;
    const char *comma;

    do {
        comma = line.n > 0 ? memchr(line.p, ',', line.n) : NULL;
        if (n < FIELDS)
            fields[n] = (struct str){line.p, comma ? (size_t)(comma - line.p) : line.n};
        if (comma)
            line = (struct str){comma + 1, line.n - (size_t)(comma - line.p) - 1};
        n++;
    } while (comma);
    return n;
}

/* Parses a date of the last HISTORY_DAYS days, including today. False after an error. */
static bool csv_parse_day(struct csv_reader *r, struct str field, int32_t *ret)
{
    char text[SHOWN_SIZE];
    int32_t day;

    if (!day_parse(field, &day))
        return csv_report_bad(r, r->line, "date: \"%s\" is not a date like 2026-01-31",
                              csv_printable(field, text));
    if (day > r->today)
        return csv_report_bad(r, r->line, "date: %s is in the future", csv_printable(field, text));
    if (day <= r->today - HISTORY_DAYS)
        return csv_report_bad(r, r->line, "date: %s is more than %d days ago",
                              csv_printable(field, text), HISTORY_DAYS - 1);
    *ret = day;
    return true;
}

/* Parses a component's value, 0 to 1. False after an error. */
static bool csv_parse_component(struct csv_reader *r, int component, struct str field, double *ret)
{
    char text[SHOWN_SIZE];
    double value;

    if (!str_to_double(field, &value) || value < 0 || value > 1)
        return csv_report_bad(r, r->line, "%s: \"%s\" is not a number from 0 to 1",
                              component_names[component], csv_printable(field, text));
    *ret = value;
    return true;
}

/* Parses one line into a row. False after an error; only the line's first error is reported. */
static bool csv_parse_line(struct csv_reader *r, struct str line, struct csv_row *ret)
{
    struct str fields[FIELDS] = {{0}};
    char text[SHOWN_SIZE];
    size_t n = csv_split(line, fields);

    if (line.n == 0)
        return csv_report_bad(r, r->line, "the line is empty");
    if (n != FIELDS)
        return csv_report_bad(r, r->line, "%zu fields instead of %d: %.*s", n, FIELDS,
                              STR_ARG(header));
    if (!id_valid(fields[0]))
        return csv_report_bad(r, r->line, "student_id: \"%s\" is not an id: " ID_FORM,
                              csv_printable(fields[0], text));
    if (!csv_parse_day(r, fields[1], &ret->day.day))
        return false;
    for (int i = 0; i < COMPONENTS; i++) {
        if (!csv_parse_component(r, i, fields[2 + i], &ret->day.components[i]))
            return false;
    }
    ret->student = fields[0];
    ret->line = r->line;
    return true;
}

/* Parses all lines; the valid ones become rows. A byte order mark and a first line with the names
 * of the fields are skipped. */
static void csv_parse_lines(struct csv_reader *r, struct str text)
{
    static const struct str byte_order_mark = STR_INIT("\xEF\xBB\xBF");

    if (str_starts_with(text, byte_order_mark))
        text = (struct str){text.p + byte_order_mark.n, text.n - byte_order_mark.n};
    for (r->line = 1; text.n > 0; r->line++) {
        struct str line = str_cut(&text, '\n');

        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (r->line == 1 && str_equal(line, header))
            continue;
        if (csv_parse_line(r, line, &r->rows[r->n]))
            r->n++;
    }
}

/* Compares two rows for qsort: by student, then day, then number of the line. */
static int row_compare(const void *a, const void *b)
{
    const struct csv_row *left = a, *right = b;
    int order = str_compare(left->student, right->student);

    if (order == 0)
        order = (left->day.day > right->day.day) - (left->day.day < right->day.day);
    if (order == 0)
        order = (left->line > right->line) - (left->line < right->line);
    return order;
}

/* True when both rows have the same student and day, which only one line may have. */
static bool row_same_day(const struct csv_row *a, const struct csv_row *b)
{
    return str_equal(a->student, b->student) && a->day.day == b->day.day;
}

/* Sorts the rows by student and day. When several lines have the same student and day, the first
 * line is kept, and each other one is reported as an error. */
static void csv_sort_rows(struct csv_reader *r)
{
    struct csv_row *rows = r->rows;
    size_t unique = 0;

    qsort(rows, r->n, sizeof(*rows), row_compare);
    for (size_t i = 0; i < r->n; i++) {
        if (unique > 0 && row_same_day(&rows[unique - 1], &rows[i]))
            (void)csv_report_bad(r, rows[i].line, "the same student and date are in line %zu",
                                 rows[unique - 1].line);
        else
            rows[unique++] = rows[i];
    }
    r->n = unique;
}

/* Makes the plan of the sorted rows: a student for each new id, with a part of the array of days.
 * False when memory is exhausted. */
static bool csv_rows_to_plan(const struct csv_reader *r, struct arena *arena,
                             struct seed_plan *plan)
{
    struct seed_day *days = arena_array(arena, r->n, sizeof(*days));

    plan->students = arena_array(arena, r->n, sizeof(*plan->students));
    plan->n = 0;
    if (!days || !plan->students)
        return false;
    for (size_t i = 0; i < r->n; i++) {
        if (i == 0 || !str_equal(r->rows[i - 1].student, r->rows[i].student))
            plan->students[plan->n++] =
                (struct seed_student){.id = r->rows[i].student, .days = &days[i]};
        days[i] = r->rows[i].day;
        plan->students[plan->n - 1].n++;
    }
    return true;
}

/* The array of rows has one row more than the text can have valid lines: a line is parsed into the
 * row after the last valid one, also when it turns out to be invalid. */
long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret)
{
    struct csv_reader r = {.name = name, .errors = errors, .today = today};
    struct seed_plan plan;

    r.rows = arena_array(arena, text.n / LINE_MIN + 1, sizeof(*r.rows));
    if (!r.rows)
        return -1;
    csv_parse_lines(&r, text);
    csv_sort_rows(&r);
    if (!csv_rows_to_plan(&r, arena, &plan))
        return -1;
    *ret = plan;
    return r.bad_lines;
}
