/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/resp.h"

#include <CUnit/CUnit.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

void resp_tests(void);

/* Compares with the encoding by hiredis. */
static bool equals_hiredis(const char *written, size_t n, const struct str *argv, int argc)
{
    const char *texts[12];
    size_t lengths[12];
    char *expected = NULL;
    int size;
    bool same;

    for (int i = 0; i < argc; i++) {
        texts[i] = argv[i].p;
        lengths[i] = argv[i].n;
    }
    size = redisFormatCommandArgv(&expected, argc, texts, lengths);
    same = size > 0 && (size_t)size == n && memcmp(expected, written, n) == 0;
    redisFreeCommand(expected);
    return same;
}

static void commands_are_encoded_as_by_hiredis(void)
{
    enum { MOST = 200000 };
    static const size_t lengths[] = {0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 65535, MOST - 12};
    char *bytes = malloc(MOST);
    struct str argv[12];
    sds out = sdsempty();

    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    for (int i = 0; i < MOST; i++)
        bytes[i] = (char)(i * 31);
    for (int argc = 1; argc <= 12; argc++) {
        size_t before = sdslen(out);

        for (int i = 0; i < argc; i++)
            argv[i] = (struct str){bytes + i, lengths[(i + argc) % 12]};
        CU_ASSERT_TRUE_FATAL(resp_append(&out, argv, argc));
        CU_ASSERT_TRUE(equals_hiredis(out + before, sdslen(out) - before, argv, argc));
    }
    sdsfree(out);
    free(bytes);
}

void resp_tests(void)
{
    CU_pSuite suite = CU_add_suite("resp", NULL, NULL);

    CU_add_test(suite, "commands are written as hiredis does", commands_are_encoded_as_by_hiredis);
}
