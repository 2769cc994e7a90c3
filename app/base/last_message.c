/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the last message of a process. An alarm is set before the write: stderr is shared with
 * other processes, so that O_NONBLOCK must not be set on it, and another process may fill the pipe
 * between a poll and the write. */
#include "app/base/last_message.h"

#include <signal.h>
#include <unistd.h>

enum { WRITE_TIMEOUT_S = 1 };

/* The alarm is not reset after the write, because the caller ends the process. SIGALRM must not be
 * blocked in this thread, or the alarm would have no effect. */
void last_message(struct str text)
{
    sigset_t set;

    (void)signal(SIGALRM, SIG_DFL); /* a parent or a library may have set another action */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGALRM);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    (void)alarm(WRITE_TIMEOUT_S);
    (void)!write(STDERR_FILENO, text.p, text.n);
}
