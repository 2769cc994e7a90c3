/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Builds each line in an arena, so that only complete lines are printed. */
#include "app/ctl/json_line.h"

#include <stdio.h>

#include "app/http/json.h"

struct jw *json_line_begin(struct json_line *line, struct arena *arena)
{
    buf_init(&line->text, arena);
    line->w = (struct jw){.out = &line->text};
    jw_object(&line->w, NULL);
    return &line->w;
}

void json_line_value(struct jw *w, const char *name, struct str text, struct arena *arena)
{
    struct problem not_json = {.code = PROBLEM_NONE};

    (void)json_parse(text, arena, &not_json);
    if (not_json.code == PROBLEM_NONE)
        jw_raw(w, name, text);
    else
        jw_str(w, name, text);
}

/* Failed writes to standard output are found when the program ends (main.c); a reader of a pipe
 * gets each line at once. */
enum ctl_exit json_line_end(struct json_line *line, const struct subcommand *command,
                            enum ctl_exit status)
{
    jw_object_end(&line->w);
    buf_char(&line->text, '\n');
    if (line->text.failed) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    (void)fwrite(line->text.p, 1, line->text.n, stdout);
    (void)fflush(stdout);
    return status;
}
