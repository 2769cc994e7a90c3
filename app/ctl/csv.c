/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits CSV into records and fields, and reports errors. The callers know the meaning of the
 * columns. */
#include "app/ctl/csv.h"

#include <errno.h>
#include <stdarg.h>

#include "app/base/ids.h"
#include "app/ctl/lines.h"

enum { READ_SIZE = 65536 };

/* ---- files ---- */

/* Reads the stream to its end into out. Returns 0, or an error number: EFBIG as soon as more than
 * CSV_FILE_MAX bytes were read. */
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
    struct line_reader file;
    int error = lines_open(&file, path) ? csv_read_stream(file.in, ret_text) : errno;

    lines_close(&file);
    return error;
}

const char *csv_file_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* ---- errors ---- */

bool csv_error(struct csv_reader *reader, size_t line, const char *format, ...)
{
    va_list args;

    if (reader->errors++ >= CSV_ERRORS_MAX)
        return false;
    (void)fprintf(reader->out, "%s:%zu: ", reader->name, line);
    va_start(args, format);
    (void)vfprintf(reader->out, format, args);
    va_end(args);
    (void)fputc('\n', reader->out);
    return false;
}

long csv_end(struct csv_reader *reader)
{
    if (reader->errors > CSV_ERRORS_MAX)
        (void)fprintf(reader->out, "%s: %ld further errors are not shown\n", reader->name,
                      reader->errors - CSV_ERRORS_MAX);
    return reader->errors;
}

const char *csv_printable(struct str field, char text[CSV_SHOWN_SIZE])
{
    size_t n = field.n < CSV_SHOWN_MAX ? field.n : CSV_SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        text[i] = (char)(field.p[i] >= ' ' && field.p[i] <= '~' ? field.p[i] : '?');
    memcpy(text + n, field.n > n ? "..." : "", field.n > n ? 4 : 1);
    return text;
}

/* ---- records ---- */

/* Removes the first n bytes from the text that is still to be read. */
static void csv_skip(struct csv_reader *reader, size_t n)
{
    reader->text = (struct str){reader->text.p + n, reader->text.n - n};
}

/* Returns whether the text continues with a line break; *ret_n is the length of that. */
static bool csv_at_line_end(struct str text, size_t *ret_n)
{
    if (text.n == 0 || (text.p[0] != '\n' && text.p[0] != '\r'))
        return false;
    *ret_n = text.p[0] == '\r' && text.n > 1 && text.p[1] == '\n' ? 2 : 1;
    return true;
}

/* Cuts a field without quotes off reader->text, and trims it. The text then begins with a separator
 * or a line break, or is empty. */
static struct str csv_cut_plain(struct csv_reader *reader)
{
    struct str field = reader->text;
    size_t n = 0;

    while (n < field.n && field.p[n] != reader->separator && field.p[n] != '\n' &&
           field.p[n] != '\r')
        n++;
    csv_skip(reader, n);
    return str_trim((struct str){field.p, n});
}

/* Returns the text between quotes, with each doubled quote replaced by one; its p is NULL when out
 * of memory. */
static struct str csv_undouble(struct csv_reader *reader, struct str quoted)
{
    char *copy = arena_alloc(reader->arena, quoted.n);
    size_t n = 0;

    for (size_t i = 0; copy && i < quoted.n; i++) {
        copy[n++] = quoted.p[i];
        if (quoted.p[i] == '"')
            i++; /* the second quote of the pair */
    }
    return (struct str){copy, n};
}

/* Cuts a field that begins with a quote off reader->text. *ret is its content, trimmed. The text
 * then begins with a separator or a line break, or is empty. Returns false after an error. */
