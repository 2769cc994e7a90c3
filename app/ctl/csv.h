/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads CSV files for mastery-ctl. A file has a fixed list of columns. Its lines end with LF or
 * CRLF. A byte order mark, and a first line with exactly the names of the columns, are allowed.
 * Quotes, spaces and empty lines are errors. An error names the file and the line; reading goes on
 * after it, so that one run shows all errors. */
#ifndef CTL_CSV_H
#define CTL_CSV_H

#include <stdio.h>

#include "app/base/buf.h"

/* FILE_MAX: largest file, in bytes. COLUMNS_MAX: most columns of a file. SHOWN_MAX: bytes of a
 * field that an error shows. */
enum {
    CSV_FILE_MAX = 16 << 20,
    CSV_COLUMNS_MAX = 8,
    CSV_SHOWN_MAX = 40,
    CSV_SHOWN_SIZE = CSV_SHOWN_MAX + 4
};

/* Reads all of a file, or of standard input for "-", which is not closed. Returns 0, or an error
 * number: EFBIG for more than CSV_FILE_MAX bytes. */
int csv_read_file(const char *path, struct buf *ret_text);
/* The name of the file for messages: "standard input" for "-". */
const char *csv_file_name(const char *path);

struct csv_reader {
    /* set by the caller */
    struct str text;   /* what is left to read */
    struct str header; /* names of the columns, separated by commas */
    const char *name;  /* name of the file, for errors */
    FILE *errors;      /* stream that errors are written to */
    size_t columns;    /* number of names in header, at most CSV_COLUMNS_MAX */
    /* set by the functions below; zeroed by the caller */
    size_t line;    /* number of the line that is being parsed, from 1 */
    long bad_lines; /* number of errors; a caller reports one for each line */
};

/* Splits the next line into its fields, which point into the text. False at the end of the text.
 * *ret_valid is false when the line does not have the right number of fields, which is reported. */
bool csv_next_line(struct csv_reader *r, struct str ret_fields[CSV_COLUMNS_MAX], bool *ret_valid);

/* Writes an error about a line and counts it. Always returns false, so that a parser can `return`
 * it. */
bool csv_report_bad(struct csv_reader *r, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Copies the start of a field to `text` for an error, with ? in place of all but printable ASCII,
 * and "..." at the end when the field is longer. Returns text. */
const char *csv_printable(struct str field, char text[CSV_SHOWN_SIZE]);
/* Parses a number from min to max. False after an error that names the column. */
bool csv_parse_number(struct csv_reader *r, const char *column, struct str field, double min,
                      double max, double *ret);
/* Parses a learner's id. False after an error that names the column. */
bool csv_parse_id(struct csv_reader *r, const char *column, struct str field, struct str *ret);

#endif
