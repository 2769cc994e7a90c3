/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl backtest: measures how good predictions would have been on the stored histories
 * (daily scores of students). A horizon is a number of days from the last known score to the
 * predicted one. Histories are read in chunks of students, one round trip each. app/domain/backtest
 * adds up their errors, so that only sums stay in memory. Students who have withdrawn consent to
 * analytics are left out. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/histories.h"
#include "app/ctl/plot.h"
#include "app/ctl/subcommand.h"
#include "app/domain/backtest.h"
#include "app/domain/prediction.h"
#include "app/store/students.h"

/* HEIGHT: of the chart, in pixels */
enum { HEIGHT = 600, ARENA_FIRST = 1 << 20, ARENA_CAP = 256 << 20 };

/* The horizons, in days. */
static const int horizons[] = {1, 2, 3, 5, 7, 10, 14, 21, 30};
static const char *const method_names[BACKTEST_METHODS] = {[BACKTEST_LEAST_SQUARES] =
                                                               "ordinary_least_squares",
                                                           [BACKTEST_AR1] = "trend_with_memory",
                                                           [BACKTEST_LAST_VALUE] = "the last value",
                                                           [BACKTEST_MEAN] = "the mean"};
enum { HORIZONS = sizeof(horizons) / sizeof(horizons[0]), WEEK = 4 /* horizons[WEEK] is 7 */ };

struct backtest_settings {
    struct str_list students; /* ids; empty: not given */
    const char *cohort;       /* id; NULL: not given */
    const char *plot;         /* path of the chart, "-" for text; NULL: no chart */
};

/* Settings, connections and results of one run of mastery-ctl backtest; an argument of nearly all
 * functions here. */
struct backtest_run {
    const struct subcommand *command;
    const struct backtest_settings *settings;
    struct engine engine;
    struct arena *page_arena;       /* ids of one page of students */
    struct arena *chunk_arena;      /* replies for one chunk of students */
    struct backtest sums[HORIZONS]; /* sums of errors for each horizon */
    size_t students;                /* number of histories long enough for a prediction */
};

/* ---- reading ---- */

/* Adds all predictions of one history to the sums. */
static void backtest_add_history(void *context, const struct history *h)
{
    struct backtest_run *r = context;
    double interval_level = r->engine.config.prediction_interval;

    for (int i = 0; i < HORIZONS; i++)
        backtest_add(&r->sums[i], h->days, h->n, horizons[i], interval_level);
    r->students += h->n > PREDICTION_MIN_DAYS;
}

/* Adds the histories of these students to the sums. False with a problem in p when Redis fails. The
 * number of students who have withdrawn consent is not shown. */
static bool backtest_add_students(struct backtest_run *r, struct str_list students,
                                  struct problem *p)
{
    size_t withdrawn = 0;

    return histories_read(&r->engine, r->chunk_arena, students,
                          day_of_ms(subcommand_now_ms(&r->engine)), backtest_add_history, r,
                          &withdrawn, p);
}

/* Adds the histories of all students in Redis, which SCAN finds page by page. The cursor says where
 * SCAN continues; it is copied before page_arena, which has it, is reset. The cursor "0" begins and
 * ends the scan. False with a problem in p when Redis fails. */
static bool backtest_add_everyone(struct backtest_run *r, struct problem *p)
{
    struct str cursor = STR("0");
    char cursor_text[32];

    do {
        struct str_list students;
        struct pipeline pipeline;
        struct command *command;

        pipeline_init(&pipeline, r->page_arena, NULL /* owner */);
        command = students_cmd_page(&pipeline, cursor);
        if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
            !students_parse_page(command, r->page_arena, &cursor, &students, p) ||
            !backtest_add_students(r, students, p))
            return false;
        (void)snprintf(cursor_text, sizeof(cursor_text), "%.*s", STR_ARG(cursor));
        arena_reset(r->page_arena);
        cursor = str_of(cursor_text);
    } while (!str_equal(cursor, STR("0")));
    return true;
}

/* ---- showing ---- */

/* Prints the two header lines of the table. interval_level is the share of true scores that the
 * models' prediction intervals should cover; "covered" below it is the share that they did. */
static void backtest_print_header(double interval_level)
{
    (void)printf("%26scovered (%4.1f%%)           mean error                    Brier score\n"
                 "days ahead  predictions    lsq   memory      lsq  memory    last    mean"
                 "    lsq  memory   last   mean\n",
                 "", interval_level * 100);
}

/* Prints the row of one horizon: coverage of the two models, then mean error and Brier score of all
 * four methods. */
static void backtest_print_row(int days_ahead, const struct backtest *b)
{
    (void)printf("%10d  %11zu ", days_ahead, b->n);
    for (int m = 0; m < BACKTEST_MODELS; m++)
        (void)printf("  %5.1f%%", backtest_coverage(b, (enum backtest_method)m) * 100);
    (void)printf(" ");
    for (int m = 0; m < BACKTEST_METHODS; m++)
        (void)printf("  %.4f", backtest_mean_error(b, (enum backtest_method)m));
    for (int m = 0; m < BACKTEST_METHODS; m++)
        (void)printf("  %.3f", backtest_brier(b, (enum backtest_method)m));
    (void)putchar('\n');
}

static void backtest_print_table(const struct backtest_run *r)
{
    backtest_print_header(r->engine.config.prediction_interval);
    for (int i = 0; i < HORIZONS; i++)
        backtest_print_row(horizons[i], &r->sums[i]);
}

/* Prints which method has the smallest mean error at the horizon of seven days, by which teachers
 * plan. */
