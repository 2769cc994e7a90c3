/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Understands a gradebook for mastery-ctl import: a CSV file (csv.h) with a row for each student
 * and a column for each quiz or assignment, as Moodle and Canvas export it and as teachers keep it.
 * Each result becomes a learning event. The event's id is made of the course, the student, the
 * column's name and, if a column has the dates, the day, so that the same result has the same id
 * in every file. */
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

/* What the user has said about the file. */
struct gradebook_options {
    const char *student;    /* name of the column with the students' ids; NULL: found by name */
    const char *date;       /* a date, or the name of the column of dates; NULL: found by name */
    const char *course;     /* distinguishes results of this course from others; NULL: none */
    struct str_list roles;  /* NAME=ROLE; ROLE is quiz, exercise, lesson, quality or ignore */
    struct str_list maxima; /* NAME=NUMBER, or NUMBER for all other columns */
    int64_t now_ms;         /* now; results of today get this time if noon is still to come */
};

struct gradebook_column {
    struct str name; /* as in the file; empty: the column has none, and is ignored */
    struct str item; /* the name without "(Real)" or "(Percentage)" at its end */
    enum column_role role;
    bool is_named;  /* --column says what the column is */
    bool has_plain; /* a cell has points alone, such as 8; 8/10 and 80 % are not plain */
    double max;     /* points of a full result; 0: not known */
    size_t results;
};

struct gradebook_row {
    struct str *fields; /* one for each column */
    size_t line;
    struct str student;
    int64_t at_ms;
};

struct gradebook {
    const struct gradebook_options *options;
    struct arena *arena;
    struct csv_reader csv;
    struct gradebook_column *columns; /* n columns */
    size_t n;
    struct gradebook_row *rows; /* row_count rows, all of students */
    size_t row_count, skipped;
    size_t student, date;    /* places of these columns; n: there is none */
    int64_t at_ms;           /* time of all results, if no column has the dates */
    struct buf events;       /* learning events, one JSON object a line */
    struct str *event_names; /* of each event, for messages, printable: "FILE:LINE: COLUMN" */
    size_t event_count;
};

/* Reads the whole file. For each error "NAME:LINE: COLUMN: REASON" is written to `errors`. Returns
 * the number of errors, or -1 when memory is exhausted; *ret is filled as far as the file was
 * understood, and its events may be sent only without errors. */
long gradebook_read(struct str text, const char *name, const struct gradebook_options *options,
                    struct arena *arena, FILE *errors, struct gradebook *ret);
/* Prints what was understood: each column, what it counts as, its maximum and its results. */
void gradebook_print(const struct gradebook *book, FILE *out);
/* Writes what gradebook_print prints as members of the open object of w. */
void gradebook_write_json(const struct gradebook *book, struct jw *w);

/* ---- steps of gradebook_read ---- */

/* Finds out what each column is, from the header, the options and all rows, and reads the row of
 * maxima. Errors are counted in book->csv. */
void gradebook_find_columns(struct gradebook *book);

/* What a cell has: no result, a share of the possible points (8/10, 80 %), points (8), whose
 * maximum the column must have, or other text. */
enum cell_kind { CELL_EMPTY, CELL_SHARE, CELL_POINTS, CELL_INVALID };
/* Reads a cell such as 8, 8.5, 8,5, 8/10, 80 % or -. Of CELL_SHARE *ret is the share of the points,
 * of CELL_POINTS the points. */
enum cell_kind gradebook_parse_cell(const struct csv_reader *r, struct str cell, double *ret);
/* Reads a date such as 2026-01-31 or 31.01.2026, which means noon in UTC (or now_ms, if that is
 * before noon of the same day), with or without a time, or a time of RFC 3339, which is used. */
bool gradebook_parse_date(struct str text, int64_t now_ms, int64_t *ret_ms);

#endif
