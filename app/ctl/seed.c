/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl seed: writes days of history into Redis. The history is generated (seed_curve.c) or
 * comes from a CSV file (seed_csv.c). Both make a plan, the list of all students and days to write,
 * which is complete and checked before the first write. */
#include "app/ctl/subcommand.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/ctl/csv.h"
#include "app/ctl/json_line.h"
#include "app/ctl/seed_csv.h"
#include "app/ctl/seed_curve.h"
#include "app/ctl/terminal.h"

enum { STUDENTS_MAX = 10000 };

struct seed_settings {
    struct seed_curve curve; /* settings of generated history */
    const char *file;        /* path of the CSV file; "-": standard input; NULL: generate */
    bool keep_going;         /* true: skip what cannot be written and write the rest */
    bool dry_run;            /* true: only make the plan */
    bool json;
};

static const struct seed_settings seed_defaults = {
    .curve =
        {.prefix = "load_", .days = 30, .from = 0.4, .to = 0.8, .noise = 0.05, .random_seed = 1},
};

/* Everything about one run of mastery-ctl seed. */
struct seeding {
    const struct subcommand *command;
    const struct seed_settings *settings;
    struct arena *arena;
    int64_t now_ms;
    struct seed_plan plan;
    bool has_bad_lines; /* true: the CSV file has invalid lines, which were skipped */
    struct progress progress;
};

/* ---- the plan ---- */

/* True when students to generate are named (--student) or counted (--students). */
static bool curve_has_students(const struct seed_curve *curve)
{
    return curve->students.n > 0 || curve->student_count > 0;
}

/* Returns whether an option for generated history differs from its default; --prefix does so
 * whenever it is given, because its pointer is compared. Such options have no effect together with
 * a file, so they are then refused. Doubles are compared by < and >, because the compiler warns
 * about == on doubles. */
static bool curve_has_shape(const struct seed_curve *curve)
{
    const struct seed_curve *defaults = &seed_defaults.curve;

    return curve->prefix != defaults->prefix || curve->days != defaults->days ||
           curve->random_seed != defaults->random_seed || curve->from < defaults->from ||
           curve->from > defaults->from || curve->to < defaults->to || curve->to > defaults->to ||
           curve->noise < defaults->noise || curve->noise > defaults->noise;
}

/* Returns what is wrong with the combination of options, NULL when it is allowed. */
static const char *seed_usage_error(const struct seed_settings *settings)
{
    if (!settings->file && !curve_has_students(&settings->curve))
        return "--student, --students or a FILE is required";
    if (settings->file &&
        (curve_has_students(&settings->curve) || curve_has_shape(&settings->curve)))
        return "with a FILE only --keep-going and --dry-run are allowed: the file has all "
               "students, days and "
               "values";
    return NULL;
}

/* Makes the plan from the CSV file. Invalid lines end the run before anything is written, except
 * with --keep-going, which skips them. Returns CTL_DONE when the plan may be written. */
static enum ctl_exit seed_plan_file(struct seeding *seeding)
{
    const char *path = seeding->settings->file;
    struct buf text;
    long bad;
    int error;

    buf_init(&text, seeding->arena);
    error = csv_read_file(path, &text);
    if (error != 0) {
        subcommand_error(seeding->command, "%s: %s", csv_file_name(path), strerror(error));
        return CTL_FAILED;
    }
    bad = seed_csv_parse(buf_view(&text), csv_file_name(path), day_of_ms(seeding->now_ms),
                         seeding->arena, stderr, &seeding->plan);
    if (bad < 0) {
        subcommand_error(seeding->command, "out of memory");
        return CTL_FAILED;
    }
    if (bad == 0)
        return CTL_DONE;
    seeding->has_bad_lines = true;
    if (seeding->settings->keep_going)
        return CTL_DONE;
    subcommand_error(seeding->command,
                     "%ld error%s: nothing is written (--keep-going loads the rest)", bad,
                     bad == 1 ? "" : "s");
    return CTL_FAILED;
}

