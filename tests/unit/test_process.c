/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/runtime/process.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void process_tests(void);

/* In a child, since there is no way back. Its exit status is what `look` returns. */
static int of_a_hardened_child(int (*look)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        process_harden();
        _exit(look());
    }
    CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int look_at_memory(void)
{
    struct rlimit core = {1, 1};

    (void)getrlimit(RLIMIT_CORE, &core);
    return prctl(PR_GET_DUMPABLE) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
}

static void memory_is_not_shown(void)
{
    CU_ASSERT_EQUAL(of_a_hardened_child(look_at_memory), 1);
}

static int look_at_files(void)
{
    return umask(0) == 0007;
}

static void files_are_not_for_others(void)
{
    CU_ASSERT_EQUAL(of_a_hardened_child(look_at_files), 1);
}

static int try_a_program(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
    return errno;
}

static int try_a_mount(void)
{
    return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int try_a_name_space(void)
{
    return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int try_other_memory(void)
{
    return syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) < 0 ? errno : 0;
}

static int try_a_key(void)
{
    return syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

#ifdef __x86_64__
static int try_the_other_interface(void)
{
    return syscall(0x40000000 + SYS_getpid) < 0 ? errno : 0;
}
#endif

static void what_only_an_intruder_asks_for_is_refused(void)
{
    CU_ASSERT_EQUAL(of_a_hardened_child(try_a_program), EPERM);
    CU_ASSERT_EQUAL(of_a_hardened_child(try_a_mount), EPERM);
    CU_ASSERT_EQUAL(of_a_hardened_child(try_a_name_space), EPERM);
    CU_ASSERT_EQUAL(of_a_hardened_child(try_other_memory), EPERM);
    CU_ASSERT_EQUAL(of_a_hardened_child(try_a_key), EPERM);
#ifdef __x86_64__
    CU_ASSERT_EQUAL(of_a_hardened_child(try_the_other_interface), EPERM);
#endif
}

static int do_what_we_do(void)
{
    int pair[2];
    pid_t child;

    if (pipe(pair) != 0 || write(pair[1], "x", 1) != 1)
        return 1;
    child = fork(); /* as threads come about */
    if (child == 0)
        _exit(0);
    return child < 0 || waitpid(child, NULL, 0) != child;
}

static void what_we_do_is_not(void)
{
    CU_ASSERT_EQUAL(of_a_hardened_child(do_what_we_do), 0);
}

static const struct {
    const char *name;
    void (*test)(void);
} tests[] = {
    {"memory is not shown", memory_is_not_shown},
    {"files are not for others", files_are_not_for_others},
    {"what only an intruder asks for is refused", what_only_an_intruder_asks_for_is_refused},
    {"what we do is not", what_we_do_is_not},
};

void process_tests(void)
{
    CU_pSuite suite = CU_add_suite("process", NULL, NULL);

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        CU_add_test(suite, tests[i].name, tests[i].test);
}
