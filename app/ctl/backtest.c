/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl backtest: how good predictions would have been on the stored histories. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/plot.h"
#include "app/ctl/subcommand.h"
#include "app/domain/backtest.h"
#include "app/domain/prediction.h"
#include "app/service/history.h"
#include "app/store/cohort.h"
#include "app/store/students.h"

enum { PIECE = 200, HEIGHT = 600, ARENA_FIRST = 1 << 20, ARENA_CAP = 256 << 20 };

static const int horizons[] = {1, 2, 3, 5, 7, 10, 14, 21, 30};
static const char *const method_names[BACKTEST_METHODS] = {[BACKTEST_LEAST_SQUARES] =
                                                               "ordinary_least_squares",
                                                           [BACKTEST_AR1] = "trend_with_memory",
                                                           [BACKTEST_LAST_VALUE] = "the last value",
                                                           [BACKTEST_MEAN] = "the mean"};
enum { HORIZONS = sizeof(horizons) / sizeof(horizons[0]), WEEK = 4 /* place of 7 */ };

struct settings {
    struct str_list students;
    const char *cohort;
    const char *plot;
};

/* Goes through all that one run does. */
struct run {
    const struct subcommand *command;
    const struct settings *settings;
    struct engine engine;
    struct arena *arena; /* of the names of one page */
    struct arena *piece; /* of the histories of one piece */
    struct backtest sums[HORIZONS];
    size_t students; /* with a history long enough to judge anything */
};

/* ---- reading ---- */

static void add(struct run *r, const struct history *h)
{
    double level = r->engine.config.prediction_interval;

    for (int i = 0; i < HORIZONS; i++)
        backtest_add(&r->sums[i], h->days, h->n, horizons[i], level);
    r->students += h->n > PREDICTION_MIN_DAYS;
}

static bool judge_piece(struct run *r, const struct str *students, size_t n, struct problem *p)
{
    int32_t today = day_of_ms(clock_wall_ms());
    struct command *asked[PIECE], *consents[PIECE];
    struct history history;
    struct pipeline pipeline;

    arena_reset(r->piece);
    pipeline_init(&pipeline, r->piece, NULL);
    for (size_t i = 0; i < n; i++) {
        asked[i] = history_cmd(&pipeline, students[i], today);
        consents[i] = student_cmd_consent(&pipeline, students[i]);
    }
    if (!subcommand_round_trip(&r->engine, &pipeline, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!history_parse(asked[i], &history, p))
            return false;
        if (!student_has_withdrawn(consents[i], CONSENT_ANALYTICS))
            add(r, &history);
    }
    return true;
}

static bool judge(struct run *r, struct str_list students, struct problem *p)
{
    for (size_t i = 0; i < students.n; i += PIECE) {
        size_t n = students.n - i < PIECE ? students.n - i : PIECE;

        if (!judge_piece(r, students.v + i, n, p))
            return false;
    }
    return true;
}

static bool judge_cohort(struct run *r, struct problem *p)
{
    struct str id = str_of(r->settings->cohort);
    struct cohort cohort;
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, r->arena, NULL);
    command = cohort_cmd_get(&pipeline, id);
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !cohort_parse(command, r->arena, id, &cohort, p))
        return false;
    if (!cohort.exists)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no cohort %s", r->settings->cohort);
    return cohort.exists && judge(r, cohort.students, p);
}

static bool judge_all(struct run *r, struct problem *p)
{
    struct str cursor = STR("0");
    char kept[32];

    do {
        struct str_list students;
        struct pipeline pipeline;
        struct command *command;

        pipeline_init(&pipeline, r->arena, NULL);
        command = students_cmd_page(&pipeline, cursor);
        if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
            !students_parse_page(command, r->arena, &cursor, &students, p) ||
            !judge(r, students, p))
            return false;
        (void)snprintf(kept, sizeof(kept), "%.*s", STR_ARG(cursor));
        arena_reset(r->arena);
        cursor = str_of(kept);
    } while (!str_equal(cursor, STR("0")));
    return true;
}

/* ---- showing ---- */

