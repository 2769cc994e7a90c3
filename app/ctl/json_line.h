/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The output of --json: objects, each on a line of its own (JSON lines). */
#ifndef CTL_JSON_LINE_H
#define CTL_JSON_LINE_H

#include "app/base/json_write.h"
#include "app/ctl/subcommand.h"

/* A JSON object while it is written. */
struct json_line {
    struct buf text; /* the object so far */
    struct jw w;     /* writer of its members */
};

/* Begins an object, whose members the caller writes with the returned writer. The arena must not be
 * reset before json_line_end. */
struct jw *json_line_begin(struct json_line *line, struct arena *arena);
/* Writes a member with stored text that should be JSON: as it is when it is valid JSON, else as a
 * string. */
void json_line_value(struct jw *w, const char *name, struct str text, struct arena *arena);
/* Ends the object and prints the line. Returns `status`, or CTL_FAILED after a line on standard
 * error when memory is exhausted. */
enum ctl_exit json_line_end(struct json_line *line, const struct subcommand *command,
                            enum ctl_exit status);

#endif
