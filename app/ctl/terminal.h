/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output for a person at a terminal: colours on standard output (unless NO_COLOR is set, see
 * no-color.org) and a progress bar with the remaining time on standard error. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum colour { COLOUR_GOOD, COLOUR_WARNING, COLOUR_BAD, COLOURS };

/* Prints text in that colour to standard output, padded to `width` characters. */
void terminal_print(enum colour colour, int width, const char *text);
/* Returns whether standard output is a terminal. */
bool terminal_is_output(void);
/* Returns the number of characters in a line of the terminal; 0 when standard output is not a
 * terminal. */
int terminal_width(void);
/* Returns the number of lines of that terminal; 0 when unknown. */
int terminal_height(void);

/* The state of a progress bar. Zeroed: the work has not begun. */
struct progress {
    const char *what; /* plural of the items that are counted, such as "days" */
    int64_t began_us; /* monotonic time of the first bar; 0: none was drawn */
    int64_t drawn_us; /* monotonic time of the latest bar */
    size_t percent;   /* percentage that the latest bar showed */
};

/* Returns whether standard error is a terminal, where a progress bar can be drawn. */
bool progress_is_enabled(void);
/* Draws the bar if its percentage has changed or a second has passed, with the remaining time as
 * soon as it can be estimated. left_s: the remaining seconds, if the caller knows them; -1:
 * estimated from the time since the first call. Does nothing when standard error is not a
 * terminal. */
void progress_draw(struct progress *progress, size_t done, size_t total, int64_t left_s);
/* Erases the bar, so that a line can be printed in its place. */
void progress_clear(void);

#endif
