/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets up a server process: signals, resource limits, privileges. The hardening functions ignore
 * errors, because the engine also runs in containers that permit only a part of these calls. */
#include "app/runtime/process.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/base/ids.h"
#include "app/runtime/seccomp.h"

/* SIG_SETMASK replaces the signal mask: signals that the parent had blocked are not blocked here,
 * unless they are in the list. */
void process_set_signals(void)
{
    static const int blocked[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        (void)sigaddset(&set, blocked[i]);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a write then fails with EPIPE */
    /* SIGUSR2 has no meaning here, but its default action would end the process */
    (void)signal(SIGUSR2, SIG_IGN);
}

/* Makes the process not dumpable: then only root can read its memory by /proc/PID/mem or attach to
 * it by ptrace. */
void process_disable_dumps(void)
{
    static const struct rlimit none = {0, 0};

    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* Makes all restrictions that a server process has, in this order: the kernel accepts the seccomp
 * filter only after PR_SET_NO_NEW_PRIVS. */
void process_harden(void)
{
    process_disable_dumps();
    (void)umask(0007); /* new files and Unix sockets are for user and group only */
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)seccomp_install_filter(); /* result ignored: a kernel without filters is accepted */
}

/* Makes the kernel send a signal to this process when the parent ends. If it has already ended, the
 * process sends the signal to itself. */
void process_die_with_parent(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* the parent ended before the call of prctl, so the kernel sends nothing */
    if (getppid() != parent)
        (void)raise(SIGTERM);
}

/* The random part of the pause is 0 to 65 535 times 10 us, so the pause is 1.1 to 1.8 s long. */
int process_fail_slowly(enum process_exit status)
{
    uint16_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    (void)usleep(1100000 + jitter * 10u);
    return (int)status;
}

/* Returns whether the only argument is --check. */
bool process_check_requested(int argc, char *const argv[])
{
    return argc == 2 && strcmp(argv[1], "--check") == 0;
}
