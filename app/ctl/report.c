/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl report: draws a student's history (daily scores) and prediction, or the daily means
 * and quartiles of a cohort. This file reads and computes; report_plot.c draws the chart. A
 * cohort's histories are read in chunks of students, with one round trip for each chunk. Students
 * who have withdrawn consent to analytics are skipped. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/histories.h"
#include "app/ctl/json_line.h"
#include "app/ctl/report_explain.h"
#include "app/ctl/report_plot.h"
#include "app/ctl/subcommand.h"
#include "app/service/predict.h"

/* ARENA_FIRST, ARENA_CAP: size of an arena at first and at most, in bytes. */
enum { ARENA_FIRST = 1 << 20, ARENA_CAP = 256 << 20, TITLE_SIZE = 200 };

struct report_settings {
    const char *student; /* id; NULL: a cohort is reported */
    const char *cohort;  /* id; NULL: a student is reported */
    const char *output;  /* path of the chart; "-": as text on standard output */
    int64_t days;        /* days to predict */
    bool json;
};

/* The scores of a cohort's students at the end of each day; index d of the arrays is a day, 0 is
 * the oldest and HISTORY_DAYS - 1 is today. */
struct cohort_scores {
    int32_t today;                               /* days since the epoch */
    size_t n;                                    /* number of students with a history */
    size_t excluded;                             /* number of students who have withdrawn consent */
    double *scores[HISTORY_DAYS];                /* known[d] scores of day d */
    size_t known[HISTORY_DAYS];                  /* number of students with a score by day d */
    double sums[HISTORY_DAYS][COMPONENTS];       /* sum of each component over the students */
    size_t sum_counts[HISTORY_DAYS][COMPONENTS]; /* number of students in each sum */
};

/* Settings, connections and results of one run of mastery-ctl report; an argument of nearly all
 * functions here. */
struct report_run {
    const struct subcommand *command;
    const struct report_settings *settings;
    struct engine engine;
    struct arena *arena;       /* memory that lives until the end of the run */
    struct arena *chunk_arena; /* replies for one chunk of students */
    int32_t today;             /* days since the epoch */
    struct report report;
    char title[TITLE_SIZE];
};

/* ---- one student ---- */

/* Reads the student's history. Returns false with a problem in p when Redis fails, or when the
 * student has withdrawn consent to analytics or has no history. */
static bool report_read_student(struct report_run *r, struct problem *p)
{
    struct str id = str_of(r->settings->student);
    struct pipeline pipeline;
    struct command *days, *consent;

    pipeline_init(&pipeline, r->chunk_arena, NULL /* owner */);
    days = history_cmd(&pipeline, id, NULL, r->today);
    consent = student_cmd_consent(&pipeline, id);
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !history_parse(days, &r->report.history, p))
        return false;
    if (student_has_withdrawn(consent, CONSENT_ANALYTICS))
        problem_set(p, PROBLEM_FORBIDDEN, "%s has withdrawn consent to analytics",
                    r->settings->student);
    else if (r->report.history.n == 0)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no history of %s", r->settings->student);
    return p->code == PROBLEM_NONE;
}

/* ---- a cohort ---- */

/* Adds one student's score and components to day d of the cohort. A component without evidence
 * (nothing was observed of it yet, its bit in day->known is 0) is not added to the sums. */
static void cohort_scores_add_day(struct cohort_scores *cohort, int d, const struct daily *day)
{
    cohort->scores[d][cohort->known[d]++] = day->score;
    for (int c = 0; c < COMPONENTS; c++) {
        if (!(day->known & (1u << c)))
            continue;
        cohort->sums[d][c] += day->components[c];
        cohort->sum_counts[d][c]++;
    }
}

/* Called by histories_read with one student's history: adds its scores to those of the cohort
 * (context: struct cohort_scores). On a day without a score the latest earlier score is used, so
 * that an inactive student stays in the mean. Days before the first score are not counted. `at` is
 * the number of the history's days up to day d. */
static void cohort_scores_add_student(void *context, const struct history *h)
{
    struct cohort_scores *cohort = context;
    int32_t first = cohort->today - HISTORY_DAYS + 1;
    size_t at = 0;

    if (h->n == 0)
        return;
    cohort->n++;
    for (int d = 0; d < HISTORY_DAYS; d++) {
        while (at < h->n && h->days[at].day <= first + d)
            at++;
        if (at > 0)
            cohort_scores_add_day(cohort, d, &h->days[at - 1]);
    }
}

/* Fills the report's history with the means, and lower and upper with the quartiles, of each day on
 * which at least one student had a score. Bit c of day->known: component c has a mean. */
