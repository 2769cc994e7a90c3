/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/seed_csv.h"

#include <stdarg.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"

/* "a,2026-01-31,0,0,0,0": no good line is shorter, so the text bounds their number. */
enum { LINE_MIN = 20, FIELDS = 2 + COMPONENTS, SHOWN_MAX = 40, SHOWN_SIZE = SHOWN_MAX + 4 };

static const struct str header = STR_INIT("student_id,date,completion,quiz,quality,consistency");

struct row {
    struct str student;
    size_t line;
    struct seed_day day;
};

/* Goes through seed_csv_parse. */
struct reader {
    const char *name;
    FILE *errors;
    int32_t today;
    size_t line;
    long bad;
    struct row *rows;
    size_t n;
};

__attribute__((format(printf, 3, 4))) static bool bad(struct reader *r, size_t line,
                                                      const char *format, ...)
{
    va_list args;

    r->bad++;
    (void)fprintf(r->errors, "%s:%zu: ", r->name, line);
    va_start(args, format);
    (void)vfprintf(r->errors, format, args);
    va_end(args);
    (void)fputc('\n', r->errors);
    return false;
}

/* The start of a field, fit for a terminal. */
static const char *shown(struct str field, char text[SHOWN_SIZE])
{
    size_t n = field.n < SHOWN_MAX ? field.n : SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        text[i] = (char)(field.p[i] >= ' ' && field.p[i] <= '~' ? field.p[i] : '?');
    memcpy(text + n, field.n > n ? "..." : "", field.n > n ? 4 : 1);
    return text;
}

/* Returns how many there are; those beyond FIELDS are only counted. */
static size_t split(struct str line, struct str fields[FIELDS])
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

static bool read_day(struct reader *r, struct str field, int32_t *ret)
{
    char text[SHOWN_SIZE];
    int32_t day;

    if (!day_parse(field, &day))
        return bad(r, r->line, "date: \"%s\" is not a date like 2026-01-31", shown(field, text));
    if (day > r->today)
        return bad(r, r->line, "date: %s is in the future", shown(field, text));
    if (day <= r->today - HISTORY_DAYS)
        return bad(r, r->line, "date: %s is more than %d days ago", shown(field, text),
                   HISTORY_DAYS - 1);
    *ret = day;
    return true;
}

static bool read_component(struct reader *r, int component, struct str field, double *ret)
{
    char text[SHOWN_SIZE];
    double value;

    if (!str_to_double(field, &value) || value < 0 || value > 1)
        return bad(r, r->line, "%s: \"%s\" is not a number from 0 to 1", component_names[component],
                   shown(field, text));
    *ret = value;
    return true;
}

/* The first fault of a line is told. */
static bool read_line(struct reader *r, struct str line, struct row *ret)
{
    struct str fields[FIELDS] = {{0}};
    char text[SHOWN_SIZE];
    size_t n = split(line, fields);

    if (line.n == 0)
        return bad(r, r->line, "the line is empty");
    if (n != FIELDS)
        return bad(r, r->line, "%zu fields instead of %d: %.*s", n, FIELDS, STR_ARG(header));
    if (!id_valid(fields[0]))
        return bad(r, r->line, "student_id: \"%s\" is not an id: 1 to %d of A-Z a-z 0-9 _ -",
                   shown(fields[0], text), ID_MAX);
    if (!read_day(r, fields[1], &ret->day.day))
        return false;
    for (int i = 0; i < COMPONENTS; i++) {
        if (!read_component(r, i, fields[2 + i], &ret->day.components[i]))
            return false;
    }
    ret->student = fields[0];
    ret->line = r->line;
    return true;
}

static void read_lines(struct reader *r, struct str text)
{
    static const struct str mark = STR_INIT("\xEF\xBB\xBF");

    if (str_starts_with(text, mark))
        text = (struct str){text.p + mark.n, text.n - mark.n};
    for (r->line = 1; text.n > 0; r->line++) {
        struct str line = str_cut(&text, '\n');

        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (r->line == 1 && str_equal(line, header))
            continue;
        if (read_line(r, line, &r->rows[r->n]))
            r->n++;
    }
}

static int by_student_and_day(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    int order = str_compare(left->student, right->student);

    if (order == 0)
        order = (left->day.day > right->day.day) - (left->day.day < right->day.day);
    if (order == 0)
        order = (left->line > right->line) - (left->line < right->line);
    return order;
}

static bool same_day(const struct row *a, const struct row *b)
{
    return str_equal(a->student, b->student) && a->day.day == b->day.day;
}

/* Of those for the same day the first line stays. */
static void order_rows(struct reader *r)
{
    struct row *rows = r->rows;
    size_t kept = 0;

    qsort(rows, r->n, sizeof(*rows), by_student_and_day);
    for (size_t i = 0; i < r->n; i++) {
        if (kept > 0 && same_day(&rows[kept - 1], &rows[i]))
            (void)bad(r, rows[i].line, "the same student and date stand in line %zu",
                      rows[kept - 1].line);
        else
            rows[kept++] = rows[i];
    }
    r->n = kept;
}

/* Rows in their order into the plan. */
static bool plan_rows(const struct reader *r, struct arena *arena, struct seed_plan *plan)
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

long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret)
{
    struct reader r = {.name = name, .errors = errors, .today = today};
    struct seed_plan plan;

    r.rows = arena_array(arena, text.n / LINE_MIN + 1, sizeof(*r.rows));
    if (!r.rows)
        return -1;
    read_lines(&r, text);
    order_rows(&r);
    if (!plan_rows(&r, arena, &plan))
        return -1;
    *ret = plan;
    return r.bad;
}
