/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl report: a student's, or a cohort's, history and prediction as a chart. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/report_plot.h"
#include "app/ctl/subcommand.h"
#include "app/service/predict.h"
#include "app/store/cohort.h"

enum { PIECE = 200, ARENA_FIRST = 1 << 20, ARENA_CAP = 256 << 20, TITLE_SIZE = 200 };

struct settings {
    const char *student;
    const char *cohort;
    const char *output;
    int64_t days;
};

/* What is known of a group by day, as it stood at the close of each. */
struct group {
    size_t n;                     /* students with data */
    size_t left_out;              /* who have withdrawn consent to analytics */
    double *scores[HISTORY_DAYS]; /* of the known[d] students who had a score by then */
    size_t known[HISTORY_DAYS];
    double sums[HISTORY_DAYS][COMPONENTS];
    size_t summed[HISTORY_DAYS][COMPONENTS];
};

/* Goes through all that one run does. */
struct run {
    const struct subcommand *command;
    const struct settings *settings;
    struct engine engine;
    struct arena *arena; /* of all that stays */
    struct arena *piece; /* of the histories of one piece */
    int32_t today;
    struct report report;
    char title[TITLE_SIZE];
};

/* ---- one student ---- */

static bool read_student(struct run *r, struct problem *p)
{
    struct str id = str_of(r->settings->student);
    struct pipeline pipeline;
    struct command *days, *consent;

    pipeline_init(&pipeline, r->piece, NULL);
    days = history_cmd(&pipeline, id, r->today);
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

static void add_day(struct group *g, int d, const struct daily *day)
{
    g->scores[d][g->known[d]++] = day->score;
    for (int c = 0; c < COMPONENTS; c++) {
        if (!(day->known & (1u << c)))
            continue;
        g->sums[d][c] += day->components[c];
        g->summed[d][c]++;
    }
}

/* Each day counts with the latest score up to it, so that nobody drops out by being idle. */
static void add_student(struct run *r, struct group *g, const struct history *h)
{
    int32_t first = r->today - HISTORY_DAYS + 1;
    size_t at = 0;

    if (h->n == 0)
        return;
    g->n++;
    for (int d = 0; d < HISTORY_DAYS; d++) {
        while (at < h->n && h->days[at].day <= first + d)
            at++;
        if (at > 0)
            add_day(g, d, &h->days[at - 1]);
    }
}

static bool add_piece(struct run *r, struct group *g, const struct str *students, size_t n,
                      struct problem *p)
{
    struct command *asked[PIECE], *consents[PIECE];
    struct history history;
    struct pipeline pipeline;

    arena_reset(r->piece);
    pipeline_init(&pipeline, r->piece, NULL);
    for (size_t i = 0; i < n; i++) {
        asked[i] = history_cmd(&pipeline, students[i], r->today);
        consents[i] = student_cmd_consent(&pipeline, students[i]);
    }
    if (!subcommand_round_trip(&r->engine, &pipeline, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!history_parse(asked[i], &history, p))
            return false;
        if (student_has_withdrawn(consents[i], CONSENT_ANALYTICS))
            g->left_out++;
        else
            add_student(r, g, &history);
    }
    return true;
}

/* The days of the group on which anybody had a score. */
static void take_means(struct run *r, struct group *g)
{
    struct report *report = &r->report;

    for (int d = 0; d < HISTORY_DAYS; d++) {
        size_t n = g->known[d], at = report->history.n;
        struct daily *day = &report->history.days[at];

        if (n == 0)
            continue;
        sort_values(g->scores[d], n);
        *day = (struct daily){.day = r->today - HISTORY_DAYS + 1 + d,
                              .score = moments_of(g->scores[d], n).mean};
        for (int c = 0; c < COMPONENTS; c++) {
            if (g->summed[d][c] == 0)
                continue;
            day->known |= 1u << c;
            day->components[c] = g->sums[d][c] / (double)g->summed[d][c];
        }
        report->lower[at] = percentile_of_sorted(g->scores[d], n, 25);
        report->upper[at] = percentile_of_sorted(g->scores[d], n, 75);
        report->history.n++;
    }
}

static bool read_roster(struct run *r, struct cohort *ret, struct problem *p)
{
    struct str id = str_of(r->settings->cohort);
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, r->arena, NULL);
    command = cohort_cmd_get(&pipeline, id);
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !cohort_parse(command, r->arena, id, ret, p))
        return false;
    if (!ret->exists)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no cohort %s", r->settings->cohort);
    return ret->exists;
}

static struct group *new_group(struct run *r, size_t students)
{
    struct group *g = arena_zalloc(r->arena, sizeof(*g));

    for (int d = 0; g && d < HISTORY_DAYS; d++) {
        g->scores[d] = arena_array(r->arena, students, sizeof(double));
        if (!g->scores[d])
            return NULL;
    }
    return g;
}