static bool csv_cut_quoted(struct csv_reader *reader, struct str *ret)
{
    const struct str text = reader->text;
    size_t i = 1, n = 0, doubled = 0;

    for (; i < text.n; i += n) {
        n = 1;
        if (text.p[i] == '"' && (i + 1 == text.n || text.p[i + 1] != '"'))
            break;
        if (csv_at_line_end((struct str){text.p + i, text.n - i}, &n)) {
            reader->next_line++;
        } else if (text.p[i] == '"') {
            doubled++;
            n = 2; /* skips both quotes, of which csv_undouble makes one */
        }
    }
    csv_skip(reader, i < text.n ? i + 1 : text.n);
    if (i >= text.n)
        return csv_error(reader, reader->line, "a quotation mark is opened and not closed");
    *ret = (struct str){text.p + 1, i - 1};
    if (doubled > 0)
        *ret = csv_undouble(reader, *ret);
    if (!ret->p)
        return csv_error(reader, reader->line, "out of memory");
    *ret = str_trim(*ret);
    if (csv_cut_plain(reader).n > 0)
        return csv_error(reader, reader->line, "there is text after a closing quotation mark");
    return true;
}

/* Cuts the next field, with or without quotes, off reader->text, and trims it. The text then begins
 * with a separator or a line break, or is empty. False after an error. */
static bool csv_cut_field(struct csv_reader *reader, struct str *ret)
{
    while (reader->text.n > 0 && reader->text.p[0] == ' ')
        csv_skip(reader, 1);
    if (reader->text.n > 0 && reader->text.p[0] == '"')
        return csv_cut_quoted(reader, ret);
    *ret = csv_cut_plain(reader);
    return true;
}

/* Cuts the next record, with its line break, off reader->text into reader->fields. Fields beyond
 * CSV_COLUMNS_MAX are only counted, for the error. Returns the number of fields; 0 when all are
 * empty, or after an error. */
static size_t csv_cut_record(struct csv_reader *reader)
{
    size_t n = 0, end = 0;
    bool good = true, empty = true;

    reader->line = reader->next_line++;
    for (;;) {
        struct str field = STR("");

        good = csv_cut_field(reader, &field) && good;
        empty = empty && field.n == 0;
        if (n < CSV_COLUMNS_MAX)
            reader->fields[n] = field;
        n++;
        if (reader->text.n == 0 || csv_at_line_end(reader->text, &end))
            break;
        csv_skip(reader, 1);
    }
    csv_skip(reader, end);
    if (n > CSV_COLUMNS_MAX)
        good =
            csv_error(reader, reader->line, "%zu fields; at most %d are read", n, CSV_COLUMNS_MAX);
    return good && !empty ? n : 0;
}

size_t csv_next_record(struct csv_reader *reader)
{
    size_t n = 0;

    while (n == 0 && reader->text.n > 0)
        n = csv_cut_record(reader);
    return n;
}

/* Returns the separator that occurs most often in the first record, outside of quotes; a comma when
 * none does. */
static char csv_find_separator(struct str text)
{
    static const char separators[] = ",;\t";
    size_t counts[sizeof(separators) - 1] = {0}, best = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.n && (quoted || (text.p[i] != '\n' && text.p[i] != '\r')); i++) {
        const char *found = memchr(separators, text.p[i], sizeof(separators) - 1);

        if (text.p[i] == '"')
            quoted = !quoted;
        else if (found && !quoted)
            counts[found - separators]++;
    }
    for (size_t i = 1; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i] > counts[best])
            best = i;
    }
    return separators[best];
}

bool csv_begin(struct csv_reader *reader, struct str text, const char *name, struct arena *arena,
               FILE *errors)
{
    *reader =
        (struct csv_reader){.text = text_without_mark(text),
                            .name = name,
                            .arena = arena,
                            .out = errors,
                            .next_line = 1,
                            .fields = arena_array(arena, CSV_COLUMNS_MAX, sizeof(struct str))};
    if (!reader->fields)
        return false;
    if (reader->text.n > 0 && memchr(reader->text.p, '\0', reader->text.n)) {
        (void)csv_error(reader, 1, "the file is no text in UTF-8: save it as \"CSV UTF-8\"");
        reader->text.n = 0;
    }
    reader->separator = csv_find_separator(reader->text);
    if (reader->text.n > 4 && str_starts_with(reader->text, STR("sep="))) {
        reader->separator = reader->text.p[4];
        csv_skip(reader, 5);
        (void)csv_cut_plain(reader);
        (void)csv_cut_record(reader); /* the rest of this line is empty */
    }
    return true;
}

/* ---- files with a fixed list of columns ---- */

