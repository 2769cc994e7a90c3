/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/reply.h"

#include <CUnit/CUnit.h>

#include "tests/unit/reply_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void reply_tests(void);

static struct arena *arena;

static int open_arena(void)
{
    arena = arena_new(4096, 1 << 20);
    return arena == NULL;
}

static int free_arena(void)
{
    arena_free(arena);
    return 0;
}

/* Each row: a reply, and the result of each accessor. */
static void each_accessor_accepts_its_own_type_only(void)
{
    static const struct {
        const char *bytes;
        enum reply_result text, number, array, done;
    } rows[] = {
        {"$3\r\nabc\r\n", REPLY_OK, REPLY_ERROR, REPLY_ERROR, REPLY_ERROR},
        {"$0\r\n\r\n", REPLY_OK, REPLY_ERROR, REPLY_ERROR, REPLY_ERROR},
        {"$-1\r\n", REPLY_MISSING, REPLY_MISSING, REPLY_MISSING, REPLY_ERROR},
        {"*-1\r\n", REPLY_MISSING, REPLY_MISSING, REPLY_MISSING, REPLY_ERROR},
        {":7\r\n", REPLY_ERROR, REPLY_OK, REPLY_ERROR, REPLY_ERROR},
        {"*2\r\n$1\r\na\r\n$-1\r\n", REPLY_ERROR, REPLY_ERROR, REPLY_OK, REPLY_ERROR},
        {"*3\r\n:1\r\n:2\r\n:3\r\n", REPLY_ERROR, REPLY_ERROR, REPLY_ERROR, REPLY_ERROR},
        {"+OK\r\n", REPLY_ERROR, REPLY_ERROR, REPLY_ERROR, REPLY_OK},
        {"-OOM full\r\n", REPLY_ERROR, REPLY_ERROR, REPLY_ERROR, REPLY_ERROR},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        redisReply *r = reply_of(arena, str_of(rows[i].bytes));
        struct str text;
        int64_t number;
        size_t n;

        CU_ASSERT_PTR_NOT_NULL_FATAL(r);
        CU_ASSERT_EQUAL(reply_text(r, &text), rows[i].text);
        CU_ASSERT_EQUAL(reply_int(r, &number), rows[i].number);
        CU_ASSERT_EQUAL(reply_array(r, 2, &n), rows[i].array);
        CU_ASSERT_EQUAL(reply_status(r), rows[i].done);
    }
}

static void a_number_of_things_is_not_below_0(void)
{
    int64_t count = 5;

    CU_ASSERT_EQUAL(reply_count(reply_of(arena, STR(":-1\r\n")), &count), REPLY_ERROR);
    CU_ASSERT_EQUAL(reply_count(reply_of(arena, STR("+1\r\n")), &count), REPLY_ERROR);
    CU_ASSERT_EQUAL(reply_count(reply_of(arena, STR("$-1\r\n")), &count), REPLY_MISSING);
    CU_ASSERT_EQUAL(reply_count(NULL, &count), REPLY_ERROR);
    CU_ASSERT_EQUAL(count, 5);
    CU_ASSERT_EQUAL(reply_count(reply_of(arena, STR(":0\r\n")), &count), REPLY_OK);
    CU_ASSERT_EQUAL(count, 0);
}

static void no_reply_is_an_error_for_every_accessor(void)
{
    struct str text;
    int64_t number;
    size_t n;

    CU_ASSERT_EQUAL(reply_text(NULL, &text), REPLY_ERROR);
    CU_ASSERT_EQUAL(reply_int(NULL, &number), REPLY_ERROR);
    CU_ASSERT_EQUAL(reply_array(NULL, 2, &n), REPLY_ERROR);
    CU_ASSERT_EQUAL(reply_status(NULL), REPLY_ERROR);
    CU_ASSERT_PTR_NULL(reply_at(NULL, 0));
    CU_ASSERT_EQUAL(reply_error_of(NULL), REPLY_NO_ERROR);
}

static void values_are_those_of_the_reply(void)
{
    redisReply *r = reply_of(arena, STR("*2\r\n$4\r\na\0\r\n\r\n:-9223372036854775808\r\n"));
    struct str text;
    int64_t number;
    size_t n;

    CU_ASSERT_EQUAL_FATAL(reply_array(r, 2, &n), REPLY_OK);
    CU_ASSERT_EQUAL(n, 2);
    CU_ASSERT_EQUAL(reply_text(reply_at(r, 0), &text), REPLY_OK);
    CU_ASSERT_TRUE(str_equal(text, STR("a\0\r\n")));
    CU_ASSERT_EQUAL(reply_int(reply_at(r, 1), &number), REPLY_OK);
    CU_ASSERT_EQUAL(number, INT64_MIN);
    CU_ASSERT_PTR_NULL(reply_at(r, 2));
    CU_ASSERT_PTR_NULL(reply_at(reply_at(r, 0), 0));
}