static void cohort_scores_compute_means(struct report_run *r, struct cohort_scores *cohort)
{
    struct report *report = &r->report;

    for (int d = 0; d < HISTORY_DAYS; d++) {
        size_t n = cohort->known[d], at = report->history.n;
        struct daily *day = &report->history.days[at];

        if (n == 0)
            continue;
        sort_values(cohort->scores[d], n);
        *day = (struct daily){.day = r->today - HISTORY_DAYS + 1 + d,
                              .score = moments_of(cohort->scores[d], n).mean};
        for (int c = 0; c < COMPONENTS; c++) {
            if (cohort->sum_counts[d][c] == 0)
                continue;
            day->known |= 1u << c;
            day->components[c] = cohort->sums[d][c] / (double)cohort->sum_counts[d][c];
        }
        report->lower[at] = percentile_of_sorted(cohort->scores[d], n, 25);
        report->upper[at] = percentile_of_sorted(cohort->scores[d], n, 75);
        report->history.n++;
    }
}

/* Returns an empty struct cohort_scores, with room for the scores of `students` students on each
 * day; NULL when out of memory. */
static struct cohort_scores *cohort_scores_new(struct report_run *r, size_t students)
{
    struct cohort_scores *cohort = arena_zalloc(r->arena, sizeof(*cohort));

    if (!cohort)
        return NULL;
    cohort->today = r->today;
    for (int d = 0; d < HISTORY_DAYS; d++) {
        cohort->scores[d] = arena_array(r->arena, students, sizeof(double));
        if (!cohort->scores[d])
            return NULL;
    }
    return cohort;
}

/* Reads the histories of the cohort's students, and computes the daily means. *ret: the scores of
 * all students. Returns false with a problem in p when Redis fails, or there is no such cohort or
 * no history, or when out of memory. */
static bool report_read_cohort(struct report_run *r, struct cohort_scores **ret, struct problem *p)
{
    struct cohort record;
    struct cohort_scores *cohort;

    if (!cohort_load(&r->engine, r->arena, r->settings->cohort, &record, p))
        return false;
    *ret = cohort = cohort_scores_new(r, record.students.n);
    if (!cohort) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, "out of memory");
        return false;
    }
    if (!histories_read(&r->engine, r->chunk_arena, record.students, r->today,
                        cohort_scores_add_student, cohort, &cohort->excluded, p))
        return false;
    cohort_scores_compute_means(r, cohort);
    r->report.is_group = true;
    if (r->report.history.n == 0)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no history of anybody in %s",
                    r->settings->cohort);
    return r->report.history.n > 0;
}

/* ---- prediction and summary ---- */

/* Predicts the scores of the next days from the history that is drawn (for a cohort its means).
 * *ret: the model that was fitted to it. */
static void report_predict(struct report_run *r, struct forecast *ret)
{
    const struct config *config = &r->engine.config;

    predict_fit(config, predict_model(config), &r->report.history, r->today, ret);
    r->report.days_ahead = (int)r->settings->days;
    for (int i = 0; i < r->report.days_ahead; i++)
        forecast_at(ret, r->today + 1 + i, 0 /* no intervention */, &r->report.predictions[i]);
}

/* Writes the chart's title, which is also the first line of the summary: student or cohort, latest
 * score, trend. cohort is NULL for a student. */
static void report_format_title(struct report_run *r, const struct cohort_scores *cohort,
                                const struct forecast *f)
{
    const struct history *h = &r->report.history;
    double score = h->days[h->n - 1].score;
    const char *trend = r->report.predictions[r->report.days_ahead - 1].trend;
    char subject[TITLE_SIZE / 2];

    if (cohort)
        (void)snprintf(subject, sizeof(subject), "%s, %zu students: mean %.2f", r->settings->cohort,
                       cohort->n, score);
    else
        (void)snprintf(subject, sizeof(subject), "%s: %.2f, %s", r->settings->student, score,
                       level_names[mastery_level(score)]);
    (void)snprintf(r->title, sizeof(r->title), "%s; %s", subject,
                   f->insufficient ? "too few days to predict" : trend);
    r->report.title = r->title;
}

/* Prints title, length of the history, and the last prediction. cohort is NULL for a student. */
static void report_print_summary(const struct report_run *r, const struct cohort_scores *cohort)
{
    const struct prediction *last = &r->report.predictions[r->report.days_ahead - 1];

    (void)printf("%s\n%zu days of history; in %d days %.2f (%.0f %% interval %.2f to %.2f)\n",
                 r->title, r->report.history.n, r->report.days_ahead, last->score,
                 last->interval.level * 100, last->interval.lower, last->interval.upper);
    if (cohort && cohort->excluded > 0)
        (void)printf("%zu students left out: they have withdrawn consent to analytics\n",
                     cohort->excluded);
}

/* Prints the summary as JSON, with all predictions instead of only the last one. cohort is NULL for
 * a student. */
