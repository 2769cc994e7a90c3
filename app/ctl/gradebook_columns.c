/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Determines what the columns of a gradebook are: by the options, else by the names that Moodle and
 * Canvas use and by common words, else by whether the column has numbers. */
#include "app/ctl/gradebook.h"

/* Values of --column, and their roles. */
static const char *const role_words[] = {
    [COLUMN_QUIZ] = "quiz",       [COLUMN_EXERCISE] = "exercise", [COLUMN_LESSON] = "lesson",
    [COLUMN_QUALITY] = "quality", [COLUMN_IGNORED] = "ignore",    NULL};

/* Names of columns with ids of students, the best first; the first that is not empty is used. None
 * of them has results. */
static const char *const student_names[] = {
    "student_id", "student id",   "sis user id",   "id number", "user_id", "user id", "username",
    "login",      "sis login id", "email address", "email",     "e-mail",  "id",      NULL};
/* Names of columns with dates, the best first. */
static const char *const date_names[] = {"date",         "datum",           "day", "submitted",
                                         "submitted at", "submission date", NULL};
/* Names of other columns that have no results, even if there are numbers in them. */
static const char *const ignored_names[] = {
    "first name",  "last name",    "surname",      "name",
    "student",     "student name", "root account", "section",
    "institution", "department",   "group",        "class",
    "phone",       "total",        "grade",        "last downloaded from this course",
    NULL};
/* Ends of the names of columns to ignore: sums, which would count results twice; grades in words;
 * remarks. */
static const char *const ignored_ends[] = {
    " total",        " current points", " final points", "current score", "final score",
    "current grade", "final grade",     "(letter)",      "(feedback)",    NULL};
/* Roles by the beginning of a column's name; results in all other columns count as quizzes. */
static const struct {
    const char *begin;
    enum column_role role;
} beginnings[] = {{"assignment:", COLUMN_EXERCISE}, {"workshop:", COLUMN_EXERCISE},
                  {"exercise", COLUMN_EXERCISE},    {"homework", COLUMN_EXERCISE},
                  {"lesson:", COLUMN_LESSON},       {"scorm package:", COLUMN_LESSON}};
/* First cells of the row of maxima (points of a full result in each column). */
static const char *const max_names[] = {
    "points possible", "maximum", "maximum points", "max", "max points", "out of", NULL};

/* Returns whether the name is one of `names`, in upper or lower case. NULL ends the list. */
static bool name_is_in(struct str name, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        if (str_equal_nocase(name, str_of(names[i])))
            return true;
    }
    return false;
}

/* Returns whether the name begins with this text, in upper or lower case. */
static bool name_begins(struct str name, const char *begin)
{
    size_t n = strlen(begin);

    return name.n >= n && str_equal_nocase((struct str){name.p, n}, str_of(begin));
}

/* Returns whether the name ends with this text, in upper or lower case. */
static bool name_ends(struct str name, const char *end)
{
    size_t n = strlen(end);

    return name.n >= n && str_equal_nocase((struct str){name.p + name.n - n, n}, str_of(end));
}

/* Returns the quiz or assignment (item) in a column's name: the name without the kind of grade that
 * Moodle appends. */
static struct str name_item(struct str name)
{
    static const char *const ends[] = {"(real)", "(percentage)", NULL};

    for (size_t i = 0; ends[i]; i++) {
        if (name_ends(name, ends[i]))
            return str_trim((struct str){name.p, name.n - strlen(ends[i])});
    }
    return name;
}

/* Returns whether the column has this name, in upper or lower case, with or without the kind of
 * grade that Moodle appends. */
static bool column_is_called(const struct gradebook_column *column, struct str name)
{
    return name.n > 0 &&
           (str_equal_nocase(column->name, name) || str_equal_nocase(column->item, name));
}

/* Returns the index of the column with this name; book->column_count when there is none. */
static size_t columns_find(const struct gradebook *book, struct str name)
{
    for (size_t i = 0; i < book->column_count; i++) {
        if (column_is_called(&book->columns[i], name))
            return i;
    }
    return book->column_count;
}

