/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/runtime/process.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/base/ids.h"
#include "app/runtime/seccomp.h"

void process_set_signals(void)
{
    static const int taken[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        (void)sigaddset(&set, taken[i]);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN);
}

void process_disable_dumps(void)
{
    static const struct rlimit none = {0, 0};

    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}

void process_harden(void)
{
    process_disable_dumps();
    (void)umask(0007);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)seccomp_install_filter(); /* where there is no such filter, the rest has to do */
}

void process_die_with_parent(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        (void)raise(SIGTERM);
}

int process_fail_slowly(enum process_exit status)
{
    uint16_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    (void)usleep(1100000 + jitter * 10u);
    return (int)status;
}

bool process_check_requested(int argc, char *const argv[])
{
    return argc == 2 && strcmp(argv[1], "--check") == 0;
}
