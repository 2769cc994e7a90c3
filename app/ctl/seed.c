/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/subcommand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/ctl/seed_csv.h"
#include "app/ctl/seed_curve.h"
#include "app/ctl/terminal.h"

enum { STUDENTS_MAX = 10000, PIECE = 65536 };

struct settings {
    struct seed_curve curve;
    const char *file; /* NULL: none; "-": standard input */
    bool keep_going;
};

static const struct settings presets = {
    .curve =
        {.prefix = "load_", .days = 30, .from = 0.4, .to = 0.8, .noise = 0.05, .random_seed = 1},
};

/* Goes through a run of the command. */
struct seeding {
    const struct subcommand *command;
    const struct settings *settings;
    struct arena *arena;
    int64_t now_ms;
    struct seed_plan plan;
    bool something_refused;
};

/* ---- the plan ---- */

static bool makes_history(const struct seed_curve *c)
{
    return c->students.n > 0 || c->student_count > 0;
}

/* Whether options for made-up history were given that a file has no use for. */
static bool shapes_history(const struct seed_curve *c)
{
    const struct seed_curve *p = &presets.curve;

    return c->prefix != p->prefix || c->days != p->days || c->random_seed != p->random_seed ||
           c->from < p->from || c->from > p->from || c->to < p->to || c->to > p->to ||
           c->noise < p->noise || c->noise > p->noise;
}

static const char *usage_error(const struct settings *s)
{
    if (!s->file && !makes_history(&s->curve))
        return "who? Name students by --student or --students, or a FILE";
    if (s->file && (makes_history(&s->curve) || shapes_history(&s->curve)))
        return "a FILE says all: of the options only --keep-going goes with it";
    return NULL;
}

static bool read_all(FILE *in, struct buf *out)
{
    while (!feof(in) && !ferror(in) && out->n <= SEED_CSV_MAX) {
        if (!buf_reserve(out, PIECE)) {
            errno = ENOMEM;
            return false;
        }
        out->n += fread(out->p + out->n, 1, PIECE, in);
    }
    if (out->n > SEED_CSV_MAX)
        errno = EFBIG;
    return !ferror(in) && out->n <= SEED_CSV_MAX;
}

static bool read_file(struct seeding *s, struct buf *out)
{
    const char *path = s->settings->file;
    bool is_stdin = strcmp(path, "-") == 0, good;
    FILE *in = is_stdin ? stdin : fopen(path, "re");

    good = in && read_all(in, out);
    if (!good)
        subcommand_error(s->command, "%s: %s", is_stdin ? "standard input" : path, strerror(errno));
    if (in && !is_stdin)
        (void)fclose(in); /* was only read */
    return good;
}

static enum ctl_exit plan_file(struct seeding *s)
{
    const char *path = s->settings->file;
    struct buf text;
    long bad;

    buf_init(&text, s->arena);
    if (!read_file(s, &text))
        return CTL_FAILED;
    bad = seed_csv_parse(buf_view(&text), strcmp(path, "-") == 0 ? "standard input" : path,
                         day_of_ms(s->now_ms), s->arena, stderr, &s->plan);
    if (bad < 0) {
        subcommand_error(s->command, "out of memory");
        return CTL_FAILED;
    }
    if (bad == 0)
        return CTL_DONE;
    s->something_refused = true;
    if (s->settings->keep_going)
        return CTL_DONE;
    subcommand_error(s->command, "%ld bad line%s: nothing is written (--keep-going loads the rest)",
                     bad, bad == 1 ? "" : "s");
    return CTL_FAILED;
}

static enum ctl_exit plan(struct seeding *s)
{
    char error[200];

    if (s->settings->file)
        return plan_file(s);
    if (seed_curve_plan(&s->settings->curve, day_of_ms(s->now_ms), s->arena, &s->plan, error))
        return CTL_DONE;
    return subcommand_usage_error(s->command, error);
}

/* ---- writing ---- */

static void on_refused(void *own, struct str student, const char *why)
{
    struct seeding *s = own;

    progress_clear();
    subcommand_error(s->command, "%.*s: %s", STR_ARG(student), why);
}

static void on_progress(void *own, size_t done, size_t total)
{
    (void)own;
    progress_update(done, total, "days");
}