/* Returns whether any cell of the column is not empty. */
static bool column_has_content(const struct gradebook *book, size_t place)
{
    for (size_t i = 0; i < book->row_count; i++) {
        if (book->rows[i].fields[place].n > 0)
            return true;
    }
    return false;
}

/* Returns the index of the column with the first of these names whose cells are not all empty. If
 * there is none, that of the first existing column with one of the names; book->column_count when
 * none exists. */
static size_t columns_find_any(const struct gradebook *book, const char *const *names)
{
    size_t first = book->column_count;

    for (size_t i = 0; names[i]; i++) {
        size_t place = columns_find(book, str_of(names[i]));

        if (place < book->column_count && column_has_content(book, place))
            return place;
        if (first == book->column_count)
            first = place;
    }
    return first;
}

/* ---- rows that are no student's ---- */

/* Sets the maximum of each column by the row of maxima (points of a full result). Skips cells that
 * are no number above 0, such as "(read only)" of Canvas. */
static void columns_read_maxima(struct gradebook *book, const struct gradebook_row *row)
{
    double max;

    for (size_t i = 0; i < book->column_count; i++) {
        if (gradebook_parse_cell(&book->csv, row->fields[i], &max) == CELL_POINTS && max > 0)
            book->columns[i].max = max;
    }
}

/* Returns whether the column may have the students' ids, judged only by its name.
 * columns_find_special, which chooses the column, runs later, when the rows that belong to no
 * student are removed. */
static bool column_may_have_ids(const struct gradebook *book, size_t place)
{
    const struct gradebook_column *column = &book->columns[place];

    return name_is_in(column->item, student_names) ||
           (book->options->student && column_is_called(column, str_of(book->options->student)));
}

/* Returns whether the cell may be in a row of maxima: a number, "(read only)" of Canvas, or an
 * unreadable number such as 1,000. For the latter, the error is then that its column lacks a
 * maximum, which is more helpful than an error about a student without an id. */
static bool cell_may_be_maximum(const struct gradebook *book, struct str cell)
{
    double unused;
    bool ambiguous;

    return str_equal_nocase(cell, STR("(read only)")) ||
           gradebook_parse_cell(&book->csv, cell, &unused) != CELL_INVALID ||
           (!csv_to_double(&book->csv, cell, &unused, &ambiguous) && ambiguous);
}

/* Returns whether the row is the row of maxima: its first cell with text, in the column `first`, is
 * "maximum" or the like and, unlike for a student named Max, no id and no other text follows. */
static bool row_is_maxima(const struct gradebook *book, const struct gradebook_row *row,
                          size_t first)
{
    if (!name_is_in(row->fields[first], max_names))
        return false;
    for (size_t i = first + 1; i < book->column_count; i++) {
        if (row->fields[i].n > 0 &&
            (column_may_have_ids(book, i) || !cell_may_be_maximum(book, row->fields[i])))
            return false;
    }
    return true;
}

/* Returns whether the row is the test student of a Canvas export, who has no id of the school. */
static bool row_is_test_student(const struct gradebook *book, const struct gradebook_row *row)
{
    size_t sis = columns_find(book, STR("SIS User ID"));

    return str_equal_nocase(row->fields[0], STR("Student, Test")) &&
           str_equal_nocase(book->columns[0].name, STR("Student")) &&
           columns_find(book, STR("ID")) < book->column_count &&
           columns_find(book, STR("Section")) < book->column_count &&
           (sis == book->column_count || row->fields[sis].n == 0);
}

/* Returns whether the row is the one in which Canvas only says which grades are posted by hand. */
static bool row_is_manual_posting(const struct gradebook *book, const struct gradebook_row *row)
{
    for (size_t i = 0; i < book->column_count; i++) {
        if (row->fields[i].n > 0 && !str_equal_nocase(row->fields[i], STR("Manual Posting")))
            return false;
    }
    return true;
}

/* Returns whether the row belongs to no student: it is the row of maxima (points of a full result),
 * which is then read, or one of Canvas' own rows. */
