/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends learning events, one JSON object a line, to a running engine, with several requests at the
 * same time. Reports rejected lines and continues with the others. On 429, on 5xx and without a
 * response it waits and tries again, and stops when that does not help. Sending a line twice is
 * harmless, because the engine counts an event id once. */
#ifndef CTL_UPLOAD_H
#define CTL_UPLOAD_H

#include "app/ctl/lines.h"
#include "app/ctl/subcommand.h"

enum { UPLOAD_PARALLEL_MAX = 64 }; /* requests at the same time */

struct upload_settings {
    const char *url;   /* address of the engine, which subcommand_check_url has accepted */
    const char *token; /* access token; NULL: the value of MASTERY_TOKEN */
    int64_t parallel;  /* requests at the same time, 1 to UPLOAD_PARALLEL_MAX */
    bool json;         /* print the summary as JSON */
};

/* The rows of the options that fill the member `upload` of a subcommand's settings. */
#define UPLOAD_OPTIONS(settings)                                                                   \
    {.name = "url",                                                                                \
     .value_name = "URL",                                                                          \
     .type = OPTION_TEXT,                                                                          \
     .offset = offsetof(struct settings, upload.url),                                              \
     .description = "address of the engine (http://127.0.0.1:8005)"},                              \
        {.name = "token",                                                                          \
         .value_name = "TOKEN",                                                                    \
         .type = OPTION_TEXT,                                                                      \
         .offset = offsetof(struct settings, upload.token),                                        \
         .description = "a token that may send these events; better in MASTERY_TOKEN"},            \
        {.name = "json",                                                                           \
         .type = OPTION_FLAG,                                                                      \
         .offset = offsetof(struct settings, upload.json),                                         \
         .description = "print JSON"},                                                             \
    {                                                                                              \
        .name = "parallel", .value_name = "N", .type = OPTION_INT, .min = 1,                       \
        .max = UPLOAD_PARALLEL_MAX, .offset = offsetof(struct settings, upload.parallel),          \
        .description = "requests at a time (16)"                                                   \
    }
#define UPLOAD_DEFAULTS                                                                            \
    {                                                                                              \
        .url = "http://127.0.0.1:8005", .parallel = 16                                             \
    }

struct upload_input {
    struct line_reader *lines; /* reads the open file; messages use its numbers of lines */
    const char *name;          /* name of the file, for errors */
    off_t size;                /* size of the file in bytes, for the progress bar; 0: not known */
    /* file that stores the position up to which all lines have their final response; NULL: none */
    const char *position_path;
    /* name of each line for messages, in the order of the lines; NULL: "line N" */
    const struct str *line_names;
};

/* Moves the reader to the position in position_path; without such a file it stays at the start.
 * False when the content is not a position in this file. */
bool upload_load_position(const struct upload_input *input);
/* Sends all lines and prints a summary. Returns CTL_UNAVAILABLE when it stopped early, CTL_FAILED
 * when a line was rejected. */
enum ctl_exit upload_run(const struct subcommand *command, const struct upload_settings *settings,
                         const struct upload_input *input, struct arena *arena);

#endif
