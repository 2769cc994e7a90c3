/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl ingest: sends a file of learning events to a running engine (upload.h), or only
 * checks them. The file FILE.done has the position (offset in bytes, number of lines) up to which
 * all lines have their final response, from which --resume continues. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "app/base/clock.h"
#include "app/ctl/json_line.h"
#include "app/ctl/upload.h"
#include "app/http/json.h"
#include "app/http/validate.h"
#include "app/ingest/event_input.h"

struct ingest_settings {
    struct upload_settings upload;
    const char *file;
    bool resume, dry_run;
};

/* ---- --dry-run ---- */

/* Checks one line as the engine's route for events does. False after a line on standard error with
 * all errors of the line. */
static bool ingest_check_line(struct str line, int64_t number, int64_t now_ms, struct arena *arena)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct event_input in = {0};
    struct json_object *json = json_parse(line, arena, &p);

    if (p.code == PROBLEM_NONE) {
        (void)validate_object(event_rules, json, STR(""), arena, &in, &p);
        (void)event_input_finish(&in, now_ms, arena, &p);
    }
    if (p.code == PROBLEM_NONE)
        return true;
    (void)fprintf(stderr, "line %" PRId64 ": %s", number, problem_name(p.code));
    if (!p.fields)
        (void)fprintf(stderr, " %s", p.message);
    for (const struct field_error *error = p.fields; error; error = error->next)
        (void)fprintf(stderr, "%s %.*s: %.*s", error == p.fields ? "" : ";", STR_ARG(error->field),
                      STR_ARG(error->message));
    (void)fputc('\n', stderr);
    return false;
}

/* Prints how many lines are valid. Returns `status`. */
static enum ctl_exit ingest_print_checked(const struct subcommand *command,
                                          const struct ingest_settings *settings, int64_t valid,
                                          int64_t invalid, struct arena *arena,
                                          enum ctl_exit status)
{
    struct json_line line;
    struct jw *w;

    if (!settings->upload.json) {
        (void)printf("%" PRId64 " valid, %" PRId64 " invalid; nothing was sent\n", valid, invalid);
        return status;
    }
    w = json_line_begin(&line, arena);
    jw_int(w, "valid", valid);
    jw_int(w, "invalid", invalid);
    return json_line_end(&line, command, status);
}

/* Checks all lines that are not empty, and prints how many are valid. */
static enum ctl_exit ingest_check(const struct subcommand *command,
                                  const struct ingest_settings *settings, struct line_reader *lines,
                                  struct arena *run_arena)
{
    struct arena *arena = arena_new(1 << 16, 16 << 20);
    int64_t valid = 0, invalid = 0, now_ms = clock_wall_ms();
    char *memory = NULL;
    size_t size = 0;
    struct str line;
    bool failed;

    while (arena && lines_next(lines, &memory, &size, &line)) {
        arena_reset(arena);
        if (line.n == 0)
            continue;
        if (ingest_check_line(line, lines->number, now_ms, arena))
            valid++;
        else
            invalid++;
    }
    failed = !arena || ferror(lines->in);
    if (failed)
        subcommand_error(command, "%s: %s", settings->file, strerror(errno));
    free(memory);
    arena_free(arena);
    return ingest_print_checked(command, settings, valid, invalid, run_arena,
                                failed || invalid > 0 ? CTL_FAILED : CTL_DONE);
}

/* ---- the upload ---- */

/* Sends the lines of an open file; with --resume from the position that an earlier run has saved in
 * FILE.done. */
static enum ctl_exit ingest_send(const struct subcommand *command,
                                 const struct ingest_settings *settings, struct line_reader *lines,
                                 struct arena *arena)
{
    struct upload_input input = {.lines = lines, .name = settings->file};
    struct stat about;

    if (!lines->is_stdin) {
        input.position_path = arena_printf(arena, "%s.done", settings->file).p;
        if (!input.position_path || fstat(fileno(lines->in), &about) != 0) {
            subcommand_error(command, "%s: %s", settings->file, strerror(errno));
            return CTL_FAILED;
        }
        input.size = about.st_size;
    }
    if (settings->resume && !upload_load_position(&input)) {
        subcommand_error(command,
                         "%s is not a position in this file: delete it, or run without --resume",
                         input.position_path);
        return CTL_FAILED;
    }
    return upload_run(command, &settings->upload, &input, arena);
}

/* Checks the options, opens the file, and checks or sends its lines. */
static enum ctl_exit ingest_run(const struct subcommand *command, const void *own,
                                struct arena *arena)
{
    const struct ingest_settings *settings = own;
    struct line_reader lines;
    enum ctl_exit status;

    if (subcommand_check_url(command, settings->upload.url) != CTL_DONE)
        return CTL_USAGE;
    if (settings->resume && strcmp(settings->file, "-") == 0)
        return subcommand_usage_error(command, "standard input cannot be resumed");
    if (!lines_open(&lines, settings->file)) {
        subcommand_error(command, "%s: %s", settings->file, strerror(errno));
        return CTL_FAILED;
    }
    status = settings->dry_run ? ingest_check(command, settings, &lines, arena)
                               : ingest_send(command, settings, &lines, arena);
    lines_close(&lines);
    return status;
}

/* clang-format off */
static const struct option_rule ingest_options[] = {
    {.name = "file", .value_name = "FILE", .type = OPTION_OPERAND, .required = true,
     .offset = offsetof(struct ingest_settings, file),
     .description = "learning events, one JSON object a line; - for standard input"},
    {.name = "resume", .type = OPTION_FLAG, .offset = offsetof(struct ingest_settings, resume),
     .description = "continue where the last run stopped, as FILE.done says"},
    {.name = "dry-run", .type = OPTION_FLAG, .offset = offsetof(struct ingest_settings, dry_run),
     .description = "check the lines and send nothing"},
    UPLOAD_OPTIONS(ingest_settings),
    {0},
};
/* clang-format on */

static const struct ingest_settings ingest_defaults = {.upload = UPLOAD_DEFAULTS};

const struct subcommand ingest_subcommand = {
    .name = "ingest",
    .summary = "Sends a file of learning events to a running engine",
    .description =
        "\nReports rejected lines with their numbers and continues. On 429, and when the engine\n"
        "cannot be reached, it waits and tries again; if that does not help it stops, and\n"
        "FILE.done has the position. An event that is sent twice counts once. With --dry-run it\n"
        "needs no engine: each line is checked as the engine would, except for rights and for\n"
        "the student. Reads no settings but MASTERY_TOKEN.\n",
    .json = "an object: accepted, rejected, finished, seconds; with --dry-run: valid, invalid",
    .options = ingest_options,
    .default_settings = &ingest_defaults,
    .settings_size = sizeof(struct ingest_settings),
    .run = ingest_run,
};
