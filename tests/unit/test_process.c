/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What process_harden forbids, tried in child processes, since it cannot be undone. */
#include "app/runtime/process.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/runtime/signal_watch.h"

void process_tests(void);

/* Runs check in a hardened child and returns its result, which must fit an exit status. */
static int run_hardened(int (*check)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        process_harden();
        _exit(check());
    }
    CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int dumps_are_disabled(void)
{
    struct rlimit core = {1, 1};

    (void)getrlimit(RLIMIT_CORE, &core);
    return prctl(PR_GET_DUMPABLE) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
}

static void memory_is_not_shown(void)
{
    CU_ASSERT_EQUAL(run_hardened(dumps_are_disabled), 1);
}

static int umask_excludes_others(void)
{
    return umask(0) == 0007;
}

static void files_are_not_accessible_to_others(void)
{
    CU_ASSERT_EQUAL(run_hardened(umask_excludes_others), 1);
}

/* Each try_ function returns errno, or 0 if the call succeeded. */

static int try_exec(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
    return errno;
}

static int try_mount(void)
{
    return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int try_namespace(void)
{
    return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int try_process_memory(void)
{
    return syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) < 0 ? errno : 0;
}

static int try_key(void)
{
    return syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

#ifdef __x86_64__
static int try_x32_call(void)
{
    return syscall(0x40000000 + SYS_getpid) < 0 ? errno : 0;
}
#endif

static void calls_of_intruders_are_refused(void)
{
    static int (*const calls[])(void) = {
        try_exec,     try_mount, try_namespace, try_process_memory, try_key,
#ifdef __x86_64__
        try_x32_call,
#endif
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        CU_ASSERT_EQUAL(run_hardened(calls[i]), EPERM);
}

/* fork uses clone, as the creation of threads does. Returns 0 if all calls succeed. */
static int use_needed_calls(void)
{
    int pair[2];
    pid_t child;

    if (pipe(pair) != 0 || write(pair[1], "x", 1) != 1)
        return 1;
    child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 || waitpid(child, NULL, 0) != child;
}

static void calls_of_the_engine_are_allowed(void)
{
    CU_ASSERT_EQUAL(run_hardened(use_needed_calls), 0);
}

/* A watch of zeros has the descriptor 0, which belongs to the listener or to standard input. */
static void stopping_a_watch_that_was_never_started_closes_nothing(void)
{
    struct signal_watch watch = {.loop = NULL};
    int flags = fcntl(0, F_GETFD);

    signal_watch_stop(&watch);
    CU_ASSERT_EQUAL(fcntl(0, F_GETFD), flags);
}

static const struct {
    const char *name;
    void (*test)(void);
} tests[] = {
    {"stopping a watch that was never started closes nothing",
     stopping_a_watch_that_was_never_started_closes_nothing},
    {"memory is not shown", memory_is_not_shown},
    {"files are not accessible to others", files_are_not_accessible_to_others},
    {"calls of intruders are refused", calls_of_intruders_are_refused},
    {"calls of the engine are allowed", calls_of_the_engine_are_allowed},
};

void process_tests(void)
{
    CU_pSuite suite = CU_add_suite("process", NULL, NULL);

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        CU_add_test(suite, tests[i].name, tests[i].test);
}
