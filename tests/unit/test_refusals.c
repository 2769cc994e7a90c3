/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "app/obs/refusals.h"

void refusals_tests(void);

enum { STATUS = 404, BYTES = 3 };

/* A folder with the file of one status. */
struct counted {
    char folder[32];
    char file[64];
};

static struct counted counted_make(void)
{
    struct counted c = {.folder = "/tmp/test-refusals-XXXXXX"};
    int fd;

    CU_ASSERT_FATAL(mkdtemp(c.folder) != NULL);
    (void)snprintf(c.file, sizeof(c.file), "%s/%d", c.folder, STATUS);
    fd = open(c.file, O_WRONLY | O_CREAT, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "\n\n\n", BYTES), BYTES);
    (void)close(fd);
    return c;
}

static void counted_remove(const struct counted *c)
{
    CU_ASSERT_EQUAL(unlink(c->file), 0);
    CU_ASSERT_EQUAL(rmdir(c->folder), 0);
}

static void test_count_and_reset(void)
{
    struct counted c = counted_make();

    CU_ASSERT_EQUAL(refusals_count(c.folder, STATUS), BYTES);
    CU_ASSERT_EQUAL(refusals_count(c.folder, 403), 0);
    refusals_reset(c.folder);
    CU_ASSERT_EQUAL(refusals_count(c.folder, STATUS), 0);
    counted_remove(&c);
}

/* The child's root is the folder, so that its file is /404 there. Only root, or a user where
 * namespaces are allowed, can do that: else the child finds nothing, and the test says nothing. */
static uint64_t count_and_reset_nowhere(const char *root)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        uint64_t n = 0;

        if ((chroot(root) == 0 || (unshare(CLONE_NEWUSER) == 0 && chroot(root) == 0)) &&
            chdir("/") == 0) {
            n = refusals_count("", STATUS);
            refusals_reset("");
        }
        _exit((int)n);
    }
    CU_ASSERT_FATAL(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return (uint64_t)WEXITSTATUS(status);
}

static void test_empty_folder_is_not_the_root(void)
{
    struct counted c = counted_make();

    CU_ASSERT_EQUAL(count_and_reset_nowhere(c.folder), 0);
    CU_ASSERT_EQUAL(refusals_count(c.folder, STATUS), BYTES);
    counted_remove(&c);
}

void refusals_tests(void)
{
    CU_pSuite suite = CU_add_suite("refusals", NULL, NULL);

    CU_add_test(suite, "files are counted and reset", test_count_and_reset);
    CU_add_test(suite, "an empty folder is none, not the root", test_empty_folder_is_not_the_root);
}
