/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output for a person at a terminal: colours on standard output (unless NO_COLOR is set, see
 * no-color.org) and a progress bar on standard error. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

enum colour { COLOUR_GOOD, COLOUR_WARNING, COLOUR_BAD, COLOURS };

/* Prints text to standard output, padded to width, in that colour. */
void terminal_print(enum colour colour, int width, const char *text);

/* True when standard error is a terminal, where a progress bar can be drawn. */
bool progress_is_enabled(void);
/* Draws the progress bar. `what` is the plural of the things that are counted, such as "days". Does
 * nothing when standard error is not a terminal. */
void progress_draw(size_t done, size_t total, const char *what);
/* Draws the progress bar only when its percentage differs from that of done - 1. A caller that
 * counts one by one so avoids drawing the same bar again and again. */
void progress_update(size_t done, size_t total, const char *what);
/* Erases the progress bar, so that a line can be printed in its place. */
void progress_clear(void);

#endif
