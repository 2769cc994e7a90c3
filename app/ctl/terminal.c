/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Colours and the progress bar by ANSI escape sequences. When the stream is not a terminal, text
 * has no colours and no bar is drawn. */
#include "app/ctl/terminal.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BAR_WIDTH = 40 }; /* characters of the progress bar */

/* Returns whether to print colours: standard output is a terminal and the user has not refused
 * colours. The variable NO_COLOR refuses them only when it is not empty (no-color.org). */
static bool has_colours(void)
{
    const char *no_color = getenv("NO_COLOR");

    return !(no_color && *no_color) && isatty(STDOUT_FILENO);
}

/* %-*s pads inside the colour's escape sequences, because printf would count their
 * bytes as width. */
void terminal_print(enum colour colour, int width, const char *text)
{
    static const char *const codes[COLOURS] = {
        [COLOUR_GOOD] = "32", [COLOUR_WARNING] = "33", [COLOUR_BAD] = "31"};

    if (has_colours())
        (void)printf("\033[%sm%-*s\033[0m", codes[colour], width, text);
    else
        (void)printf("%-*s", width, text);
}

bool progress_is_enabled(void)
{
    return isatty(STDERR_FILENO);
}

/* \r moves to the start of the line, so that each bar overwrites the one before. The filled part
 * and the empty part are cut from two constant texts. A total of 0 counts as 100 percent. */
void progress_draw(size_t done, size_t total, const char *what)
{
    static const char full[] = "########################################",
                      empty[] = "........................................";
    size_t percent = total > 0 ? done * 100 / total : 100;
    int filled = (int)(percent * BAR_WIDTH / 100);

    static_assert(sizeof(full) == BAR_WIDTH + 1 && sizeof(empty) == BAR_WIDTH + 1,
                  "one character a step");
    if (progress_is_enabled())
        (void)fprintf(stderr, "\r[%.*s%.*s] %3zu %%  %zu of %zu %s", filled, full,
                      BAR_WIDTH - filled, empty, percent, done, total, what);
}

/* `before` is the percentage of the previous call; SIZE_MAX, which is no percentage, for the first
 * call. */
void progress_update(size_t done, size_t total, const char *what)
{
    size_t percent = total > 0 ? done * 100 / total : 100;
    size_t before = total > 0 && done > 0 ? (done - 1) * 100 / total : SIZE_MAX;

    if (percent != before)
        progress_draw(done, total, what);
}

void progress_clear(void)
{
    if (progress_is_enabled())
        (void)fputs("\r\033[K", stderr);
}