static bool read_cohort(struct run *r, struct group **ret, struct problem *p)
{
    struct cohort cohort;
    struct group *g;

    if (!read_roster(r, &cohort, p))
        return false;
    *ret = g = new_group(r, cohort.students.n);
    if (!g) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, "out of memory");
        return false;
    }
    for (size_t i = 0; i < cohort.students.n; i += PIECE) {
        size_t n = cohort.students.n - i < PIECE ? cohort.students.n - i : PIECE;

        if (!add_piece(r, g, cohort.students.v + i, n, p))
            return false;
    }
    take_means(r, g);
    r->report.is_group = true;
    if (r->report.history.n == 0)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no history of anybody in %s",
                    r->settings->cohort);
    return r->report.history.n > 0;
}

/* ---- what is said about it ---- */

static void predict(struct run *r, struct forecast *ret)
{
    predict_fit(&r->engine.config, &r->report.history, ret);
    r->report.days_ahead = (int)r->settings->days;
    for (int i = 0; i < r->report.days_ahead; i++)
        forecast_at(ret, r->today + 1 + i, 0, &r->report.predictions[i]);
}

static void make_title(struct run *r, const struct group *g, const struct forecast *f)
{
    const struct history *h = &r->report.history;
    double score = h->days[h->n - 1].score;
    char who[TITLE_SIZE / 2];

    if (g)
        (void)snprintf(who, sizeof(who), "%s, %zu students: mean %.2f", r->settings->cohort, g->n,
                       score);
    else
        (void)snprintf(who, sizeof(who), "%s: %.2f, %s", r->settings->student, score,
                       level_names[mastery_level(score)]);
    (void)snprintf(r->title, sizeof(r->title), "%s; %s", who,
                   f->insufficient ? "too few days to predict" : f->trend);
    r->report.title = r->title;
}

static void print_summary(const struct run *r, const struct group *g)
{
    const struct prediction *last = &r->report.predictions[r->report.days_ahead - 1];

    (void)printf("%s\n%zu days of history; in %d days %.2f (%.0f %% interval %.2f to %.2f)\n",
                 r->title, r->report.history.n, r->report.days_ahead, last->score,
                 last->interval.level * 100, last->interval.lower, last->interval.upper);
    if (g && g->left_out > 0)
        (void)printf("%zu left out: no consent to analytics\n", g->left_out);
}

/* ---- all of it ---- */

static enum ctl_exit run_with(struct run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct group *g = NULL;
    struct forecast forecast;
    bool read = r->settings->cohort ? read_cohort(r, &g, &p) : read_student(r, &p);

    if (!read)
        return subcommand_fail(r->command, &r->engine, &p);
    predict(r, &forecast);
    make_title(r, g, &forecast);
    if (!report_draw(r->command, r->settings->output, &r->report))
        return CTL_FAILED;
    print_summary(r, g);
    return CTL_DONE;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    struct run *r = arena_zalloc(arena, sizeof(*r));
    enum ctl_exit status = CTL_FAILED;

    if (!r)
        return CTL_FAILED;
    r->command = command;
    r->settings = settings;
    if (!r->settings->student == !r->settings->cohort)
        return subcommand_usage_error(command, "one STUDENT, or --cohort");
    r->today = day_of_ms(clock_wall_ms());
    r->arena = arena_new(ARENA_FIRST, ARENA_CAP);
    r->piece = arena_new(ARENA_FIRST, ARENA_CAP);
    if (r->arena && r->piece && engine_open(&r->engine, "mastery-ctl report", NULL, 0))
        status = run_with(r);
    engine_close(&r->engine);
    arena_free(r->piece);
    arena_free(r->arena);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "student", .value_name = "STUDENT", .type = OPTION_OPERAND, .offset = offsetof(struct settings, student),
     .description = "whose"},
    {.name = "cohort", .value_name = "ID", .type = OPTION_ID, .offset = offsetof(struct settings, cohort),
     .description = "instead: of this cohort, the mean and the quartiles of its students"},
    {.name = "output", .value_name = "FILE", .type = OPTION_TEXT, .required = true, .offset = offsetof(struct settings, output),
     .description = "a .png or .svg file; - draws in letters"},
    {.name = "days", .value_name = "N", .type = OPTION_INT, .min = 1, .max = REPORT_AHEAD_MAX,
     .offset = offsetof(struct settings, days), .description = "how far the prediction goes (14)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.days = 14};

const struct subcommand report_subcommand = {
    .name = "report",
    .summary = "Draws a student's or a cohort's history and prediction",
    .description =
        "\nThe chart shows the daily scores of the last 90 days over the four levels, the\n"
        "prediction with its interval, and the components; by gnuplot. Who has withdrawn\n"
        "consent to analytics is left out.\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};
