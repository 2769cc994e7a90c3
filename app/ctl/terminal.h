/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What only a person at a terminal is to see: colours on standard output (not with NO_COLOR, see
 * no-color.org), and a progress bar on standard error. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

enum colour { COLOUR_GOOD, COLOUR_WARNING, COLOUR_BAD, COLOURS };

/* Prints text to standard output, padded to width, in that colour. */
void terminal_print(enum colour colour, int width, const char *text);

/* Whether a bar would be seen: there is a terminal. */
bool progress_is_enabled(void);
/* Draws the bar; what: what is counted, "days". Does nothing without a terminal. */
void progress_draw(size_t done, size_t total, const char *what);
/* The same for who counts one by one: when it has visibly moved. */
void progress_update(size_t done, size_t total, const char *what);
/* Takes the bar away, so that a line may be printed. */
void progress_clear(void);

#endif