static void each_error_of_redis_has_its_class(void)
{
    static const struct {
        const char *bytes;
        enum reply_error error;
        int status;
    } rows[] = {
        {"-LOADING Redis is loading the dataset in memory\r\n", REPLY_WRONG_SERVER, 503},
        {"-MASTERDOWN Link with MASTER is down\r\n", REPLY_WRONG_SERVER, 503},
        {"-BUSY Redis is busy running a script\r\n", REPLY_STORE_UNAVAILABLE, 503},
        {"-CLUSTERDOWN The cluster is down\r\n", REPLY_STORE_UNAVAILABLE, 503},
        {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", REPLY_WRITES_REFUSED, 503},
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", REPLY_WRITES_REFUSED, 503},
        {"-ERR Error running script: OOM command not allowed\r\n", REPLY_WRITES_REFUSED, 503},
        {"-MISCONF Redis is configured to save RDB snapshots\r\n", REPLY_WRITES_REFUSED, 503},
        {"-READONLY You can't write against a read only replica.\r\n", REPLY_WRONG_SERVER, 503},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", REPLY_WRITES_REFUSED, 503},
        {"-UNBLOCKED force unblock from blocking operation\r\n", REPLY_WRITES_REFUSED, 503},
        {"-NOAUTH Authentication required.\r\n", REPLY_NOT_AUTHENTICATED, 503},
        {"-WRONGPASS invalid username-password pair\r\n", REPLY_NOT_AUTHENTICATED, 503},
        {"-NOSCRIPT No matching script. Please use EVAL.\r\n", REPLY_NO_SCRIPT, 500},
        {"-WRONGTYPE Operation against a key\r\n", REPLY_BUG, 500},
        {"-DENIED Redis is running in protected mode\r\n", REPLY_NOT_AUTHENTICATED, 503},
        {"-NOPERM this user has no permissions\r\n", REPLY_MISCONFIGURED, 503},
        {"-MOVED 3999 127.0.0.1:6381\r\n", REPLY_MISCONFIGURED, 503},
        {"-ASK 3999 127.0.0.1:6381\r\n", REPLY_MISCONFIGURED, 503},
        {"-CROSSSLOT Keys in request don't hash to the same slot\r\n", REPLY_MISCONFIGURED, 503},
        {"-ERR unknown command\r\n", REPLY_BUG, 500},
        {"-LOADINGS is another word\r\n", REPLY_BUG, 500},
        {"-\r\n", REPLY_BUG, 500},
        {"+OOM is no error here\r\n", REPLY_NO_ERROR, 500},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        redisReply *r = reply_of(arena, str_of(rows[i].bytes));
        struct problem p = {.code = PROBLEM_NONE};

        CU_ASSERT_PTR_NOT_NULL_FATAL(r);
        CU_ASSERT_EQUAL(reply_error_of(r), rows[i].error);
        reply_problem(r, &p);
        CU_ASSERT_EQUAL(problem_status(p.code), rows[i].status);
        CU_ASSERT_EQUAL(p.retry_after_s > 0, rows[i].status == 503);
    }
}

static void a_missing_reply_means_that_the_store_is_away(void)
{
    struct problem p = {.code = PROBLEM_NONE};

    reply_problem(NULL, &p);
    CU_ASSERT_EQUAL(p.code, PROBLEM_SERVICE_UNAVAILABLE);
    CU_ASSERT_EQUAL(p.retry_after_s, 1);
}

void reply_tests(void)
{
    CU_pSuite suite = CU_add_suite("reply", open_arena, free_arena);

    CU_add_test(suite, "every accessor takes its own type only",
                each_accessor_accepts_its_own_type_only);
    CU_add_test(suite, "a number of things is not below 0", a_number_of_things_is_not_below_0);
    CU_add_test(suite, "no reply is an error for every accessor",
                no_reply_is_an_error_for_every_accessor);
    CU_add_test(suite, "values are those of the reply", values_are_those_of_the_reply);
    CU_add_test(suite, "every error of Redis has its meaning", each_error_of_redis_has_its_class);
    CU_add_test(suite, "a missing reply means that the store is away",
                a_missing_reply_means_that_the_store_is_away);
}