/* Makes the plan, from the file or by generation. Returns CTL_DONE when the plan may be written. */
static enum ctl_exit seed_plan_all(struct seeding *seeding)
{
    char error[200];

    if (seeding->settings->file)
        return seed_plan_file(seeding);
    if (seed_curve_plan(&seeding->settings->curve, day_of_ms(seeding->now_ms), seeding->arena,
                        &seeding->plan, error))
        return CTL_DONE;
    return subcommand_usage_error(seeding->command, error);
}

/* ---- writing ---- */

/* Called by seed_run for a student who cannot be written: reports it. Erases the progress bar
 * first, so that the error is on a separate line. own: the struct seeding. */
static void seed_on_refused(void *own, struct str student, const char *why)
{
    struct seeding *seeding = own;

    progress_clear();
    subcommand_error(seeding->command, "%.*s: %s", STR_ARG(student), why);
}

/* Called by seed_run after each day that was written: draws the progress bar. own: the struct
 * seeding. */
static void seed_on_progress(void *own, size_t done, size_t total)
{
    struct seeding *seeding = own;

    seeding->progress.what = "days";
    progress_draw(&seeding->progress, done, total, -1);
}

/* Prints how many students and days were written, and how long that took; for a dry run, how many
 * would be written (took_us is then 0). Returns `status`. */
static enum ctl_exit seed_print_summary(const struct seeding *seeding, size_t students, size_t days,
                                        int64_t took_us, enum ctl_exit status)
{
    struct json_line line;
    struct jw *w;

    if (!seeding->settings->json) {
        (void)printf("%zu student%s, %zu day%s", students, students == 1 ? "" : "s", days,
                     days == 1 ? "" : "s");
        if (seeding->settings->dry_run)
            (void)puts("; nothing was written");
        else
            (void)printf(", %.1f s\n", (double)took_us / 1e6);
        return status;
    }
    w = json_line_begin(&line, seeding->arena);
    jw_int(w, "students", (int64_t)students);
    jw_int(w, "days", (int64_t)days);
    jw_bool(w, "written", !seeding->settings->dry_run);
    jw_number(w, "seconds", (double)took_us / 1e6);
    return json_line_end(&line, seeding->command, status);
}

/* Reports that Redis cannot be reached or, when the connection is open, that it refuses writes. */
static void seed_report_unavailable(const struct seeding *seeding, const struct store *store)
{
    const char *why = store_last_error(store);

    if (store_connected(store))
        why = "it accepts no writes at the moment";
    subcommand_error(seeding->command, "Redis cannot be reached: %s", *why ? why : "no reply");
}

/* Writes the plan, prints a summary and returns the exit status. */
static enum ctl_exit seed_write_plan(struct seeding *seeding, struct engine *engine)
{
    struct seed seed = {.students = seeding->plan.students,
                        .n = seeding->plan.n,
                        .keep_going = seeding->settings->keep_going,
                        .context = seeding,
                        .on_refused = seed_on_refused,
                        .on_progress = seed_on_progress};
    int64_t began_us = clock_monotonic_us();
    enum seed_outcome outcome = seed_run(&seed, engine);

    progress_clear();
    (void)seed_print_summary(seeding, seed.students_written, seed.days_written,
                             clock_monotonic_us() - began_us, CTL_DONE);
    switch (outcome) {
    case SEED_DONE: return seeding->has_bad_lines ? CTL_FAILED : CTL_DONE;
    case SEED_REFUSED: return CTL_FAILED;
    case SEED_UNAVAILABLE: seed_report_unavailable(seeding, engine->store); return CTL_UNAVAILABLE;
    case SEED_NO_MEMORY: subcommand_error(seeding->command, "out of memory"); return CTL_FAILED;
    }
    return CTL_FAILED;
}

/* Prints how many students and days would be written. */
static enum ctl_exit seed_show_plan(const struct seeding *seeding)
{
    size_t days = 0;

