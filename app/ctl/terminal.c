/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Colours and the progress bar by ANSI escape sequences. When the stream is not a terminal, text
 * has no colours and no bar is drawn. */
#include "app/ctl/terminal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/base/clock.h"

enum { BAR_WIDTH = 40 }; /* characters of the progress bar */

static const int64_t REDRAW_US = 1000000; /* the remaining time is updated at least this often */

/* Returns whether to print colours: standard output is a terminal and the user has not refused
 * colours. The variable NO_COLOR refuses them only when it is not empty (no-color.org). */
static bool has_colours(void)
{
    const char *no_color = getenv("NO_COLOR");

    return !(no_color && *no_color) && isatty(STDOUT_FILENO);
}

/* Pads by %-*s inside the colour's escape sequences, because printf would count the bytes of these.
 */
void terminal_print(enum colour colour, int width, const char *text)
{
    static const char *const codes[COLOURS] = {
        [COLOUR_GOOD] = "32", [COLOUR_WARNING] = "33", [COLOUR_BAD] = "31"};

    if (has_colours())
        (void)printf("\033[%sm%-*s\033[0m", codes[colour], width, text);
    else
        (void)printf("%-*s", width, text);
}

bool terminal_is_output(void)
{
    return isatty(STDOUT_FILENO);
}

/* Returns the size of the terminal; zeros when standard output is not a terminal. */
static struct winsize terminal_size(void)
{
    struct winsize size = {.ws_col = 0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return (struct winsize){.ws_col = 0};
    return size;
}

int terminal_width(void)
{
    return terminal_size().ws_col;
}

int terminal_height(void)
{
    return terminal_size().ws_row;
}

bool progress_is_enabled(void)
{
    return isatty(STDERR_FILENO);
}

/* Returns the remaining seconds if the rest takes as long for each item as the items since the
 * first bar; -1 when that is not known yet. */
static int64_t progress_time_left_s(const struct progress *progress, size_t done, size_t total,
                                    int64_t now_us)
{
    int64_t took_us = now_us - progress->began_us;

    if (done == 0 || done >= total || took_us < REDRAW_US)
        return -1;
    return (int64_t)((double)took_us / 1e6 * (double)(total - done) / (double)done + 0.5);
}

/* Prints the bar on standard error, such as "[####....]  50 %  3 of 6 days, 0:12 left"; without the
 * time when left_s is below 0. \r moves to the start of the line, so that each bar overwrites the
 * previous one, and \033[K erases the rest of a longer one. The filled part and the empty part are
 * cut from two constant texts. */
static void progress_print(const struct progress *progress, size_t done, size_t total,
                           int64_t left_s)
{
    static const char full[] = "########################################",
                      empty[] = "........................................";
    int filled = (int)(progress->percent * BAR_WIDTH / 100);

    static_assert(sizeof(full) == BAR_WIDTH + 1 && sizeof(empty) == BAR_WIDTH + 1,
                  "one character a step");
    (void)fprintf(stderr, "\r[%.*s%.*s] %3zu %%  %zu of %zu %s", filled, full, BAR_WIDTH - filled,
                  empty, progress->percent, done, total, progress->what);
    if (left_s >= 0)
        (void)fprintf(stderr, ", %" PRId64 ":%02" PRId64 " left", left_s / 60, left_s % 60);
    (void)fputs("\033[K", stderr);
}

/* A total of 0 counts as 100 percent. */
void progress_draw(struct progress *progress, size_t done, size_t total, int64_t left_s)
{
    size_t percent = total > 0 ? (done < total ? done * 100 / total : 100) : 100;
    int64_t now_us;

    if (!progress_is_enabled())
        return;
    now_us = clock_monotonic_us();
    if (progress->began_us != 0 && percent == progress->percent &&
        now_us - progress->drawn_us < REDRAW_US)
        return;
    if (progress->began_us == 0)
        progress->began_us = now_us;
    progress->percent = percent;
    progress->drawn_us = now_us;
    progress_print(progress, done, total,
                   left_s >= 0 ? left_s : progress_time_left_s(progress, done, total, now_us));
}

void progress_clear(void)
{
    if (progress_is_enabled())
        (void)fputs("\r\033[K", stderr);
}
