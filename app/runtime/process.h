/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a process that serves begins: what holds for those of the pool and for the worker alike. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* First thing in main. TERM, INT, QUIT, USR1 and HUP are blocked, to be taken by a signalfd
 * (app/runtime/signal_watch.h), so that they never cut short a read (hazards F10, F11); PIPE and
 * USR2 are ignored. */
void process_set_signals(void);
/* No core files, no tracing: for whatever holds secrets. */
void process_disable_dumps(void);
/* That, and no new privileges, no other programs, nothing for others in files that it makes. */
void process_harden(void);
/* For a process that must not outlive its parent: it gets TERM when that ends (hazards M4). parent:
 * what getppid() said first. */
void process_die_with_parent(pid_t parent);
/* Why a process could not start, as its exit status (those of sysexits.h). */
enum process_exit {
    PROCESS_FAILED = 1,        /* anything else: the log says what */
    PROCESS_NO_SOCKET = 73,    /* there is no socket to listen on, and none could be made */
    PROCESS_WRONG_CONFIG = 78, /* a setting, or a file that it names, is wrong: said on stderr */
};
/* Returns status after a pause: who restarts the process must not give it up for dying too quickly
 * (hazards M1), and many that fail alike must not all come back at once. */
int process_fail_slowly(enum process_exit status);
/* Whether the program was called with --check: look at the settings, start nothing. */
bool process_check_requested(int argc, char *const argv[]);

#endif
