/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl import: sends the results of a gradebook (gradebook.h) to a running engine, as
 * mastery-ctl ingest does. Nothing is sent unless the whole file is understood. */
#include <errno.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/gradebook.h"
#include "app/ctl/json_line.h"
#include "app/ctl/upload.h"

struct import_settings {
    struct upload_settings upload;
    struct gradebook_options options;
    const char *file;
    bool dry_run;
};

/* Sends the events of the gradebook to the engine, as if they were the lines of a file. Returns the
 * exit status. */
static enum ctl_exit import_send(const struct subcommand *command,
                                 const struct import_settings *settings,
                                 const struct gradebook *book, struct arena *arena)
{
    size_t n = book->events.n;
    /* fmemopen refuses an empty text */
    struct line_reader lines = {.in = n > 0 ? fmemopen(book->events.p, n, "r") : NULL};
    struct upload_input input = {
        .lines = &lines, .name = settings->file, .size = (off_t)n, .line_names = book->event_names};
    enum ctl_exit status;

    if (!lines.in) {
        subcommand_error(command, "%s: %s", csv_file_name(settings->file),
                         n > 0 ? strerror(errno) : "the file has no results");
        return CTL_FAILED;
    }
    status = upload_run(command, &settings->upload, &input, arena);
    lines_close(&lines);
    return status;
}

/* Prints what was understood of the file (columns, numbers of results), as text or JSON. Returns
 * `status`. */
static enum ctl_exit import_print(const struct subcommand *command,
                                  const struct import_settings *settings,
                                  const struct gradebook *book, struct arena *arena,
                                  enum ctl_exit status)
{
    struct json_line line;

    if (!settings->upload.json) {
        gradebook_print(book, stdout);
        return status;
    }
    gradebook_write_json(book, json_line_begin(&line, arena));
    return json_line_end(&line, command, status);
}

/* Reads the gradebook file. With --dry-run prints what was understood; otherwise sends the events,
 * unless there was an error. Returns the exit status. */
static enum ctl_exit import_file(const struct subcommand *command, struct import_settings *settings,
                                 struct arena *arena)
{
    const char *name = csv_file_name(settings->file);
    struct gradebook book;
    struct buf text;
    int error;
    long bad;

    buf_init(&text, arena);
    error = csv_read_file(settings->file, &text);
    if (error != 0) {
        subcommand_error(command, "%s: %s", name, strerror(error));
        return CTL_FAILED;
    }
    settings->options.now_ms = clock_wall_ms();
    bad = gradebook_read(buf_view(&text), name, &settings->options, arena, stderr, &book);
    if (bad < 0) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    if (settings->dry_run)
        (void)import_print(command, settings, &book, arena, CTL_DONE);
    if (bad > 0) {
        subcommand_error(command, "%ld error%s: nothing is sent", bad, bad == 1 ? "" : "s");
        return CTL_FAILED;
    }
    if (!settings->dry_run)
        return import_send(command, settings, &book, arena);
    if (!settings->upload.json)
        (void)printf("%zu results; nothing was sent\n", book.event_count);
    return CTL_DONE;
}

/* Runs the subcommand. Copies the settings, which are const here, because import_file sets the time
 * in its copy. */
static enum ctl_exit import_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    struct import_settings s = *(const struct import_settings *)settings;

    if (subcommand_check_url(command, s.upload.url) != CTL_DONE)
        return CTL_USAGE;
    return import_file(command, &s, arena);
}

#define SETTING(member) .offset = offsetof(struct import_settings, member)
/* clang-format off */
static const struct option_rule import_options[] = {
    {.name = "file", .value_name = "FILE", .type = OPTION_OPERAND, .required = true, SETTING(file),
     .description = "the gradebook, a CSV file; - for standard input"},
    {.name = "dry-run", .type = OPTION_FLAG, SETTING(dry_run),
     .description = "print what was understood and send nothing"},
    {.name = "date", .value_name = "DATE|COLUMN", .type = OPTION_TEXT, SETTING(options.date),
     .description = "day of all results, or the column that has it"},
    {.name = "student", .value_name = "COLUMN", .type = OPTION_TEXT, SETTING(options.student),
     .description = "the column with the students' ids"},
    {.name = "column", .value_name = "NAME=ROLE", .type = OPTION_TEXTS, SETTING(options.roles),
     .description = "what a column is: quiz, exercise, lesson, quality or ignore"},
    {.name = "max", .value_name = "[NAME=]N", .type = OPTION_TEXTS, SETTING(options.maxima),
     .description = "points of a full result in this column, or in all others"},
    {.name = "course", .value_name = "NAME", .type = OPTION_TEXT, SETTING(options.course),
     .description = "distinguishes these results from other courses'"},
    UPLOAD_OPTIONS(import_settings),
    {0},
};
/* clang-format on */

static const struct import_settings import_defaults = {.upload = UPLOAD_DEFAULTS};

const struct subcommand import_subcommand = {
    .name = "import",
    .summary = "Sends the results of a gradebook to a running engine",
    .description =
        "\nReads gradebooks as Moodle and Canvas export them and as spreadsheets save them: a row\n"
        "for each student, a column for each quiz or assignment. Results are written 8, 8.5,\n"
        "8,5, 8/10 or 80 %; empty cells and - are none. Look at --dry-run first: its table shows\n"
        "which column counts as what, and all errors by line and column. With an error nothing\n"
        "is sent. A result that was sent before, in any file, counts once, so the command may be\n"
        "repeated. Options with NAME may be repeated. Reads no settings but MASTERY_TOKEN.\n",
    .json =
        "an object: accepted, rejected, finished, seconds; with --dry-run: columns (name, role, "
        "maximum, results), separator, students, skipped_rows, date, results",
    .options = import_options,
    .default_settings = &import_defaults,
    .settings_size = sizeof(struct import_settings),
    .run = import_run,
};