static enum ctl_exit report_print_json(const struct report_run *r,
                                       const struct cohort_scores *cohort, const struct forecast *f)
{
    const struct history *h = &r->report.history;
    const struct daily *latest = &h->days[h->n - 1];
    struct json_line line;
    struct jw *w = json_line_begin(&line, r->arena);

    jw_text(w, cohort ? "cohort_id" : "student_id",
            cohort ? r->settings->cohort : r->settings->student);
    if (cohort) {
        jw_int(w, "students", (int64_t)cohort->n);
        jw_int(w, "withdrawn", (int64_t)cohort->excluded);
    }
    jw_number(w, "score", latest->score);
    jw_text(w, "level", level_names[mastery_level(latest->score)]);
    jw_int(w, "days_of_history", (int64_t)h->n);
    jw_text(w, "trend",
            f->insufficient ? NULL : r->report.predictions[r->report.days_ahead - 1].trend);
    jw_array(w, "predictions");
    for (int i = 0; i < r->report.days_ahead; i++) {
        const struct prediction *p = &r->report.predictions[i];

        jw_object(w, NULL);
        jw_day(w, "date", r->today + 1 + i);
        jw_number(w, "score", p->score);
        jw_number(w, "lower", p->interval.lower);
        jw_number(w, "upper", p->interval.upper);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_text(w, "chart", r->settings->output);
    return json_line_end(&line, r->command, CTL_DONE);
}

/* ---- all of it ---- */

/* Reads the history, predicts, draws the chart, and prints the summary after the chart was drawn.
 * cohort stays NULL for a student. Returns the exit status. */
static enum ctl_exit report_draw_and_print(struct report_run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct cohort_scores *cohort = NULL;
    struct forecast forecast;
    struct explanation explanation;
    bool read = r->settings->cohort ? report_read_cohort(r, &cohort, &p)
                                    : report_read_student(r, &p) &&
                                          report_explain(&r->engine, r->arena, r->settings->student,
                                                         &explanation, &p);

    if (!read)
        return subcommand_fail(r->command, &r->engine, &p);
    report_predict(r, &forecast);
    report_format_title(r, cohort, &forecast);
    if (!report_draw(r->command, r->settings->output, &r->report))
        return CTL_FAILED;
    if (r->settings->json)
        return report_print_json(r, cohort, &forecast);
    report_print_summary(r, cohort);
    if (!cohort)
        report_print_explanation(&explanation);
    return CTL_DONE;
}

/* Checks the options, connects to Redis and draws. struct report_run is in the caller's arena,
 * because it is too big for the stack; it has two arenas of its own, because chunk_arena is reset.
 * engine_close and arena_free also accept what was never opened. */
static enum ctl_exit report_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    struct report_run *r = arena_zalloc(arena, sizeof(*r));
    enum ctl_exit status = CTL_FAILED;

    if (!r)
        return CTL_FAILED;
    r->command = command;
    r->settings = settings;
    if (!r->settings->student == !r->settings->cohort) /* neither of the two options, or both */
        return subcommand_usage_error(command, "either STUDENT or --cohort is required");
    if (r->settings->json && strcmp(r->settings->output, "-") == 0)
        return subcommand_usage_error(command, "--json needs a file as --output, not -");
    r->arena = arena_new(ARENA_FIRST, ARENA_CAP);
    r->chunk_arena = arena_new(ARENA_FIRST, ARENA_CAP);
    if (r->arena && r->chunk_arena &&
        engine_open(&r->engine, "mastery-ctl report", NULL /* router */, 0 /* subsystems */)) {
        r->today = day_of_ms(subcommand_now_ms(&r->engine));
        status = report_draw_and_print(r);
    }
    engine_close(&r->engine);
    arena_free(r->chunk_arena);
    arena_free(r->arena);
    return status;
}

/* clang-format off */
static const struct option_rule report_options[] = {
    {.name = "student", .value_name = "STUDENT", .type = OPTION_OPERAND,
     .offset = offsetof(struct report_settings, student),
     .description = "the student"},
    {.name = "cohort", .value_name = "ID", .type = OPTION_ID,
     .offset = offsetof(struct report_settings, cohort),
     .description = "instead: the mean and quartiles of this cohort's students"},
    {.name = "output", .value_name = "FILE", .type = OPTION_TEXT, .required = true,
     .offset = offsetof(struct report_settings, output),
     .description = "a .png or .svg file; - for text"},
    {.name = "days", .value_name = "N", .type = OPTION_INT, .min = 1, .max = REPORT_AHEAD_MAX,
     .offset = offsetof(struct report_settings, days), .description = "days ahead to predict (14)"},
    OPTION_JSON(report_settings),
    {0},
};
/* clang-format on */

static const struct report_settings report_defaults = {.days = 14};

const struct subcommand report_subcommand = {
    .name = "report",
    .summary = "Draws a student's or a cohort's history and prediction",
    .description =
        "\nThe chart shows the daily scores of the last 90 days over the four levels, the\n"
        "prediction with its interval, and the components. Needs gnuplot. Students who have\n"
        "withdrawn consent to analytics are left out. For a student, the summary explains\n"
        "the score.\n",
    .json = "an object: student_id or cohort_id, score, level, days_of_history, trend, predictions "
            "(date, score, lower, upper), chart; of a cohort also students, withdrawn",
    .options = report_options,
    .default_settings = &report_defaults,
    .settings_size = sizeof(struct report_settings),
    .run = report_run,
};
