/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The start of a server process: what mastery-fcgi and mastery-worker have in common. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* To be called first in main, before any thread exists. Blocks TERM, INT, QUIT, USR1 and HUP, which
 * a signalfd receives (app/runtime/signal_watch.h): so a signal never cuts short a read (hazards
 * F10, F11). Ignores PIPE and USR2. */
void process_set_signals(void);
/* No core files and no tracing by other processes: for processes that hold secrets. */
void process_disable_dumps(void);
/* process_disable_dumps; and no new privileges, no other programs, and new files are not accessible
 * to others. Cannot be undone. */
void process_harden(void);
/* Makes the kernel send TERM to this process when its parent ends (hazards M4). parent: the result
 * of getppid() at the start of main. */
void process_die_with_parent(pid_t parent);
/* Why a process could not start, as its exit status (as in sysexits.h). */
enum process_exit {
    PROCESS_FAILED = 1,        /* any other reason: the log names it */
    PROCESS_NO_SOCKET = 73,    /* there is no socket to listen on, and none could be created */
    PROCESS_WRONG_CONFIG = 78, /* a setting, or a file that it names, is wrong: see stderr */
};
/* Returns status after 1.1 to 1.8 s: a supervisor gives up a process that ends too quickly several
 * times (hazards M1), and many processes that fail alike must not all restart at the same moment.
 */
int process_fail_slowly(enum process_exit status);
/* Whether the program was called with --check: check the configuration and start nothing. */
bool process_check_requested(int argc, char *const argv[]);

#endif
