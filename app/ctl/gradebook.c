/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads all rows of a gradebook, determines by gradebook_columns.c what the columns are, and makes
 * an event from each result. */
#include "app/ctl/gradebook.h"

#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/base/json_write.h"
#include "app/ingest/event_input.h"

/* QUESTIONS: number of questions assumed for a quiz, which gives it weight 1. NAME_MAX_BYTES: bytes
 * of a column's name that are used as the name of the quiz. */
enum { QUESTIONS = 10, NAME_MAX_BYTES = 120 };

/* ---- reading ---- */

/* Makes a row of the record that was just read, which has n fields. The row has one field for each
 * column: fields that the record lacks at its end are empty, and empty fields beyond the header are
 * ignored. Returns false after an error, which is counted in book->csv. */
static bool row_of_record(struct gradebook *book, size_t n, struct gradebook_row *ret)
{
    size_t filled = n; /* fields up to the last one that is not empty */

    while (filled > book->column_count && book->csv.fields[filled - 1].n == 0)
        filled--;
    if (filled > book->column_count)
        return csv_error(&book->csv, book->csv.line, "%zu fields; the header has %zu", filled,
                         book->column_count);
    ret->fields = arena_array(book->arena, book->column_count, sizeof(struct str));
    if (!ret->fields)
        return csv_error(&book->csv, book->csv.line, "out of memory");
    memcpy(ret->fields, book->csv.fields,
           (n < book->column_count ? n : book->column_count) * sizeof(struct str));
    ret->line = book->csv.line;
    return true;
}

/* Reads the header into book->columns and all other records into book->rows. rows_max: a file has
 * at most one row more than it has line ends. Errors are counted in book->csv. Returns false when
 * out of memory. */
static bool book_read_rows(struct gradebook *book)
{
    struct csv_reader *csv = &book->csv;
    size_t n, rows_max = 1;

    for (size_t i = 0; i < csv->text.n; i++) {
        if (csv->text.p[i] == '\n' || csv->text.p[i] == '\r')
            rows_max++;
    }
    book->column_count = csv_next_record(csv);
    book->columns = arena_array(book->arena, book->column_count + 1, sizeof(*book->columns));
    book->rows = arena_array(book->arena, rows_max, sizeof(*book->rows));
    if (!book->columns || !book->rows)
        return false;
    for (size_t i = 0; i < book->column_count; i++)
        book->columns[i].name = csv->fields[i];
    while (book->column_count > 0 && (n = csv_next_record(csv)) > 0) {
        if (row_of_record(book, n, &book->rows[book->row_count]))
            book->row_count++;
    }
    if (book->column_count == 0 && csv->errors == 0)
        (void)csv_error(csv, 1, "the file has no header");
    return true;
}

/* ---- rows ---- */

/* Returns what is wrong with the time of a result; NULL when it is right. */
static const char *date_fault(int64_t at_ms, int64_t now_ms)
{
    if (at_ms > now_ms + EVENT_AHEAD_MAX_MS)
        return "is in the future";
    if (at_ms < now_ms - EVENT_AGE_MAX_MS)
        return "is more than 90 days ago, and the engine accepts no such results";
    return NULL;
}

/* Reads the time of a row's results from its cell in the column of dates into row->at_ms. Counts an
 * error when it is not a date, or one that the engine would not accept (date_fault). */
static void row_check_date(struct gradebook *book, struct gradebook_row *row)
{
    struct str name = book->columns[book->date_column].name, cell = row->fields[book->date_column];
    char shown_name[CSV_SHOWN_SIZE], text[CSV_SHOWN_SIZE];
    const char *fault = "is not a date like 2026-01-31 or 31.01.2026";

    if (gradebook_parse_date(cell, book->options->now_ms, &row->at_ms))
        fault = date_fault(row->at_ms, book->options->now_ms);
    if (fault)
        (void)csv_error(&book->csv, row->line, "%s: \"%s\" %s", csv_printable(name, shown_name),
                        csv_printable(cell, text), fault);
}

/* Checks the date of the option --date, which applies to all rows. */
static void book_check_date(struct gradebook *book)
{
    const char *fault = date_fault(book->at_ms, book->options->now_ms);

    if (fault)
        (void)csv_error(&book->csv, 1, "--date: %s %s", book->options->date, fault);
}