static bool row_is_no_student(struct gradebook *book, const struct gradebook_row *row)
{
    size_t first = 0;

    while (row->fields[first].n == 0) /* the loop ends, because empty records are not read */
        first++;
    if (row_is_maxima(book, row, first)) {
        columns_read_maxima(book, row);
        return true;
    }
    return row_is_test_student(book, row) || row_is_manual_posting(book, row);
}

/* Removes the rows that belong to no student from the list. */
static void rows_remove_others(struct gradebook *book)
{
    size_t n = 0;

    for (size_t i = 0; i < book->row_count; i++) {
        if (row_is_no_student(book, &book->rows[i]))
            book->skipped++;
        else
            book->rows[n++] = book->rows[i];
    }
    book->row_count = n;
}

/* ---- options ---- */

/* Splits NAME=VALUE at its last equals sign. Returns the name, and the value in *ret_value. Without
 * an equals sign all of it is the value, and the name is empty. */
static struct str option_split(struct str option, struct str *ret_value)
{
    size_t n = option.n;

    while (n > 0 && option.p[n - 1] != '=')
        n--;
    *ret_value = str_trim((struct str){option.p + n, option.n - n});
    return str_trim((struct str){option.p, n > 0 ? n - 1 : 0});
}

/* Finds the column that an option names. Returns false, after an error, when there is no such
 * column. */
static bool option_find_column(struct gradebook *book, const char *option, struct str name,
                               size_t *ret_place)
{
    char text[CSV_SHOWN_SIZE];

    *ret_place = columns_find(book, name);
    return *ret_place < book->column_count ||
           csv_error(&book->csv, 1, "%s: there is no column \"%s\"", option,
                     csv_printable(name, text));
}

/* Gives columns their roles (quiz, ignore, ...) by --column NAME=ROLE. */
static void options_apply_roles(struct gradebook *book)
{
    const struct str_list *list = &book->options->roles;

    for (size_t i = 0; i < list->n; i++) {
        char text[CSV_SHOWN_SIZE];
        struct str word, name = option_split(list->v[i], &word);
        size_t role = 0, place;

        while (role_words[role] && !str_equal(word, str_of(role_words[role])))
            role++;
        if (!role_words[role]) {
            (void)csv_error(
                &book->csv, 1,
                "--column: \"%s\" is not one of quiz, exercise, lesson, quality, ignore",
                csv_printable(word, text));
        } else if (option_find_column(book, "--column", name, &place)) {
            book->columns[place].role = (enum column_role)role;
            book->columns[place].is_named = true;
        }
    }
}

/* Sets the maximum of each column with this name or item, even if the file has another one; without
 * a name, of all columns that have none yet. */
static void columns_set_max(struct gradebook *book, struct str name, double max)
{
    for (size_t i = 0; i < book->column_count; i++) {
        struct gradebook_column *column = &book->columns[i];

        if (name.n > 0 ? column_is_called(column, name) : column->max <= 0)
            column->max = max;
    }
}

/* Sets maxima by the option --max: NAME=NUMBER, or NUMBER alone for all columns without one. */
static void options_apply_maxima(struct gradebook *book)
{
    const struct str_list *list = &book->options->maxima;

    for (size_t i = 0; i < list->n; i++) {
        char text[CSV_SHOWN_SIZE];
        struct str number, name = option_split(list->v[i], &number);
        size_t unused_place;
        double max;

        if (gradebook_parse_cell(&book->csv, number, &max) != CELL_POINTS || max <= 0)
            (void)csv_error(&book->csv, 1, "--max: \"%s\" is not a number above 0",
                            csv_printable(number, text));
        else if (name.n == 0 || option_find_column(book, "--max", name, &unused_place))
            columns_set_max(book, name, max);
    }
}

/* ---- columns ---- */

/* Returns the role that the column's name implies; for a column that no option names. */
static enum column_role column_role_of_name(const struct gradebook_column *column)
{
    if (column->name.n == 0 || name_is_in(column->item, student_names) ||
        name_is_in(column->item, ignored_names))
        return COLUMN_IGNORED;
    for (size_t i = 0; ignored_ends[i]; i++) {
        if (name_ends(column->item, ignored_ends[i]))
            return COLUMN_IGNORED;
    }
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (name_begins(column->item, beginnings[i].begin))
            return beginnings[i].role;
    }
    return COLUMN_QUIZ;
}

