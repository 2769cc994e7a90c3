/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output for a person at a terminal: colours on standard output (unless NO_COLOR is set, see
 * no-color.org) and a progress bar with the remaining time on standard error. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum colour { COLOUR_GOOD, COLOUR_WARNING, COLOUR_BAD, COLOURS };

/* Prints text to standard output, padded to width, in that colour. */
void terminal_print(enum colour colour, int width, const char *text);
/* True when standard output is a terminal. */
bool terminal_is_output(void);
/* Characters of a line of the terminal that is standard output; 0: not known. */
int terminal_width(void);
/* Lines of that terminal; 0: not known. */
int terminal_height(void);

/* Work that takes long. A progress of zeros is that of work that has not begun. */
struct progress {
    const char *what; /* plural of the things that are counted, such as "days" */
    int64_t began_us; /* monotonic time of the first bar; 0: none was drawn */
    int64_t drawn_us; /* monotonic time of the latest bar */
    size_t percent;   /* percentage that the latest bar showed */
};

/* True when standard error is a terminal, where a progress bar can be drawn. */
bool progress_is_enabled(void);
/* Draws the bar if its percentage has changed or a second has passed, with the remaining time as
 * soon as it can be estimated. left_s: the remaining seconds, if the caller knows them; -1:
 * estimated from the time since the first call. Does nothing when standard error is not a
 * terminal. */
void progress_draw(struct progress *progress, size_t done, size_t total, int64_t left_s);
/* Erases the bar, so that a line can be printed in its place. */
void progress_clear(void);

#endif
