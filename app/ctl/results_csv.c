/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses results of learners. The valid lines become rows, which are sorted by learner and day;
 * each learner's rows are then replayed through the functions by which the engine counts events. */
#include "app/ctl/results_csv.h"

#include <stdlib.h>

#include "app/base/clock.h"
#include "app/ctl/csv.h"
#include "app/domain/events.h"

/* LINE_MIN: length of the shortest valid line, "a,b,Pass,0,,CMA,0,0". DAY_MAX: largest distance of
 * a day from the beginning of the course. QUESTIONS: number of questions assumed for a quiz, which
 * gives it weight 1. */
enum { LINE_MIN = 19, DAY_MAX = 3660, QUESTIONS = 10 };

enum results_column {
    LEARNER,
    MODULE,
    FINAL_RESULT,
    DAY,
    ASSESSMENT,
    TYPE,
    WEIGHT,
    SCORE,
    COLUMNS
};
static const char *const column_names[COLUMNS + 1] = {[LEARNER] = "learner",
                                                      [MODULE] = "module",
                                                      [FINAL_RESULT] = "final_result",
                                                      [DAY] = "day",
                                                      [ASSESSMENT] = "assessment",
                                                      [TYPE] = "type",
                                                      [WEIGHT] = "weight",
                                                      [SCORE] = "score"};

static const char *const final_results[FINAL_RESULTS + 1] = {[RESULT_DISTINCTION] = "Distinction",
                                                             [RESULT_PASS] = "Pass",
                                                             [RESULT_FAIL] = "Fail",
                                                             [RESULT_WITHDRAWN] = "Withdrawn"};
enum result_type { CMA, TMA };
static const char *const result_types[] = {[CMA] = "CMA", [TMA] = "TMA", NULL};

/* A valid line of the CSV file: one result of a learner. */
struct result_row {
    struct str learner, module;
    size_t line;            /* number of the line, from 1 */
    int final_result, type; /* enum final_result, enum result_type */
    int32_t day;
    double score; /* score as a share, 0 to 1 */
};

/* Parses one of the choices, in upper or lower case. names: the choices, for an error. Returns
 * false after an error. */
static bool results_parse_choice(struct csv_reader *reader, const char *column, struct str field,
                                 const char *const *choices, const char *names, int *ret)
{
    char text[CSV_SHOWN_SIZE];

    for (int i = 0; choices[i]; i++) {
        if (str_equal_nocase(field, str_of(choices[i]))) {
            *ret = i;
            return true;
        }
    }
    return csv_error(reader, reader->line, "%s: \"%s\" is not one of %s", column,
                     csv_printable(field, text), names);
}

/* Parses a day: an integer, where 0 is the beginning of the course. Returns false after an error.
 */
static bool results_parse_day(struct csv_reader *reader, struct str field, int32_t *ret)
{
    char text[CSV_SHOWN_SIZE];
    int64_t day;

    if (!str_to_int64(field, -DAY_MAX, DAY_MAX, &day))
        return csv_error(reader, reader->line, "day: \"%s\" is not a whole number from %d to %d",
                         csv_printable(field, text), -DAY_MAX, DAY_MAX);
    *ret = (int32_t)day;
    return true;
}

/* Parses the fields of a line into a row. Returns false after an error for each wrong field. The
 * weight is checked but not used, because the engine itself weights events. */
static bool results_parse_row(struct csv_reader *reader, const struct str fields[COLUMNS],
                              struct result_row *ret)
{
    double percent = 0, unused_weight;
    bool valid = csv_parse_id(reader, "learner", fields[LEARNER], &ret->learner);

    valid = csv_parse_id(reader, "module", fields[MODULE], &ret->module) && valid;
    valid = results_parse_choice(reader, "final_result", fields[FINAL_RESULT], final_results,
                                 "Distinction, Pass, Fail, Withdrawn", &ret->final_result) &&
            valid;
    valid = results_parse_day(reader, fields[DAY], &ret->day) && valid;
    valid =
        results_parse_choice(reader, "type", fields[TYPE], result_types, "CMA, TMA", &ret->type) &&
        valid;
    valid = csv_parse_number(reader, "weight", fields[WEIGHT], 0, 100, &unused_weight) && valid;
    valid = csv_parse_number(reader, "score", fields[SCORE], 0, 100, &percent) && valid;
    ret->score = percent / 100;
    ret->line = reader->line;
    return valid;
}

