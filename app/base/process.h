/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a process that serves begins: what holds for those of the pool and for the worker alike. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <sys/types.h>

/* First thing in main. TERM, INT, QUIT, USR1 and HUP are blocked, to be taken by a signalfd
 * (app/service/loop.h), so that they never cut short a read (hazards F10, F11); PIPE and USR2 are
 * ignored. */
void process_set_signals(void);
/* No core files, no tracing, no new privileges, nothing for others in files that it makes. */
void process_harden(void);
/* For a process that must not outlive its parent: it gets TERM when that ends (hazards M4). parent:
 * what getppid() said first. */
void process_leave_with_parent(pid_t parent);
/* The exit status of a process that cannot start, after a pause: who restarts it must not give it
 * up for dying too quickly (hazards M1). */
int process_fail_slowly(void);

#endif