/* clang-format off */
static void print_head(double level)
{
    (void)printf("                          covered (%4.1f%%)           mean error                    Brier score\n"
                 "days ahead  predictions    lsq   memory      lsq  memory    last    mean    lsq  memory   last   mean\n",
                 level * 100);
}
/* clang-format on */

static void print_row(int days_ahead, const struct backtest *b)
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

static void print_table(const struct run *r)
{
    print_head(r->engine.config.prediction_interval);
    for (int i = 0; i < HORIZONS; i++)
        print_row(horizons[i], &r->sums[i]);
}

static void print_verdict(const struct run *r)
{
    const struct backtest *b = &r->sums[WEEK];
    enum backtest_method best = BACKTEST_LEAST_SQUARES;

    for (int m = 1; m < BACKTEST_METHODS; m++) {
        if (backtest_mean_error(b, (enum backtest_method)m) < backtest_mean_error(b, best))
            best = (enum backtest_method)m;
    }
    (void)printf("\n%zu students; a week ahead %s errs least\n", r->students, method_names[best]);
}

static void write_data(FILE *out, const struct run *r, enum backtest_method method)
{
    for (int i = 0; i < HORIZONS; i++) {
        if (r->sums[i].n > 0)
            (void)fprintf(out, "%d %.6f\n", horizons[i], backtest_mean_error(&r->sums[i], method));
    }
    (void)fputs("e\n", out);
}

static bool draw(const struct run *r)
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
        write_data(plot.out, r, (enum backtest_method)m);
    return plot_end(r->command, &plot);
}

static enum ctl_exit show(const struct run *r)
{
    if (r->sums[0].n == 0) {
        subcommand_error(r->command, "no history is long enough: it takes four days with a score");
        return CTL_FAILED;
    }
    print_table(r);
    print_verdict(r);
    return !r->settings->plot || draw(r) ? CTL_DONE : CTL_FAILED;
}

/* ---- all of it ---- */

static enum ctl_exit run_with(struct run *r)
{
    const struct settings *s = r->settings;
    struct problem p = {.code = PROBLEM_NONE};
    bool read;

    if (s->students.n > 0)
        read = judge(r, s->students, &p);
    else
        read = s->cohort ? judge_cohort(r, &p) : judge_all(r, &p);
    return read ? show(r) : subcommand_fail(r->command, &r->engine, &p);
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    struct run r = {.command = command, .settings = settings};
    enum ctl_exit status = CTL_FAILED;

    (void)arena;
    if (r.settings->cohort && r.settings->students.n > 0)
        return subcommand_usage_error(command, "--cohort and --student do not go together");
    r.arena = arena_new(ARENA_FIRST, ARENA_CAP);
    r.piece = arena_new(ARENA_FIRST, ARENA_CAP);
    if (r.arena && r.piece && engine_open(&r.engine, "mastery-ctl backtest", NULL, 0))
        status = run_with(&r);
    engine_close(&r.engine);
    arena_free(r.piece);
    arena_free(r.arena);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "student", .value_name = "ID[,ID...]", .type = OPTION_IDS, .offset = offsetof(struct settings, students),
     .description = "these students alone; may be repeated (all)"},
    {.name = "cohort", .value_name = "ID", .type = OPTION_ID, .offset = offsetof(struct settings, cohort),
     .description = "the students of this cohort alone"},
    {.name = "plot", .value_name = "FILE", .type = OPTION_TEXT, .offset = offsetof(struct settings, plot),
     .description = "draws the mean errors: a .png or .svg file, - in letters; by gnuplot"},
    {0},
};
/* clang-format on */

const struct subcommand backtest_subcommand = {
    .name = "backtest",
    .summary = "Tells how good predictions would have been on the stored histories",
    .description =
        "\nTakes every day of every history as the present, predicts from the days up to it\n"
        "what the score is so many days later, and compares with what came true.\n\n"
        "covered      share of true scores inside the predicted interval; an honest interval\n"
        "             gives the share in brackets\n"
        "Brier score  mean square of the probability given to the predicted level, less\n"
        "             whether it came true: 0 is perfect, 0.25 is tossing a coin\n"
        "lsq, memory  PREDICTION_MODEL=ordinary_least_squares and trend_with_memory\n"
        "last, mean   saying that the score stays, or returns to its mean\n",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};
