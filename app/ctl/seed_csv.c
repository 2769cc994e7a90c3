/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses CSV into a plan (list of students and days to write). Every line is checked; the valid
 * lines become rows, which are sorted by student and day and then grouped by student. */
#include "app/ctl/seed_csv.h"

#include <stdlib.h>

#include "app/base/clock.h"
#include "app/ctl/csv.h"

/* LINE_MIN: length of the shortest valid line, "a,2026-01-31,0,0,0,0"; the size of the text divided
 * by it limits the number of rows. FIELDS: fields of a line. */
enum { LINE_MIN = 20, FIELDS = 2 + COMPONENTS };

static const char *const column_names[] = {"student_id", "date",        "completion", "quiz",
                                           "quality",    "consistency", NULL};

/* A valid line of the CSV file: one day of a student. */
struct csv_row {
    struct str student; /* id */
    size_t line;        /* number of the line, from 1 */
    struct seed_day day;
};

/* The state of one seed_csv_parse call. */
struct seed_reader {
    struct csv_reader csv;
    int32_t today;        /* days since the epoch */
    struct csv_row *rows; /* n valid lines */
    size_t n;
};

/* Parses a date of the last HISTORY_DAYS days, including today. False after an error. */
static bool csv_parse_day(struct seed_reader *reader, struct str field, int32_t *ret)
{
    char text[CSV_SHOWN_SIZE];
    int32_t day;

    if (!day_parse(field, &day))
        return csv_error(&reader->csv, reader->csv.line,
                         "date: \"%s\" is not a date like 2026-01-31", csv_printable(field, text));
    if (day > reader->today)
        return csv_error(&reader->csv, reader->csv.line, "date: %s is in the future",
                         csv_printable(field, text));
    if (day <= reader->today - HISTORY_DAYS)
        return csv_error(&reader->csv, reader->csv.line, "date: %s is more than %d days ago",
                         csv_printable(field, text), HISTORY_DAYS - 1);
    *ret = day;
    return true;
}

/* Parses the fields of one line into a row. False after an error for each wrong field. */
static bool csv_parse_row(struct seed_reader *reader, const struct str fields[FIELDS],
                          struct csv_row *ret)
{
    bool valid = csv_parse_id(&reader->csv, "student_id", fields[0], &ret->student);

    valid = csv_parse_day(reader, fields[1], &ret->day.day) && valid;
    for (int i = 0; i < COMPONENTS; i++)
        valid = csv_parse_number(&reader->csv, component_names[i], fields[2 + i], 0, 1,
                                 &ret->day.components[i]) &&
                valid;
    ret->line = reader->csv.line;
    return valid;
}

/* Parses all lines; the valid ones become rows. */
static void csv_parse_rows(struct seed_reader *reader)
{
    struct str fields[CSV_NAMED_MAX];

    while (csv_next_row(&reader->csv, fields)) {
        if (csv_parse_row(reader, fields, &reader->rows[reader->n]))
            reader->n++;
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

/* Returns whether both rows have the same student and day, which is an error. */
static bool row_same_day(const struct csv_row *a, const struct csv_row *b)
{
    return str_equal(a->student, b->student) && a->day.day == b->day.day;
}

/* Sorts the rows by student and day. Of several lines with the same student and day, the first is
 * used, and each other one is reported as an error. */
static void csv_sort_rows(struct seed_reader *reader)
{
    struct csv_row *rows = reader->rows;
    size_t unique = 0;

    qsort(rows, reader->n, sizeof(*rows), row_compare);
    for (size_t i = 0; i < reader->n; i++) {
        if (unique > 0 && row_same_day(&rows[unique - 1], &rows[i]))
            (void)csv_error(&reader->csv, rows[i].line, "the same student and date are in line %zu",
                            rows[unique - 1].line);
        else
            rows[unique++] = rows[i];
    }
    reader->n = unique;
}

/* Makes the plan from the sorted rows: a student for each new id, with a section of the array of
 * days. Returns false when out of memory. */
static bool csv_rows_to_plan(const struct seed_reader *reader, struct arena *arena,
                             struct seed_plan *plan)
{
    struct seed_day *days = arena_array(arena, reader->n, sizeof(*days));

    plan->students = arena_array(arena, reader->n, sizeof(*plan->students));
    plan->n = 0;
    if (!days || !plan->students)
        return false;
    for (size_t i = 0; i < reader->n; i++) {
        if (i == 0 || !str_equal(reader->rows[i - 1].student, reader->rows[i].student))
            plan->students[plan->n++] =
                (struct seed_student){.id = reader->rows[i].student, .days = &days[i]};
        days[i] = reader->rows[i].day;
        plan->students[plan->n - 1].n++;
    }
    return true;
}

/* The array has one row more than the text can have valid lines, because each line is parsed into
 * the row after the last valid one before it is known to be valid. */
long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret)
{
    struct seed_reader reader = {.today = today};
    struct seed_plan plan;

    reader.rows = arena_array(arena, text.n / LINE_MIN + 1, sizeof(*reader.rows));
    if (!reader.rows || !csv_begin(&reader.csv, text, name, arena, errors))
        return -1;
    reader.csv.column_names = column_names;
    csv_parse_rows(&reader);
    csv_sort_rows(&reader);
    if (!csv_rows_to_plan(&reader, arena, &plan))
        return -1;
    *ret = plan;
    return csv_end(&reader.csv);
}