/* Order for qsort: by student, then by time, then by line. */
static int row_compare(const void *a, const void *b)
{
    const struct gradebook_row *left = a, *right = b;
    int order = str_compare(left->student, right->student);

    if (order == 0)
        order = (left->at_ms > right->at_ms) - (left->at_ms < right->at_ms);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

/* Reports each further row of a student (with a column of dates: of a student and day), because its
 * results would have the same event ids as those in the earlier row, so that the engine would not
 * count them. Returns false when out of memory. */
static bool book_check_repeated(struct gradebook *book)
{
    struct gradebook_row *sorted = arena_array(book->arena, book->row_count, sizeof(*sorted));
    char name[CSV_SHOWN_SIZE];

    if (!sorted)
        return false;
    if (book->row_count > 0)
        memcpy(sorted, book->rows, book->row_count * sizeof(*sorted));
    qsort(sorted, book->row_count, sizeof(*sorted), row_compare);
    for (size_t i = 1; i < book->row_count; i++) {
        if (sorted[i].student.n > 0 && str_equal(sorted[i].student, sorted[i - 1].student) &&
            day_of_ms(sorted[i].at_ms) == day_of_ms(sorted[i - 1].at_ms))
            (void)csv_error(&book->csv, sorted[i].line, "%s: the same student%s in line %zu",
                            csv_printable(book->columns[book->student_column].name, name),
                            book->date_column < book->column_count ? " and date are" : " is",
                            sorted[i - 1].line);
    }
    return true;
}

/* Reads student and time of each row, and reports rows with wrong ones; a wrong student becomes "".
 * False when memory is exhausted. */
static bool book_check_rows(struct gradebook *book)
{
    char name[CSV_SHOWN_SIZE];

    (void)csv_printable(book->columns[book->student_column].name, name);
    /* no column has dates (its index is column_count): the date is that of --date */
    if (book->date_column == book->column_count)
        book_check_date(book);
    for (size_t i = 0; i < book->row_count; i++) {
        struct gradebook_row *row = &book->rows[i];

        book->csv.line = row->line;
        row->at_ms = book->at_ms;
        if (!csv_parse_id(&book->csv, name, row->fields[book->student_column], &row->student))
            row->student = STR("");
        if (book->date_column < book->column_count)
            row_check_date(book, row);
    }
    return book_check_repeated(book);
}

/* ---- events ---- */

/* Adds a text, in lower case and with a NUL at its end, to the digest of an event's id. The NUL
 * separates the texts: "ab", "c" and "a", "bc" give different ids. */
static void event_id_add(struct digest *digest, struct str fact)
{
    for (size_t i = 0; i < fact.n; i++) {
        char c = ascii_lower(fact.p[i]);

        digest_update(digest, (struct str){&c, 1});
    }
    digest_update(digest, (struct str){"", 1});
}

/* Makes the id of a result's event from student, course, item and the day in the file. The day of
 * --date is not used, because it may differ when the import is repeated. Upper and lower case are
 * different in a student's id, but not in names. */
static void event_id(const struct gradebook *book, const struct gradebook_row *row,
                     const struct gradebook_column *column, char ret[UUID_TEXT_SIZE])
{
    unsigned char bytes[DIGEST_SIZE];
    char day[DAY_TEXT_SIZE] = "";
    struct digest digest;

    if (book->date_column < book->column_count)
        day_print(day_of_ms(row->at_ms), day);
    digest_init(&digest);
    digest_update(&digest, row->student);
    digest_update(&digest, (struct str){"", 1});
    event_id_add(&digest, str_of(book->options->course));
    event_id_add(&digest, column->item);
    event_id_add(&digest, str_of(day));
    digest_final(&digest, bytes);
    uuid_of_digest(bytes, ret);
}

/* Writes the members of the event's data. share: result in [0,1]. Data that gradebooks do not have
 * get neutral values: a quiz of ten questions, a complete exercise of medium difficulty, no time.
 */
static void event_write_data(struct jw *w, enum column_role role, struct str name, double share)
{
    static const char *const names[] = {[COLUMN_QUIZ] = "quiz_id",
                                        [COLUMN_EXERCISE] = "exercise_id",
                                        [COLUMN_LESSON] = "lesson_id",
                                        [COLUMN_QUALITY] = "submission_id"};

    jw_str(w, names[role], name);
    if (role == COLUMN_QUIZ) {
        jw_number(w, "score", share);
        jw_int(w, "questions_total", QUESTIONS);
        jw_int(w, "questions_correct", (int64_t)(share * QUESTIONS + 0.5));
        jw_int(w, "time_spent_seconds", 0);
    } else if (role == COLUMN_EXERCISE) {
        jw_text(w, "difficulty", "medium");
        jw_int(w, "time_spent_seconds", 0);
        jw_int(w, "completion_rate", 1);
        jw_number(w, "correctness", share);
    } else if (role == COLUMN_LESSON) {
        jw_int(w, "duration_seconds", 0);
        jw_number(w, "completion_percentage", share * 100);
    } else {
        jw_number(w, "code_quality_score", share);
        jw_number(w, "correctness_score", share);
        jw_number(w, "efficiency_score", share);
    }
}

/* Appends the event for a result (one cell of the gradebook) to book->events, as a line of JSON.
 * share: the result as a share of the points of its column, 0 to 1. */
static void event_write(struct gradebook *book, const struct gradebook_row *row,
                        const struct gradebook_column *column, double share)
{
    static const enum event_type types[] = {[COLUMN_QUIZ] = QUIZ_COMPLETED,
                                            [COLUMN_EXERCISE] = EXERCISE_COMPLETED,
                                            [COLUMN_LESSON] = LESSON_VIEWED,
                                            [COLUMN_QUALITY] = QUALITY_ASSESSED};
    struct str item = {column->item.p,
                       column->item.n < NAME_MAX_BYTES ? column->item.n : NAME_MAX_BYTES};
    const char *course = book->options->course;
    struct jw w = {.out = &book->events};
    char id[UUID_TEXT_SIZE], name[CSV_SHOWN_SIZE];

    event_id(book, row, column, id);
    jw_object(&w, NULL);
    jw_text(&w, "event_id", id);
    jw_text(&w, "event_type", event_type_names[types[column->role]]);
    jw_str(&w, "student_id", row->student);
    jw_time(&w, "timestamp", row->at_ms);
    jw_text(&w, "source", "import");
    jw_object(&w, "data");
    event_write_data(
        &w, column->role,
        course ? arena_printf(book->arena, "%.*s/%.*s", NAME_MAX_BYTES, course, STR_ARG(item))
               : item,
        share);
    jw_object_end(&w);
    jw_object_end(&w);
    buf_char(&book->events, '\n');
    book->event_names[book->event_count++] = arena_printf(
        book->arena, "%s:%zu: %s", book->csv.name, row->line, csv_printable(column->name, name));
}

/* Reads a cell, and appends the event of its result, if it has one. Reports a cell with other text,
 * and a result above the maximum. */
static void cell_read(struct gradebook *book, const struct gradebook_row *row,
                      struct gradebook_column *column, struct str cell)
{
    char name[CSV_SHOWN_SIZE], text[CSV_SHOWN_SIZE];
    double value = 0;
    enum cell_kind kind = gradebook_parse_cell(&book->csv, cell, &value);

    if (kind == CELL_EMPTY || (kind == CELL_POINTS && column->max <= 0))
        return; /* columns without a maximum have been reported */
    if (kind == CELL_POINTS)
        value /= column->max;
    if (kind == CELL_INVALID)
        (void)csv_error(&book->csv, row->line,
                        "%s: \"%s\" is not a result like 8, 8.5, 8/10 or 80 %%",
                        csv_printable(column->name, name), csv_printable(cell, text));
    else if (value > 1)
        (void)csv_error(&book->csv, row->line, "%s: \"%s\" is more than the maximum%s",
                        csv_printable(column->name, name), csv_printable(cell, text),
                        kind == CELL_POINTS ? ": say a higher one with --max" : "");
    else {
        column->results++;
        event_write(book, row, column, value);
    }
}

/* Makes the events for all results; only columns of a role before COLUMN_IGNORED have any. Returns
 * false when out of memory. */
static bool book_make_events(struct gradebook *book)
{
    size_t cells = 0;

    for (size_t i = 0; i < book->column_count; i++) {
        if (book->columns[i].role < COLUMN_IGNORED)
            cells += book->row_count;
    }
    book->event_names = arena_array(book->arena, cells, sizeof(*book->event_names));
    if (!book->event_names)
        return false;
    for (size_t row = 0; row < book->row_count; row++) {
        for (size_t i = 0; i < book->column_count; i++) {
            if (book->columns[i].role < COLUMN_IGNORED)
                cell_read(book, &book->rows[row], &book->columns[i], book->rows[row].fields[i]);
        }
    }
    return !book->events.failed;
}

/* Does not read the rows when the column of students is missing, or there is no date (no column of
 * dates, and no --date in at_ms), because each row would be wrong. */
long gradebook_read(struct str text, const char *name, const struct gradebook_options *options,
                    struct arena *arena, FILE *errors, struct gradebook *ret)
{
    *ret = (struct gradebook){.options = options, .arena = arena};
    buf_init(&ret->events, arena);
    if (!csv_begin(&ret->csv, text, name, arena, errors) || !book_read_rows(ret))
        return -1;
    if (ret->column_count > 0)
        gradebook_find_columns(ret);
    if (ret->student_column < ret->column_count &&
        (ret->date_column < ret->column_count || ret->at_ms > 0) &&
        (!book_check_rows(ret) || !book_make_events(ret)))
        return -1;
    return csv_end(&ret->csv);
}

/* ---- the table ---- */

static const char *const role_names[COLUMN_ROLES] = {
    [COLUMN_QUIZ] = "quiz",       [COLUMN_EXERCISE] = "exercise", [COLUMN_LESSON] = "lesson",
    [COLUMN_QUALITY] = "quality", [COLUMN_IGNORED] = "ignored",   [COLUMN_STUDENT] = "student",
    [COLUMN_DATE] = "date"};

/* Writes an object for a column. Only columns of a role before COLUMN_IGNORED (enum column_role)
 * have results, and get maximum and results. */
static void gradebook_write_column(const struct gradebook_column *column, struct jw *w)
{
    jw_object(w, NULL);
    jw_str(w, "name", column->name);
    jw_text(w, "role", role_names[column->role]);
    if (column->role < COLUMN_IGNORED) {
        if (column->max > 0)
            jw_number(w, "maximum", column->max);
        else
            jw_null(w, "maximum");
        jw_int(w, "results", (int64_t)column->results);
    }
    jw_object_end(w);
}

void gradebook_write_json(const struct gradebook *book, struct jw *w)
{
    jw_array(w, "columns");
    for (size_t i = 0; i < book->column_count; i++)
        gradebook_write_column(&book->columns[i], w);
    jw_array_end(w);
    jw_str(w, "separator", (struct str){&book->csv.separator, 1});
    jw_int(w, "students", (int64_t)book->row_count);
    jw_int(w, "skipped_rows", (int64_t)book->skipped);
    if (book->date_column == book->column_count &&
        book->at_ms > 0) /* no column of dates: that of --date */
        jw_day(w, "date", day_of_ms(book->at_ms));
    jw_int(w, "results", (int64_t)book->event_count);
}

/* Prints results only for roles before COLUMN_IGNORED. A column without a maximum has its maxima
 * "in cells": 8/10, 80 %. Without a column of dates (book->date_column is book->column_count) all
 * results have the date of --date. */
void gradebook_print(const struct gradebook *book, FILE *out)
{
    char text[CSV_SHOWN_SIZE], day[DAY_TEXT_SIZE];

    (void)fprintf(out, "%-*s  %-8s  %7s  %7s\n", CSV_SHOWN_MAX, "COLUMN", "IS", "MAXIMUM",
                  "RESULTS");
    for (size_t i = 0; i < book->column_count; i++) {
        const struct gradebook_column *column = &book->columns[i];
        bool has_results = column->role < COLUMN_IGNORED;

        (void)fprintf(out, "%-*s  %-8s", CSV_SHOWN_MAX, csv_printable(column->name, text),
                      role_names[column->role]);
        if (has_results && column->max > 0)
            (void)fprintf(out, "  %7g", column->max);
        else
            (void)fprintf(out, "  %7s", has_results ? "in cells" : "");
        if (has_results)
            (void)fprintf(out, "  %7zu", column->results);
        (void)fputc('\n', out);
    }
    (void)fprintf(out,
                  "fields separated by %s; %zu rows of students; %zu rows that are no student's\n",
                  book->csv.separator == '\t'  ? "tabs"
                  : book->csv.separator == ';' ? "semicolons"
                                               : "commas",
                  book->row_count, book->skipped);
    if (book->date_column == book->column_count && book->at_ms > 0) {
        day_print(day_of_ms(book->at_ms), day);
        (void)fprintf(out, "all results are of %s\n", day);
    }
    if (!book->options->course)
        (void)fputs("no --course: results of another course with the same names of columns would "
                    "not count\n",
                    out);
}
