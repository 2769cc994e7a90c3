/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl backtest: measures how good predictions would have been on histories (daily scores of
 * students). The histories are those in Redis, read in chunks of students with one round trip for
 * each chunk, or those of a CSV file, which needs no server. app/domain/backtest sums up the
 * errors, so that histories do not stay in memory. Students who have withdrawn consent to analytics
 * are skipped. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/backtest_print.h"
#include "app/ctl/csv.h"
#include "app/ctl/histories.h"
#include "app/ctl/subcommand.h"
#include "app/ctl/terminal.h"
#include "app/store/scan_cursor.h"
#include "app/store/students.h"

enum { ARENA_FIRST = 1 << 20, ARENA_CAP = 256 << 20 }; /* arenas: bytes at first, and at most */

struct backtest_settings {
    struct str_list students; /* ids; empty: not given */
    const char *cohort;       /* id; NULL: not given */
    const char *csv;          /* path of the CSV file, "-": standard input; NULL: not given */
    const char *plot;         /* path of the chart, "-" for text; NULL: no chart */
    int model;                /* enum prediction_model: the model of the chart and the ranking */
    bool json;
};

static const struct backtest_settings backtest_defaults = {.model = PROJECTION};

/* Settings, connections and results of one run of mastery-ctl backtest; an argument of nearly all
 * functions here. */
struct backtest_run {
    const struct subcommand *command;
    const struct backtest_settings *settings;
    struct arena *arena;       /* lives until the program ends */
    struct engine engine;      /* used only without --csv */
    struct arena *page_arena;  /* ids of one page of students */
    struct arena *chunk_arena; /* replies for one chunk of students */
    struct results results;    /* results of the CSV file, with --csv only */
    int32_t end;               /* last day of the histories, in days since the epoch */
    struct backtest_report report;
    struct progress progress;
};

/* Prints why the run has failed, and returns CTL_FAILED. */
static enum ctl_exit backtest_fail(const struct backtest_run *run, const char *why)
{
    subcommand_error(run->command, "%s", why);
    return CTL_FAILED;
}

/* ---- results ---- */

/* Prints the results as text or, with --json, as JSON, and draws them if --plot is given. Returns
 * CTL_FAILED after an error, such as when no prediction could be judged. */
static enum ctl_exit backtest_show(struct backtest_run *run)
{
    const struct backtest_settings *settings = run->settings;

    progress_clear();
    if (backtest_learners(run->report.backtest) == 0)
        return backtest_fail(run,
                             "no history is long enough: none has activity in a week after its "
                             "first one");
    if (!(settings->json ? backtest_print_json : backtest_print_text)(&run->report, run->arena))
        return backtest_fail(run, "out of memory");
    return !settings->plot || backtest_plot(run->command, settings->plot, &run->report)
               ? CTL_DONE
               : CTL_FAILED;
}

/* Makes the report, to which no history has been added yet. interval_level: the probability of the
 * predicted intervals. False when out of memory. */
static bool backtest_begin(struct backtest_run *run, double interval_level)
{
    run->report = (struct backtest_report){.backtest = backtest_new(interval_level),
                                           .model = (enum prediction_model)run->settings->model,
                                           .interval_level = interval_level};
    return run->report.backtest;
}

/* ---- histories in Redis ---- */

/* Called by histories_read with each history: adds the errors of all its predictions to the sums.
 * context: the backtest_run. */
static void backtest_add_history(void *context, const struct history *history)
{
    struct backtest_run *run = context;

    backtest_add(run->report.backtest, history->days, history->n, run->end);
}

/* Adds the histories of these students to the sums of errors. False with a problem in p when Redis
 * fails. How many of them have withdrawn consent (and are skipped) is not shown, so it is not used.
 */
static bool backtest_add_students(struct backtest_run *run, struct str_list students,
                                  struct problem *p)
{
    size_t withdrawn = 0;

    return histories_read(&run->engine, run->chunk_arena, students, run->end, backtest_add_history,
                          run, &withdrawn, p);
}

/* Adds the histories of all students in Redis, which SCAN finds page by page. The cursor, where
 * SCAN continues, is copied before page_arena, which contains it, is reset. The cursor "0" begins
 * and ends the scan. Returns false with a problem in p when Redis fails. */
static bool backtest_add_everyone(struct backtest_run *run, struct problem *p)
{
    size_t keys = subcommand_key_count(&run->engine), seen = 0;
    struct str cursor = STR("0");
    char cursor_text[SCAN_CURSOR_SIZE];

    do {
        struct str_list students;
        struct pipeline pipeline;
        struct command *command;

        pipeline_init(&pipeline, run->page_arena, NULL /* owner */);
        command = students_cmd_page(&pipeline, cursor);
        if (!subcommand_round_trip(&run->engine, &pipeline, p) ||
            !students_parse_page(command, run->page_arena, &cursor, &students, p) ||
            !backtest_add_students(run, students, p))
            return false;
        (void)snprintf(cursor_text, sizeof(cursor_text), "%.*s", STR_ARG(cursor));
        arena_reset(run->page_arena);
        cursor = str_of(cursor_text);
        run->progress.what = "keys";
        seen += STUDENTS_PAGE_KEYS;
        progress_draw(&run->progress, seen, keys, -1);
    } while (!str_equal(cursor, STR("0")));
    return true;
}

/* Reads the histories of the given students, of the given cohort, or of all students, and prints
 * the results. */
static enum ctl_exit backtest_students(struct backtest_run *run)
{
    const struct backtest_settings *settings = run->settings;
    struct problem p = {.code = PROBLEM_NONE};
    struct cohort cohort;
    bool read;