/* Compares two rows for qsort: by learner, then day, then number of the line. */
static int result_row_compare(const void *a, const void *b)
{
    const struct result_row *left = a, *right = b;
    int order = str_compare(left->learner, right->learner);

    if (order == 0)
        order = (left->day > right->day) - (left->day < right->day);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

/* Reports each row whose module or final result differs from the previous row of the same learner.
 */
static void results_check_learners(struct csv_reader *reader, const struct result_row *rows,
                                   size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct result_row *before = &rows[i - 1], *row = &rows[i];

        if (!str_equal(before->learner, row->learner))
            continue;
        if (!str_equal(before->module, row->module))
            (void)csv_error(reader, row->line, "module: differs from the learner's in line %zu",
                            before->line);
        else if (before->final_result != row->final_result)
            (void)csv_error(reader, row->line,
                            "final_result: differs from the learner's in line %zu", before->line);
    }
}

/* Returns the event for a row: a quiz for a result marked by a computer (CMA), an exercise for one
 * marked by a tutor (TMA). Its time is noon of its day, counted from 1970-01-01 as the beginning of
 * the course: no figure of the backtest depends on that date. */
static struct learning_event results_event(const struct result_row *row)
{
    int64_t at_ms = day_start_ms(row->day) + DAY_MS / 2;

    if (row->type == CMA)
        return event_of_quiz(
            &(struct quiz_completed){.score = row->score, .questions_total = QUESTIONS}, at_ms);
    return event_of_exercise(&(struct exercise_completed){.difficulty = MEDIUM,
                                                          .completion_rate = 1,
                                                          .correctness = row->score},
                             at_ms);
}

/* Replays the rows of one learner, which begin at `rows` and are in order of time. Fills the
 * learner, and `days`, which has room for all rows, with the closing score of each day. Returns the
 * number of rows. */
static size_t results_replay(const struct result_row *rows, size_t n, struct daily *days,
                             struct results_learner *ret)
{
    struct mastery_state state;
    size_t i = 0;

    *ret = (struct results_learner){.id = rows->learner,
                                    .module = rows->module,
                                    .final_result = rows->final_result,
                                    .days = days};
    mastery_state_init(&state);
    for (; i < n && str_equal(rows[i].learner, ret->id); i++) {
        struct learning_event event = results_event(&rows[i]);

        if (rows[i].day != state.day) /* the first row of a new day */
            ret->n++;
        mastery_state_apply(&state, &event);
        daily_of_state(&state, &days[ret->n - 1]);
    }
    return i;
}

/* Makes the results of sorted rows. False when memory is exhausted. */
static bool results_of_rows(const struct result_row *rows, size_t n, struct arena *arena,
                            struct results *ret)
{
    struct results results = {.learners = arena_array(arena, n, sizeof(*results.learners)),
                              .last_day = INT32_MIN};
    struct daily *days = arena_array(arena, n, sizeof(*days));

    if (!results.learners || !days)
        return false;
    for (size_t i = 0; i < n;) {
        struct results_learner *learner = &results.learners[results.n++];

        i += results_replay(&rows[i], n - i, &days[i], learner);
        if (learner->days[learner->n - 1].day > results.last_day)
            results.last_day = learner->days[learner->n - 1].day;
    }
    *ret = results;
    return true;
}

/* The array has one row more than the text can have valid lines, because each line is parsed into
 * the row after the last valid one before it is known to be valid. */
long results_csv_parse(struct str text, const char *name, struct arena *arena, FILE *errors,
                       struct results *ret)
{
    struct csv_reader reader;
    struct result_row *rows = arena_array(arena, text.n / LINE_MIN + 1, sizeof(*rows));
    struct str fields[CSV_NAMED_MAX];
    size_t n = 0;

    if (!rows || !csv_begin(&reader, text, name, arena, errors))
        return -1;
    reader.column_names = column_names;
    while (csv_next_row(&reader, fields)) {
        if (results_parse_row(&reader, fields, &rows[n]))
            n++;
    }
    qsort(rows, n, sizeof(*rows), result_row_compare);
    results_check_learners(&reader, rows, n);
    if (reader.errors == 0 && !results_of_rows(rows, n, arena, ret))
        return -1;
    return csv_end(&reader);
}
