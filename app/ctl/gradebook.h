/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a gradebook for mastery-ctl import: a CSV file (csv.h) with a row for each student and a
 * column for each quiz or assignment, as Moodle and Canvas export it and as teachers keep it. Each
 * result becomes a learning event. The id of the event is made from the course, the student, the
 * column's name and, if a column has the dates, the day, so that the same result has the same id in
 * every file. */
#ifndef CTL_GRADEBOOK_H
#define CTL_GRADEBOOK_H

#include "app/base/json_write.h"
#include "app/ctl/csv.h"

/* What a column is. The roles up to COLUMN_IGNORED are also values of --column. */
enum column_role {
    COLUMN_QUIZ,
    COLUMN_EXERCISE,
    COLUMN_LESSON,
    COLUMN_QUALITY,
    COLUMN_IGNORED,
    COLUMN_STUDENT,
    COLUMN_DATE,
    COLUMN_ROLES
};

/* The options of the command line about the file. */
struct gradebook_options {
    const char *student;    /* name of the column with the students' ids; NULL: found by name */
    const char *date;       /* a date, or the name of the column of dates; NULL: found by name */
    const char *course;     /* distinguishes results of this course from others; NULL: none */
    struct str_list roles;  /* NAME=ROLE; ROLE is quiz, exercise, lesson, quality or ignore */
    struct str_list maxima; /* NAME=NUMBER, or NUMBER for all other columns */
    int64_t now_ms;         /* now; results of today get this time if noon is still to come */
};

struct gradebook_column {
    struct str name; /* name in the file; empty: the column has none, and is ignored */
    struct str item; /* the name without "(Real)" or "(Percentage)" at its end */
    enum column_role role;
    bool is_named;   /* --column says what the column is */
    bool has_points; /* a cell has points alone, such as 8, instead of 8/10 or 80 % */
    double max;      /* points of a full result; 0: not known */
    size_t results;  /* number of cells with a result */
};

struct gradebook_row {
    struct str *fields; /* fields of the row, one for each column */
    size_t line;        /* line of the file where the row begins, from 1 */
    struct str student; /* id; empty: not valid */
    int64_t at_ms;      /* time of the row's results (epoch ms) */
};

struct gradebook {
    const struct gradebook_options *options;
    struct arena *arena;
    struct csv_reader csv;
    struct gradebook_column *columns; /* column_count columns */
    size_t column_count;
    struct gradebook_row *rows; /* row_count rows, all of students */
    size_t row_count;
    size_t skipped; /* number of rows that belong to no student */
    /* indexes in `columns` of the students' ids and of the dates; column_count: there is none */
    size_t student_column, date_column;
    int64_t at_ms;           /* time of all results, if no column has the dates */
    struct buf events;       /* learning events, one JSON object in each line */
    struct str *event_names; /* a printable name of each event for messages: "FILE:LINE: COLUMN" */
    size_t event_count;
};

/* Reads the whole file. Writes "NAME:LINE: COLUMN: REASON" to `errors` for each error. Returns the
 * number of errors, or -1 when out of memory. *ret is filled as far as the file was understood; its
 * events may be sent only if there are no errors. */
long gradebook_read(struct str text, const char *name, const struct gradebook_options *options,
                    struct arena *arena, FILE *errors, struct gradebook *ret);
/* Prints what was understood: each column, what it counts as, its maximum and its results. */
void gradebook_print(const struct gradebook *book, FILE *out);
/* Writes what gradebook_print prints as members of the open object of w. */
void gradebook_write_json(const struct gradebook *book, struct jw *w);

/* ---- steps of gradebook_read ---- */

/* Determines what each column is from the header, the options and all rows, and reads the row of
 * maxima. Errors are counted in book->csv. */
void gradebook_find_columns(struct gradebook *book);

/* The content of a cell: no result, a share of the possible points (8/10, 80 %), points (8), for
 * which the column must have a maximum, or other text. */
enum cell_kind { CELL_EMPTY, CELL_SHARE, CELL_POINTS, CELL_INVALID };
/* Reads a cell such as 8, 8.5, 8,5, 8/10, 80 % or -. *ret is the share for CELL_SHARE, the points
 * for CELL_POINTS. */
enum cell_kind gradebook_parse_cell(const struct csv_reader *reader, struct str cell, double *ret);
/* Reads a date such as 2026-01-31 or 31.01.2026, with or without a time, or a time of RFC 3339.
 * Only the latter sets the time; any other date means noon in UTC, or now_ms if that is before noon
 * of the same day. False for other text. */
bool gradebook_parse_date(struct str text, int64_t now_ms, int64_t *ret_ms);

#endif