    if (!backtest_begin(run, run->engine.config.prediction_interval))
        return backtest_fail(run, "out of memory");
    run->end = day_of_ms(subcommand_now_ms(&run->engine));
    if (settings->students.n > 0)
        read = backtest_add_students(run, settings->students, &p);
    else if (settings->cohort)
        read = cohort_load(&run->engine, run->page_arena, settings->cohort, &cohort, &p) &&
               backtest_add_students(run, cohort.students, &p);
    else
        read = backtest_add_everyone(run, &p);
    return read ? backtest_show(run) : subcommand_fail(run->command, &run->engine, &p);
}

/* Connects to Redis and measures predictions on the stored histories. engine_close and arena_free
 * accept what was never opened. */
static enum ctl_exit backtest_stored(struct backtest_run *run)
{
    enum ctl_exit status = CTL_FAILED;

    run->page_arena = arena_new(ARENA_FIRST, ARENA_CAP);
    run->chunk_arena = arena_new(ARENA_FIRST, ARENA_CAP);
    if (run->page_arena && run->chunk_arena &&
        engine_open(&run->engine, "mastery-ctl backtest", NULL /* router */, 0 /* subsystems */))
        status = backtest_students(run);
    engine_close(&run->engine);
    arena_free(run->chunk_arena);
    arena_free(run->page_arena);
    return status;
}

/* ---- a CSV file ---- */

/* Measures predictions on the results in the CSV file, which are the histories of learners. Nothing
 * is measured when a line of it is invalid. */
static enum ctl_exit backtest_csv(struct backtest_run *run)
{
    const char *path = run->settings->csv;
    struct results *results = &run->results;
    struct buf text;
    int error;
    long bad;

    buf_init(&text, run->arena);
    error = csv_read_file(path, &text);
    if (error != 0) {
        subcommand_error(run->command, "%s: %s", csv_file_name(path), strerror(error));
        return CTL_FAILED;
    }
    bad = results_csv_parse(buf_view(&text), csv_file_name(path), run->arena, stderr, results);
    if (bad > 0) {
        subcommand_error(run->command, "%ld error%s: nothing is measured", bad,
                         bad == 1 ? "" : "s");
        return CTL_FAILED;
    }
    if (bad < 0 || !backtest_begin(run, PREDICTION_LEVEL))
        return backtest_fail(run, "out of memory");
    run->progress.what = "learners";
    for (size_t i = 0; i < results->n; i++) {
        progress_draw(&run->progress, i, results->n, -1);
        backtest_add(run->report.backtest, results->learners[i].days, results->learners[i].n,
                     results->last_day);
    }
    run->report.results = results;
    return backtest_show(run);
}

/* ---- all of it ---- */

/* Runs the subcommand: measures predictions on the results in a CSV file, or on the histories in
 * Redis. The options are checked before anything is read. */
static enum ctl_exit backtest_run(const struct subcommand *command, const void *settings,
                                  struct arena *arena)
{
    struct backtest_run run = {.command = command, .settings = settings, .arena = arena};
    enum ctl_exit status;

    if ((run.settings->cohort != NULL) + (run.settings->students.n > 0) +
            (run.settings->csv != NULL) >
        1)
        return subcommand_usage_error(command, "--cohort, --student and --csv exclude each other");
    status = run.settings->csv ? backtest_csv(&run) : backtest_stored(&run);
    backtest_free(run.report.backtest);
    return status;
}

#define SETTING(member) .offset = offsetof(struct backtest_settings, member)
/* clang-format off */
static const struct option_rule backtest_options[] = {
    {.name = "student", .value_name = "ID[,ID...]", .type = OPTION_IDS, SETTING(students),
     .description = "only these students; may be repeated (default: all)"},
    {.name = "cohort", .value_name = "ID", .type = OPTION_ID, SETTING(cohort),
     .description = "only the students of this cohort"},
    {.name = "csv", .value_name = "FILE", .type = OPTION_TEXT, SETTING(csv),
     .description = "replay the results in this file instead; - for standard input"},
    {.name = "model", .value_name = "MODEL", .type = OPTION_CHOICE,
     .choices = prediction_model_names, SETTING(model),
     .description = "model of the plot and of the ranking (projection)"},
    OPTION_JSON(backtest_settings),
    {.name = "plot", .value_name = "FILE", .type = OPTION_TEXT, SETTING(plot),
     .description = "draw predictions against truths: a .png or .svg file, - for text"},
    {0},
};
/* clang-format on */

const struct subcommand backtest_subcommand = {
    .name = "backtest",
    .summary = "Measures how good predictions would have been on past histories",
    .description =
        "\nAt the end of each seventh day of every history, predicts from the days up to it the\n"
        "score 7, 14 and 28 days later, by each model, and compares it with the score that the\n"
        "student had then. Only predictions after which the student was active are counted.\n"
        "Under each figure is its 95% interval, by a bootstrap over students.\n\n"
        "MAE, RMSE    mean error; root of the mean square of the errors\n"
        "coverage     share of true scores inside the predicted interval; an honest interval\n"
        "             gives its level\n"
        "width        mean width of the interval\n"
        "Brier        mean square of the probability given to a score below 0.5, less whether\n"
        "             the score was below: 0 is perfect, 0.25 is tossing a coin\n"
        "skill        1 - MAE / MAE of saying that the score stays\n\n"
        "FILE has results of courses, one a line, with the columns\n"
        "  learner,module,final_result,day,assessment,type,weight,score\n"
        "as in the Open University Learning Analytics Dataset; type is CMA or TMA, score 0 to\n"
        "100. With it, no server is needed.\n",
    .json = "an object: learners, interval_level, results (for each horizon and model each figure "
            "with its interval), and with FILE ranking",
    .options = backtest_options,
    .default_settings = &backtest_defaults,
    .settings_size = sizeof(struct backtest_settings),
    .run = backtest_run,
};
