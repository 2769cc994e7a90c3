/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Uses plain ANSI escape sequences. The signals that end programs are blocked and read from a
 * descriptor, so that the terminal is always restored, except after SIGKILL. */
#include "app/ctl/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/base/clock.h"

enum { CTRL_C = 3 };

/* Blocks the signals that end a program, and returns a descriptor from which they are read; -1 on
 * failure. */
static int screen_open_signals(void)
{
    sigset_t ending;

    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGINT);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGHUP);
    (void)sigaddset(&ending, SIGQUIT);
    (void)sigprocmask(SIG_BLOCK, &ending, NULL);
    return signalfd(-1, &ending, SFD_NONBLOCK | SFD_CLOEXEC);
}

void screen_open(struct screen *screen)
{
    struct termios raw;

    *screen = (struct screen){.signal_fd = screen_open_signals()};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
        tcgetattr(STDIN_FILENO, &screen->saved) != 0)
        return;
    raw = screen->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    /* read() returns at once, with 0 bytes when no key was pressed */
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
        return;
    screen->is_open = true;
    (void)fputs("\033[?1049h\033[?25l", stdout); /* alternate screen; hidden cursor */
}

void screen_close(struct screen *screen)
{
    if (screen->signal_fd >= 0)
        (void)close(screen->signal_fd);
    screen->signal_fd = -1;
    if (!screen->is_open)
        return;
    (void)fputs("\033[?25h\033[?1049l", stdout); /* visible cursor; normal screen */
    (void)fflush(stdout);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen->saved);
    screen->is_open = false;
}

void screen_begin_page(const struct screen *screen)
{
    if (screen->is_open)
        (void)fputs("\033[H\033[J", stdout); /* cursor to the top left; erase from there on */
}

void screen_end_page(const struct screen *screen)
{
    if (!screen->is_open)
        (void)putchar('\n');
    (void)fflush(stdout);
}

/* Reads the pressed keys, and returns whether one of them ends the program. The end of the input,
 * when the terminal is gone, ends it, too. Call only when there is something to read. */
static bool screen_read_keys(void)
{
    char keys[64];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

    for (ssize_t i = 0; i < n; i++) {
        if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == CTRL_C)
            return true;
    }
    return n <= 0;
}

/* Other keys do not end the wait: poll is then called again for the time that is left. */
bool screen_wait(const struct screen *screen, int64_t ms)
{
    int64_t end_us = clock_monotonic_us() + ms * 1000, left_us = ms * 1000;

    while (left_us > 0) {
        struct pollfd fds[2] = {{.fd = screen->signal_fd, .events = POLLIN},
                                {.fd = screen->is_open ? STDIN_FILENO : -1, .events = POLLIN}};

        if (poll(fds, 2, (int)((left_us + 999) / 1000)) > 0 &&
            (fds[0].revents != 0 || (fds[1].revents != 0 && screen_read_keys())))
            return false;
        left_us = end_us - clock_monotonic_us();
    }
    return true;
}
