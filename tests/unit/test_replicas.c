/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/replicas.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "tests/unit/fake_redis.h"

void replicas_tests(void);

enum { ROUND_US = 1000000, WAITERS = 3 };

static struct fake_redis redis;
static struct config config;
static struct replicas *replicas;
static struct arena *arena;
static int64_t now_us;
static char url[128];
static struct pipeline waiters[WAITERS];

static void tick(void)
{
    (void)replicas_tick(replicas, now_us);
}

static bool hears(const char *expected)
{
    char name[FAKE_NAME];

    return fake_redis_hear(&redis, name) && strcmp(name, expected) == 0;
}

static bool hears_nothing(void)
{
    char name[FAKE_NAME];

    return !fake_redis_hear(&redis, name);
}

static void say(const char *bytes)
{
    fake_redis_say(&redis, bytes);
    store_on_ready(replicas_store(replicas), now_us);
}

static void wait_for_writes_of(const char *server_id, int i)
{
    pipeline_init(&waiters[i], arena, NULL);
    waiters[i].limit_us = ROUND_US;
    replicas_submit(replicas, &waiters[i], server_id, now_us);
    tick();
}

static void wait_with(int i)
{
    wait_for_writes_of("one", i);
}

static bool done(int i, enum pipeline_status status)
{
    return replicas_next_done(replicas, now_us) == &waiters[i] && waiters[i].status == status;
}

static bool nothing_done(void)
{
    return replicas_next_done(replicas, now_us) == NULL;
}

