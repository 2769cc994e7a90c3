/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the last message of a process, and sets an alarm before, which ends a write that blocks.
 * O_NONBLOCK is not an option, because stderr is shared with other processes; nor is poll, because
 * another process may fill the pipe between poll and write. */
#include "app/base/last_message.h"

#include <signal.h>
#include <unistd.h>

enum { WRITE_TIMEOUT_S = 1 };

/* Leaves the alarm on, because the caller ends the process. Unblocks SIGALRM in this thread, since
 * a blocked signal would not end the write. */
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