static void backtest_print_best(const struct backtest_run *r)
{
    const struct backtest *b = &r->sums[WEEK];
    enum backtest_method best = BACKTEST_LEAST_SQUARES;

    for (int m = 1; m < BACKTEST_METHODS; m++) {
        if (backtest_mean_error(b, (enum backtest_method)m) < backtest_mean_error(b, best))
            best = (enum backtest_method)m;
    }
    (void)printf("\n%zu students; a week ahead %s errs least\n", r->students, method_names[best]);
}

/* Writes the mean error of one method at each horizon as gnuplot's inline data, which end with
 * "e". */
static void backtest_plot_data(FILE *out, const struct backtest_run *r, enum backtest_method method)
{
    for (int i = 0; i < HORIZONS; i++) {
        if (r->sums[i].n > 0)
            (void)fprintf(out, "%d %.6f\n", horizons[i], backtest_mean_error(&r->sums[i], method));
    }
    (void)fputs("e\n", out);
}

/* Draws the mean error of each method over the horizons. False when gnuplot fails. */
static bool backtest_plot(const struct backtest_run *r)
{
    struct plot plot;

    if (!plot_begin(r->command, r->settings->plot, HEIGHT, &plot))
        return false;
    (void)fputs("set title 'Mean error of predictions'\nset xlabel 'days ahead'\n"
                "set ylabel 'mean |predicted - true|'\nset yrange [0:*]\n"
                "set key left top noenhanced\nset grid\nplot ",
                plot.out);
    for (int m = 0; m < BACKTEST_METHODS; m++)
        (void)fprintf(plot.out, "%s'-' with linespoints title '%s'", m > 0 ? ", " : "",
                      method_names[m]);
    (void)fputc('\n', plot.out);
    for (int m = 0; m < BACKTEST_METHODS; m++)
        backtest_plot_data(plot.out, r, (enum backtest_method)m);
    return plot_end(r->command, &plot);
}

/* Prints the results, and draws them if --plot is given. */
static enum ctl_exit backtest_report(const struct backtest_run *r)
{
    if (r->sums[0].n == 0) {
        subcommand_error(r->command, "no history is long enough: it takes four days with a score");
        return CTL_FAILED;
    }
    backtest_print_table(r);
    backtest_print_best(r);
    return !r->settings->plot || backtest_plot(r) ? CTL_DONE : CTL_FAILED;
}

/* ---- all of it ---- */

/* Reads the histories of the given students, of the given cohort, or of all students, and prints
 * the results. */
static enum ctl_exit backtest_students(struct backtest_run *r)
{
    const struct backtest_settings *s = r->settings;
    struct problem p = {.code = PROBLEM_NONE};
    struct cohort cohort;
    bool read;

    if (s->students.n > 0)
        read = backtest_add_students(r, s->students, &p);
    else if (s->cohort)
        read = cohort_load(&r->engine, r->page_arena, s->cohort, &cohort, &p) &&
               backtest_add_students(r, cohort.students, &p);
    else
        read = backtest_add_everyone(r, &p);
    return read ? backtest_report(r) : subcommand_fail(r->command, &r->engine, &p);
}

/* The options are checked before Redis is contacted. The arena of the caller is not used, because
 * this run needs two that can be reset. engine_close and arena_free accept what was never
 * opened. */
static enum ctl_exit backtest_run(const struct subcommand *command, const void *settings,
                                  struct arena *arena)
{
    struct backtest_run r = {.command = command, .settings = settings};
    enum ctl_exit status = CTL_FAILED;

    (void)arena;
    if (r.settings->cohort && r.settings->students.n > 0)
        return subcommand_usage_error(command, "--cohort and --student exclude each other");
    r.page_arena = arena_new(ARENA_FIRST, ARENA_CAP);
    r.chunk_arena = arena_new(ARENA_FIRST, ARENA_CAP);
    if (r.page_arena && r.chunk_arena &&
        engine_open(&r.engine, "mastery-ctl backtest", NULL /* router */, 0 /* subsystems */))
        status = backtest_students(&r);
    engine_close(&r.engine);
    arena_free(r.chunk_arena);
    arena_free(r.page_arena);
    return status;
}

/* clang-format off */
static const struct option_rule backtest_options[] = {
    {.name = "student", .value_name = "ID[,ID...]", .type = OPTION_IDS,
     .offset = offsetof(struct backtest_settings, students),
     .description = "only these students; may be repeated (default: all)"},
    {.name = "cohort", .value_name = "ID", .type = OPTION_ID,
     .offset = offsetof(struct backtest_settings, cohort),
     .description = "only the students of this cohort"},
    {.name = "plot", .value_name = "FILE", .type = OPTION_TEXT,
     .offset = offsetof(struct backtest_settings, plot),
     .description = "draw the mean errors with gnuplot: a .png or .svg file, - for text"},
    {0},
};
/* clang-format on */

const struct subcommand backtest_subcommand = {
    .name = "backtest",
    .summary = "Measures how good predictions would have been on the stored histories",
    .description =
        "\nFor every day of every history, predicts from the days up to it what the score is N\n"
        "days later, and compares the prediction with the score on that day.\n\n"
        "covered      share of true scores inside the predicted interval; an honest interval\n"
        "             gives the share in brackets\n"
        "Brier score  mean square of the probability given to the predicted level, less\n"
        "             whether it came true: 0 is perfect, 0.25 is tossing a coin\n"
        "lsq, memory  PREDICTION_MODEL=ordinary_least_squares and trend_with_memory\n"
        "last, mean   saying that the score stays, or returns to its mean\n",
    .options = backtest_options,
    .settings_size = sizeof(struct backtest_settings),
    .run = backtest_run,
};