static void print_summary(const struct seed *seed, int64_t took_us)
{
    (void)printf("%zu student%s, %zu day%s, %.1f s\n", seed->students_written,
                 seed->students_written == 1 ? "" : "s", seed->days_written,
                 seed->days_written == 1 ? "" : "s", (double)took_us / 1e6);
}

static void tell_store_is_away(const struct seeding *s, const struct store *store)
{
    const char *why = store_last_error(store);

    if (store_connected(store))
        why = "it takes no writes at the moment";
    subcommand_error(s->command, "Redis is away: %s", *why ? why : "no answer");
}

static enum ctl_exit write_plan(struct seeding *s, struct engine *engine)
{
    struct seed seed = {.students = s->plan.students,
                        .n = s->plan.n,
                        .now_ms = s->now_ms,
                        .keep_going = s->settings->keep_going,
                        .context = s,
                        .on_refused = on_refused,
                        .on_progress = on_progress};
    int64_t began_us = clock_monotonic_us();
    enum seed_outcome outcome = seed_run(&seed, engine);

    progress_clear();
    print_summary(&seed, clock_monotonic_us() - began_us);
    switch (outcome) {
    case SEED_DONE: return s->something_refused ? CTL_FAILED : CTL_DONE;
    case SEED_REFUSED: return CTL_FAILED;
    case SEED_UNAVAILABLE: tell_store_is_away(s, engine->store); return CTL_UNAVAILABLE;
    case SEED_NO_MEMORY: subcommand_error(s->command, "out of memory"); return CTL_FAILED;
    }
    return CTL_FAILED;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    struct seeding s = {
        .command = command, .settings = settings, .arena = arena, .now_ms = clock_wall_ms()};
    const char *error = usage_error(settings);
    struct engine engine;
    enum ctl_exit status;

    if (error)
        return subcommand_usage_error(command, error);
    status = plan(&s);
    if (status != CTL_DONE)
        return status;
    status =
        engine_open(&engine, "mastery-ctl seed", NULL, 0) ? write_plan(&s, &engine) : CTL_FAILED;
    engine_close(&engine);
    return status;
}

/* ---- options ---- */

#define INTO(member) .offset = offsetof(struct settings, member)
/* clang-format off */
static const struct option_rule options[] = {
    {.name = "student", .value_name = "ID[,ID...]", .type = OPTION_IDS, INTO(curve.students),
     .description = "make up history of these; may be repeated"},
    {.name = "students", .value_name = "N", .type = OPTION_INT, .min = 1, .max = STUDENTS_MAX, INTO(curve.student_count),
     .description = "make up history of N students, PREFIX1 to PREFIXN"},
    {.name = "prefix", .value_name = "PREFIX", .type = OPTION_TEXT, INTO(curve.prefix),
     .description = "what their ids begin with (load_)"},
    {.name = "days", .value_name = "N", .type = OPTION_INT, .min = 1, .max = HISTORY_DAYS, INTO(curve.days),
     .description = "days of history, the last one today (30)"},
    {.name = "from", .value_name = "VALUE", .type = OPTION_SHARE, INTO(curve.from),
     .description = "where the values begin, 0 to 1 (0.4)"},
    {.name = "to", .value_name = "VALUE", .type = OPTION_SHARE, INTO(curve.to),
     .description = "where they end (0.8)"},
    {.name = "noise", .value_name = "DEVIATION", .type = OPTION_SHARE, INTO(curve.noise),
     .description = "normal noise around the line, 0 to 1 (0.05)"},
    {.name = "random-seed", .value_name = "NUMBER", .type = OPTION_INT, .min = 0, .max = INT64_MAX, INTO(curve.random_seed),
     .description = "another number, other noise (1)"},
    {.name = "keep-going", .type = OPTION_FLAG, INTO(keep_going),
     .description = "leave out what cannot be loaded, and load the rest"},
    {.name = "file", .value_name = "FILE", .type = OPTION_OPERAND, INTO(file),
     .description = "CSV file to load instead; - for standard input"},
    {0},
};
/* clang-format on */

const struct subcommand seed_subcommand = {
    .name = "seed",
    .summary = "Writes days of history into the store",
    .description =
        "\nMade up for the students named, or from the lines of a file:\n"
        "  student_id,date,completion,quiz,quality,consistency\n"
        "with dates of the last 90 days, UTC, and values from 0 to 1. All is checked before\n"
        "anything is written. History cannot be put before data that a student already has.\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};