/* Returns how many of the record's n fields are the column's name; *ret_place is the index of the
 * first of them. */
static size_t csv_find_column(const struct csv_reader *reader, size_t n, const char *name,
                              size_t *ret_place)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        if (str_equal_nocase(reader->fields[i], str_of(name)) && found++ == 0)
            *ret_place = i;
    }
    return found;
}

/* Decides whether the first record, of n fields, is a header: it has at least two of the names.
 * Sets the index of each named column (places) and the number of fields of each record (width):
 * those of the header, or without one those of the list of names. Returns false when any error was
 * counted. */
static bool csv_read_header(struct csv_reader *reader, size_t n, bool *ret_is_header)
{
    size_t columns = 0, counts[CSV_NAMED_MAX] = {0}, known = 0;

    for (; columns < CSV_NAMED_MAX && reader->column_names[columns]; columns++) {
        reader->places[columns] = columns;
        counts[columns] =
            csv_find_column(reader, n, reader->column_names[columns], &reader->places[columns]);
        known += counts[columns] > 0;
    }
    *ret_is_header = known > 1;
    reader->width = *ret_is_header ? n : columns;
    for (size_t i = 0; i < columns; i++) {
        if (*ret_is_header && counts[i] == 0)
            (void)csv_error(reader, reader->line, "%s: the header does not have this column",
                            reader->column_names[i]);
        else if (counts[i] > 1)
            (void)csv_error(reader, reader->line, "%s: the header has this column twice",
                            reader->column_names[i]);
        else if (!*ret_is_header)
            reader->places[i] = i;
    }
    return reader->errors == 0;
}

bool csv_next_row(struct csv_reader *reader, struct str ret_fields[CSV_NAMED_MAX])
{
    size_t n;

    while ((n = csv_next_record(reader)) > 0) {
        bool is_header = false;

        if (reader->width == 0 && !csv_read_header(reader, n, &is_header))
            return false;
        if (is_header)
            continue;
        if (n != reader->width) {
            (void)csv_error(reader, reader->line, "%zu fields instead of %zu", n, reader->width);
            continue;
        }
        for (size_t i = 0; i < CSV_NAMED_MAX && reader->column_names[i]; i++)
            ret_fields[i] = reader->fields[reader->places[i]];
        return true;
    }
    return false;
}

/* ---- fields ---- */

/* A comma before exactly three digits may be a separator of thousands, unless semicolons or tabs
 * separate the fields, as they do where the decimal sign is a comma. */
bool csv_to_double(const struct csv_reader *reader, struct str field, double *ret,
                   bool *ret_ambiguous)
{
    const char *comma = field.n > 0 ? memchr(field.p, ',', field.n) : NULL;
    char text[CSV_SHOWN_SIZE];
    size_t whole;

    *ret_ambiguous = false;
    if (!comma)
        return str_to_double(field, ret);
    whole = (size_t)(comma - field.p);
    if (field.n > CSV_SHOWN_MAX)
        return false;
    memcpy(text, field.p, field.n);
    text[whole] = '.';
    *ret_ambiguous = reader->separator == ',' && field.n - whole == 4 && whole > 0 &&
                     !str_equal((struct str){field.p, whole}, STR("0"));
    return !*ret_ambiguous && str_to_double((struct str){text, field.n}, ret);
}

bool csv_parse_number(struct csv_reader *reader, const char *column, struct str field, double min,
                      double max, double *ret)
{
    char text[CSV_SHOWN_SIZE];
    bool ambiguous;
    double value;

    if (csv_to_double(reader, field, &value, &ambiguous) && value >= min && value <= max) {
        *ret = value;
        return true;
    }
    return csv_error(reader, reader->line, "%s: \"%s\" is not a number from %g to %g", column,
                     csv_printable(field, text), min, max);
}

bool csv_parse_id(struct csv_reader *reader, const char *column, struct str field, struct str *ret)
{
    char text[CSV_SHOWN_SIZE];

    if (!id_valid(field))
        return csv_error(reader, reader->line, "%s: \"%s\" is not an id: " ID_FORM, column,
                         csv_printable(field, text));
    *ret = field;
    return true;
}
