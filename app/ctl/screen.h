/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A terminal that shows one page after the other, until the user presses q or Ctrl-C. */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct screen {
    bool is_open;         /* the terminal was changed, and has to be restored */
    struct termios saved; /* the terminal's settings before screen_open */
    int signal_fd;        /* INT, TERM, HUP and QUIT are read from it; -1: none */
};

/* Switches to the alternate screen, hides the cursor, and reads keys without echo. If standard
 * input or output is no terminal, nothing is changed, and only signals are received. */
void screen_open(struct screen *screen);
/* Restores the terminal. */
void screen_close(struct screen *screen);
/* Erases the screen for the next page; does nothing without a terminal (is_open is false). */
void screen_begin_page(const struct screen *screen);
/* Shows the printed page. Without a terminal, prints an empty line after it. */
void screen_end_page(const struct screen *screen);
/* Waits for ms milliseconds. Returns false when the user wants to end: by q, Ctrl-C, or a signal.
 */
bool screen_wait(const struct screen *screen, int64_t ms);

#endif