/* Returns whether a cell of the column has a result. Sets the column's has_points if a result is
 * only points, such as 8, for which the column needs a maximum. */
static bool column_has_results(struct gradebook *book, size_t place)
{
    bool found = false;
    double unused;

    for (size_t i = 0; i < book->row_count; i++) {
        enum cell_kind kind =
            gradebook_parse_cell(&book->csv, book->rows[i].fields[place], &unused);

        book->columns[place].has_points |= kind == CELL_POINTS;
        found = found || kind == CELL_POINTS || kind == CELL_SHARE;
    }
    return found;
}

/* Returns whether another column has the same quiz or assignment (item) in percentages, as Moodle
 * exports it. That column is then used, because percentages need no maximum. */
static bool column_has_percentages_elsewhere(const struct gradebook *book, size_t place)
{
    const struct gradebook_column *column = &book->columns[place];

    for (size_t i = 0; i < book->column_count; i++) {
        if (i != place && str_equal_nocase(book->columns[i].item, column->item) &&
            name_ends(book->columns[i].name, "(percentage)") &&
            book->columns[i].role < COLUMN_IGNORED)
            return true;
    }
    return false;
}

/* Reports a column whose results cannot be used: it has no maximum, or the same name as an earlier
 * column. */
static void column_check(struct gradebook *book, size_t place)
{
    const struct gradebook_column *column = &book->columns[place];
    char text[CSV_SHOWN_SIZE];

    (void)csv_printable(column->name, text);
    if (column->has_points && column->max <= 0)
        (void)csv_error(&book->csv, 1,
                        "%s: the maximum is not known: say --max \"%s=NUMBER\", or "
                        "--column \"%s=ignore\"",
                        text, text, text);
    for (size_t i = 0; i < place; i++) {
        if (book->columns[i].role < COLUMN_IGNORED &&
            str_equal_nocase(book->columns[i].item, column->item))
            (void)csv_error(&book->csv, 1, "%s: two columns have this name", text);
    }
}

/* Finds the columns of students and of dates: by --student and --date, else by their names. Sets
 * student_column, date_column (column_count: none) and, if --date is a date, at_ms. Reports what is
 * missing. */
static void columns_find_special(struct gradebook *book)
{
    const struct gradebook_options *options = book->options;

    book->student_column = columns_find_any(book, student_names);
    if (options->student)
        (void)option_find_column(book, "--student", str_of(options->student),
                                 &book->student_column);
    else if (book->student_column == book->column_count)
        (void)csv_error(&book->csv, 1,
                        "no column has the students' ids: name it with --student COLUMN");
    book->date_column = columns_find_any(book, date_names);
    if (options->date && gradebook_parse_date(str_of(options->date), options->now_ms, &book->at_ms))
        book->date_column = book->column_count;
    else if (options->date)
        (void)option_find_column(book, "--date", str_of(options->date), &book->date_column);
    else if (book->date_column == book->column_count)
        (void)csv_error(&book->csv, 1,
                        "the date of the results is not known: say --date 2026-01-31, or --date "
                        "COLUMN");
}

void gradebook_find_columns(struct gradebook *book)
{
    for (size_t i = 0; i < book->column_count; i++) {
        struct gradebook_column *column = &book->columns[i];

        column->item = name_item(column->name);
        column->role = column_role_of_name(column);
        column->max = name_ends(column->name, "(percentage)") ? 100 : 0;
    }
    rows_remove_others(book);
    options_apply_roles(book);
    options_apply_maxima(book);
    columns_find_special(book);
    for (size_t i = 0; i < book->column_count; i++) {
        struct gradebook_column *column = &book->columns[i];

        if (i == book->student_column || i == book->date_column)
            column->role = i == book->student_column ? COLUMN_STUDENT : COLUMN_DATE;
        else if ((!column_has_results(book, i) || column_has_percentages_elsewhere(book, i)) &&
                 !column->is_named)
            column->role = COLUMN_IGNORED;
        else if (column->role < COLUMN_IGNORED)
            column_check(book, i);
    }
}