    for (size_t i = 0; i < seeding->plan.n; i++)
        days += seeding->plan.students[i].n;
    return seed_print_summary(seeding, seeding->plan.n, days, /* took_us */ 0,
                              seeding->has_bad_lines ? CTL_FAILED : CTL_DONE);
}

/* Checks the options, makes the whole plan, and connects to Redis only when the plan may be
 * written. Returns the exit status. The engine is closed also when it could not be opened. */
static enum ctl_exit seed_command_run(const struct subcommand *command, const void *settings,
                                      struct arena *arena)
{
    struct seeding seeding = {
        .command = command, .settings = settings, .arena = arena, .now_ms = clock_wall_ms()};
    const char *error = seed_usage_error(settings);
    struct engine engine;
    enum ctl_exit status;

    if (error)
        return subcommand_usage_error(command, error);
    status = seed_plan_all(&seeding);
    if (status != CTL_DONE)
        return status;
    if (seeding.settings->dry_run)
        return seed_show_plan(&seeding);
    status = engine_open(&engine, "mastery-ctl seed", NULL /* router */, 0 /* subsystems */)
                 ? seed_write_plan(&seeding, &engine)
                 : CTL_FAILED;
    engine_close(&engine);
    return status;
}

/* ---- options ---- */

#define SETTING(member) .offset = offsetof(struct seed_settings, member)
/* clang-format off */
static const struct option_rule seed_options[] = {
    {.name = "student", .value_name = "ID[,ID...]", .type = OPTION_IDS, SETTING(curve.students),
     .description = "generate history of these students; may be repeated"},
    {.name = "students", .value_name = "N", .type = OPTION_INT, .min = 1,
     .max = STUDENTS_MAX, SETTING(curve.student_count),
     .description = "generate history of N students, PREFIX1 to PREFIXN"},
    {.name = "prefix", .value_name = "PREFIX", .type = OPTION_TEXT, SETTING(curve.prefix),
     .description = "start of their ids (load_)"},
    {.name = "days", .value_name = "N", .type = OPTION_INT, .min = 1,
     .max = HISTORY_DAYS, SETTING(curve.days),
     .description = "days of history, the last one today (30)"},
    {.name = "from", .value_name = "VALUE", .type = OPTION_SHARE, SETTING(curve.from),
     .description = "values on the first day, 0 to 1 (0.4)"},
    {.name = "to", .value_name = "VALUE", .type = OPTION_SHARE, SETTING(curve.to),
     .description = "values on the last day (0.8)"},
    {.name = "noise", .value_name = "DEVIATION", .type = OPTION_SHARE, SETTING(curve.noise),
     .description = "standard deviation of the noise, 0 to 1 (0.05)"},
    {.name = "random-seed", .value_name = "NUMBER", .type = OPTION_INT, .min = 0,
     .max = INT64_MAX, SETTING(curve.random_seed),
     .description = "seed of the noise (1)"},
    {.name = "keep-going", .type = OPTION_FLAG, SETTING(keep_going),
     .description = "skip what cannot be loaded and load the rest"},
    {.name = "dry-run", .type = OPTION_FLAG, SETTING(dry_run),
     .description = "check the file or the options, and write nothing"},
    {.name = "file", .value_name = "FILE", .type = OPTION_OPERAND, SETTING(file),
     .description = "CSV file to load instead; - for standard input"},
    OPTION_JSON(seed_settings),
    {0},
};
/* clang-format on */

const struct subcommand seed_subcommand = {
    .name = "seed",
    .summary = "Writes days of history into the store",
    .description =
        "\nGenerates history for the given students, or loads the lines of a file:\n"
        "  student_id,date,completion,quiz,quality,consistency\n"
        "with dates of the last 90 days, UTC, and values from 0 to 1. Everything is checked "
        "before\n"
        "anything is written. History cannot be added before data that a student already has.\n",
    .json = "an object: students, days, written (false with --dry-run), seconds",
    .options = seed_options,
    .default_settings = &seed_defaults,
    .settings_size = sizeof(struct seed_settings),
    .run = seed_command_run,
};
