/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits CSV into fields, and reports what is wrong in them. The callers know what the columns
 * mean. */
#include "app/ctl/csv.h"

#include <errno.h>
#include <stdarg.h>

#include "app/base/ids.h"

enum { READ_SIZE = 65536 };

/* ---- files ---- */

/* Reads the stream to its end. Returns 0 or an error number. */
static int csv_read_stream(FILE *in, struct buf *out)
{
    while (!feof(in) && !ferror(in) && out->n <= CSV_FILE_MAX) {
        if (!buf_reserve(out, READ_SIZE))
            return ENOMEM;
        out->n += fread(out->p + out->n, 1, READ_SIZE, in);
    }
    if (ferror(in))
        return errno;
    return out->n > CSV_FILE_MAX ? EFBIG : 0;
}

int csv_read_file(const char *path, struct buf *ret_text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    int error = in ? csv_read_stream(in, ret_text) : errno;

    if (in && !is_stdin)
        (void)fclose(in); /* was only read */
    return error;
}

const char *csv_file_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* ---- errors ---- */

bool csv_report_bad(struct csv_reader *r, size_t line, const char *format, ...)
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

const char *csv_printable(struct str field, char text[CSV_SHOWN_SIZE])
{
    size_t n = field.n < CSV_SHOWN_MAX ? field.n : CSV_SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        text[i] = (char)(field.p[i] >= ' ' && field.p[i] <= '~' ? field.p[i] : '?');
    memcpy(text + n, field.n > n ? "..." : "", field.n > n ? 4 : 1);
    return text;
}

/* ---- fields ---- */

bool csv_parse_number(struct csv_reader *r, const char *column, struct str field, double min,
                      double max, double *ret)
{
    char text[CSV_SHOWN_SIZE];
    double value;

    if (!str_to_double(field, &value) || value < min || value > max)
        return csv_report_bad(r, r->line, "%s: \"%s\" is not a number from %g to %g", column,
                              csv_printable(field, text), min, max);
    *ret = value;
    return true;
}

bool csv_parse_id(struct csv_reader *r, const char *column, struct str field, struct str *ret)
{
    char text[CSV_SHOWN_SIZE];

    if (!id_valid(field))
        return csv_report_bad(r, r->line, "%s: \"%s\" is not an id: " ID_FORM, column,
                              csv_printable(field, text));
    *ret = field;
    return true;
}

/* Splits a line at its commas. Returns the number of fields; those after the first `room` are
 * counted but not stored. */
static size_t csv_split(struct str line, struct str *fields, size_t room)
{
    size_t n = 0;
    const char *comma;

    do {
        comma = line.n > 0 ? memchr(line.p, ',', line.n) : NULL;
        if (n < room)
            fields[n] = (struct str){line.p, comma ? (size_t)(comma - line.p) : line.n};
        if (comma)
            line = (struct str){comma + 1, line.n - (size_t)(comma - line.p) - 1};
        n++;
    } while (comma);
    return n;
}

/* Cuts the next line, without its end, from the text. False at the end of the text. */
static bool csv_cut_line(struct csv_reader *r, struct str *ret)
{
    if (r->text.n == 0)
        return false;
    r->line++;
    *ret = str_cut(&r->text, '\n');
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
        ret->n--;
    return true;
}

/* A byte order mark and the names of the columns are skipped in the first line. */
bool csv_next_line(struct csv_reader *r, struct str ret_fields[CSV_COLUMNS_MAX], bool *ret_valid)
{
    static const struct str byte_order_mark = STR_INIT("\xEF\xBB\xBF");
    struct str line;
    size_t n;

    if (r->line == 0 && str_starts_with(r->text, byte_order_mark))
        r->text = (struct str){r->text.p + byte_order_mark.n, r->text.n - byte_order_mark.n};
    if (!csv_cut_line(r, &line))
        return false;
    if (r->line == 1 && str_equal(line, r->header) && !csv_cut_line(r, &line))
        return false;
    n = csv_split(line, ret_fields, r->columns);
    *ret_valid = line.n > 0 && n == r->columns;
    if (line.n == 0)
        (void)csv_report_bad(r, r->line, "the line is empty");
    else if (n != r->columns)
        (void)csv_report_bad(r, r->line, "%zu fields instead of %zu: %.*s", n, r->columns,
                             STR_ARG(r->header));
    return true;
}