/* Accepts a connection and completes its handshake. */
static void accept_connection(void)
{
    char name[FAKE_NAME] = "";

    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    while (fake_redis_hear(&redis, name)) {
        if (strcmp(name, "GET") == 0)
            fake_redis_say(&redis, "$-1\r\n");
        else if (strcmp(name, "INFO") == 0)
            fake_redis_say(&redis, "$32\r\n# Server\r\nrun_id:one\r\nos:Linux\r\n\r\n");
        else if (strcmp(name, "ROLE") == 0)
            fake_redis_say(&redis, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
        else
            fake_redis_say(&redis, "+OK\r\n");
    }
    store_on_ready(replicas_store(replicas), now_us);
    tick();
}

static void set_up(void)
{
    char error[200] = "";

    CU_ASSERT_TRUE_FATAL(fake_redis_open(&redis));
    (void)snprintf(url, sizeof(url), "unix://%s", redis.path);
    config = (struct config){
        .redis_url = url,
        .store_round_timeout_ms = ROUND_US / 1000,
        .store_connect_timeout_ms = ROUND_US / 1000,
        .store_breaker_failures = 3,
        .store_breaker_open_ms = 500,
        .store_wait_replicas = 2,
    };
    now_us = INT64_C(100000000);
    arena = arena_new(4096, 1 << 20);
    replicas = replicas_new(&config, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_PTR_NOT_NULL_FATAL(replicas);
    tick();
    accept_connection();
}

static void tear_down(void)
{
    replicas_free(replicas);
    arena_free(arena);
    fake_redis_close(&redis);
}

static void one_wait_serves_all_that_came_before_it(void)
{
    wait_with(0);
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT") && hears_nothing());
    wait_with(1);
    wait_with(2);
    CU_ASSERT_TRUE(hears_nothing()); /* one at a time */
    say("+OK\r\n:2\r\n");
    CU_ASSERT_TRUE(done(0, PIPELINE_COMPLETE) && nothing_done());
    tick();
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT") && hears_nothing());
    say("+OK\r\n:3\r\n");
    CU_ASSERT_TRUE(done(1, PIPELINE_COMPLETE) && done(2, PIPELINE_COMPLETE) && nothing_done());
    tick();
    CU_ASSERT_TRUE(hears_nothing());
}

static void too_few_replicas_are_asked_again_until_the_limit(void)
{
    wait_with(0);
    now_us += ROUND_US / 2;
    say("+OK\r\n:1\r\n");
    CU_ASSERT_TRUE(nothing_done());
    wait_with(1);
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT") && hears("SET") && hears("WAIT"));
    now_us += ROUND_US / 2;
    CU_ASSERT_EQUAL(replicas_tick(replicas, now_us), 0);
    CU_ASSERT_TRUE(done(0, PIPELINE_FAILED) && nothing_done());
    say("+OK\r\n:2\r\n");
    CU_ASSERT_TRUE(done(1, PIPELINE_COMPLETE) && nothing_done());
}

/* A server that has become a replica refuses the write before WAIT: what that WAIT says is not
 * used, and the next server is asked. */
static void a_server_that_has_become_a_replica_confirms_nothing(void)
{
    wait_with(0);
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    say("-READONLY You can't write against a read only replica.\r\n:2\r\n");
    CU_ASSERT_TRUE(nothing_done());
    now_us += ROUND_US / 2; /* after a pause */
    tick();
    accept_connection();
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    say("+OK\r\n:2\r\n");
    CU_ASSERT_TRUE(done(0, PIPELINE_COMPLETE) && nothing_done());
}

/* The write before WAIT fails, whatever WAIT says. */
static void a_refused_write_confirms_nothing(void)
{
    wait_with(0);
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    say("-OOM command not allowed when used memory > 'maxmemory'.\r\n:2\r\n");
    CU_ASSERT_TRUE(nothing_done());
    tick();
    CU_ASSERT_TRUE(hears_nothing()); /* after a pause */
    now_us += ROUND_US / 2;
    tick();
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    now_us += ROUND_US / 2;
    tick();
    CU_ASSERT_TRUE(done(0, PIPELINE_FAILED) && nothing_done());
}

/* After a failover one of two connections may still lead to the old master, which may even have a
 * replica left: what that one has says nothing about writes to another server. */
static void another_server_confirms_nothing(void)
{
    wait_for_writes_of("two", 0);
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    say("+OK\r\n:2\r\n");
    CU_ASSERT_TRUE(nothing_done());
    now_us += ROUND_US;
    CU_ASSERT_EQUAL(replicas_tick(replicas, now_us), 0);
    CU_ASSERT_TRUE(done(0, PIPELINE_FAILED) && nothing_done());
}

static void a_server_that_is_not_known_confirms_nothing(void)
{
    wait_for_writes_of("", 0);
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    say("+OK\r\n:2\r\n");
    CU_ASSERT_TRUE(nothing_done());
}

static void writes_of_the_next_server_end_the_wait_for_the_earlier_ones(void)
{
    wait_for_writes_of("two", 0);
    wait_for_writes_of("two", 1);
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    wait_with(2);
    CU_ASSERT_TRUE(done(0, PIPELINE_FAILED) && done(1, PIPELINE_FAILED) && nothing_done());
    say("+OK\r\n:2\r\n"); /* to the WAIT from before the write of the third one */
    CU_ASSERT_TRUE(nothing_done());
    tick();
    CU_ASSERT_TRUE(hears("SET") && hears("WAIT"));
    say("+OK\r\n:2\r\n");
    CU_ASSERT_TRUE(done(2, PIPELINE_COMPLETE) && nothing_done());
}

#define TEST(function) CU_add_test(suite, #function, function)

void replicas_tests(void)
{
    CU_pSuite suite =
        CU_add_suite_with_setup_and_teardown("replicas", NULL, NULL, set_up, tear_down);

    TEST(one_wait_serves_all_that_came_before_it);
    TEST(too_few_replicas_are_asked_again_until_the_limit);
    TEST(a_server_that_has_become_a_replica_confirms_nothing);
    TEST(a_refused_write_confirms_nothing);
    TEST(another_server_confirms_nothing);
    TEST(a_server_that_is_not_known_confirms_nothing);
    TEST(writes_of_the_next_server_end_the_wait_for_the_earlier_ones);
}
