/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions for the start of a server process, used by both mastery-fcgi and mastery-worker. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* To be called first in main, before any thread exists. Blocks the signals TERM, INT, QUIT, USR1
 * and HUP, which a signalfd receives (app/runtime/signal_watch.h), so that a signal never
 * interrupts a read (hazards F10, F11). Ignores PIPE and USR2. */
void process_set_signals(void);
/* Forbids core files, and tracing by other processes: for a process that holds secrets in
 * memory. */
void process_disable_dumps(void);
/* Calls process_disable_dumps. Also forbids to gain privileges and to start other programs, and
 * makes new files inaccessible to other users. Cannot be undone. */
void process_harden(void);
/* Makes the kernel send TERM to this process when its parent process ends (hazards M4). parent: the
 * result of getppid() at the start of main. */
void process_die_with_parent(pid_t parent);
/* Why a process could not start, as its exit status (as in sysexits.h). */
enum process_exit {
    PROCESS_FAILED = 1,        /* any reason that is not listed here; the log names it */
    PROCESS_NO_SOCKET = 73,    /* there is no socket to listen on, and none could be created */
    PROCESS_WRONG_CONFIG = 78, /* a setting, or a file that it names, is wrong: see stderr */
};
/* Waits for 1.1 to 1.8 s and returns status, with which main ends. Without the wait, a supervisor
 * gives up a process that ends too quickly several times (hazards M1). The wait has a random length
 * so that many processes that fail for the same reason do not restart at the same moment. */
int process_fail_slowly(enum process_exit status);
/* Returns true if the program was called with --check: check the configuration and start
 * nothing. */
bool process_check_requested(int argc, char *const argv[]);

#endif
