/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads CSV files as spreadsheets and learning platforms write them (RFC 4180 and its variants):
 * fields separated by commas, semicolons or tabs, which the first line shows; quoted fields with
 * doubled quotes and line breaks; lines that end with LF, CRLF or CR; a byte order mark; Excel's
 * first line "sep=;"; spaces around fields; decimal commas; lines without content, which are
 * skipped. An error names the file, the line and usually the column. Reading continues after an
 * error, so that one run shows all errors, up to CSV_ERRORS_MAX. */
#ifndef CTL_CSV_H
#define CTL_CSV_H

#include <stdio.h>

#include "app/base/buf.h"

/* FILE_MAX: largest file, in bytes. COLUMNS_MAX: most fields of a line. NAMED_MAX: most columns of
 * a fixed list. ERRORS_MAX: errors that are shown. SHOWN_MAX: bytes of a field that an error shows.
 */
enum {
    CSV_FILE_MAX = 16 << 20,
    CSV_COLUMNS_MAX = 2048,
    CSV_NAMED_MAX = 8,
    CSV_ERRORS_MAX = 100,
    CSV_SHOWN_MAX = 40,
    CSV_SHOWN_SIZE = CSV_SHOWN_MAX + 4
};

/* Reads the whole file, or for "-" standard input, which is not closed. Returns 0, or an error
 * number: EFBIG for more than CSV_FILE_MAX bytes. */
int csv_read_file(const char *path, struct buf *ret_text);
/* Returns the name of the file for messages: "standard input" for "-". */
const char *csv_file_name(const char *path);

/* The state of reading one CSV text: what is left of it, and the record that was read last. */
struct csv_reader {
    struct str text;     /* the text that is not read yet */
    const char *name;    /* name of the file, for errors */
    struct arena *arena; /* memory for fields in which doubled quotes were replaced */
    FILE *out;           /* stream that errors are written to */
    char separator;
    size_t line, next_line; /* lines where the last record and the next one begin, from 1 */
    long errors;            /* number of errors so far, including those that were not shown */
    struct str *fields;     /* fields of the last record; room for CSV_COLUMNS_MAX */
    /* used only by csv_next_row: */
    size_t places[CSV_NAMED_MAX];    /* index of each named column in a record */
    size_t width;                    /* fields that each record must have; 0: not known yet */
    const char *const *column_names; /* the named columns, NULL after the last; set by the caller */
};

/* Begins to read a text. Fields point into it or into the arena. For an unreadable encoding
 * (UTF-16) counts an error, and no record follows. Returns false when out of memory. */
bool csv_begin(struct csv_reader *reader, struct str text, const char *name, struct arena *arena,
               FILE *errors);
/* Reads the next record that is not empty into reader->fields. Returns the number of its fields,
 * which are trimmed; 0 at the end. Reports and skips records that cannot be split. */
size_t csv_next_record(struct csv_reader *reader);
/* Reads the next record of a file with the columns reader->column_names, which the caller has set,
 * and returns its fields in the order of that list. If the first record has at least two of the
 * names, in upper or lower case, it is the header: the columns may then have any order, and other
 * columns are ignored. Returns false at the end, and after a header that lacks a column. Reports
 * and skips records with a wrong number of fields. */
bool csv_next_row(struct csv_reader *reader, struct str ret_fields[CSV_NAMED_MAX]);
/* Returns the number of errors. Before that, writes a line about those that were not shown. */
long csv_end(struct csv_reader *reader);

/* Counts an error about a line, and shows it. Always returns false, so that a parser can `return`
 * it. */
bool csv_error(struct csv_reader *reader, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Copies the start of a field to `text` for an error, with ? in place of all but printable ASCII,
 * and "..." at the end when the field is longer. Returns text. */
const char *csv_printable(struct str field, char text[CSV_SHOWN_SIZE]);
/* Parses a number, which may have a decimal comma. Returns false when the field is not a number.
 * *ret_ambiguous: it is refused because its comma may separate thousands, as in 1,000. */
bool csv_to_double(const struct csv_reader *reader, struct str field, double *ret,
                   bool *ret_ambiguous);
/* Parses a number from min to max. False after an error that names the column. */
bool csv_parse_number(struct csv_reader *reader, const char *column, struct str field, double min,
                      double max, double *ret);
/* Parses a learner's id. False after an error that names the column. */
bool csv_parse_id(struct csv_reader *reader, const char *column, struct str field, struct str *ret);

#endif
