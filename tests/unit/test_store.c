/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/store.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/store/erasure.h"
#include "tests/unit/fake_redis.h"

void store_tests(void);

enum { ROUND_US = 200000, CONNECT_US = 150000, OPEN_US = 500000, FAILURES = 3 };
static const int64_t SECOND_US = 1000000;

static struct fake_redis redis;
static struct config config;
static struct store *store;
static struct arena *arena;
static int64_t now_us;
static char url[128];

static void set_up(void)
{
    char error[200] = "";

    (void)signal(SIGPIPE, SIG_IGN);
    CU_ASSERT_TRUE_FATAL(fake_redis_open(&redis));
    (void)snprintf(url, sizeof(url), "unix://%s", redis.path);
    config = (struct config){
        .redis_url = url,
        .store_round_timeout_ms = ROUND_US / 1000,
        .store_connect_timeout_ms = CONNECT_US / 1000,
        .store_breaker_failures = FAILURES,
        .store_breaker_open_ms = OPEN_US / 1000,
    };
    arena = arena_new(4096, 1 << 20);
    store = store_new(&config, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    now_us = 100 * SECOND_US;
}

static void tear_down(void)
{
    store_free(store);
    arena_free(arena);
    fake_redis_close(&redis);
}

/* ---- helpers ---- */

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

/* The reply to GET schema: nil, as from an empty Redis. */
static const char *schema_reply = "$-1\r\n";

static const char master[] = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
static const char replica[] =
    "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:0\r\n";

static const char *reply_to(const char *name)
{
    if (strcmp(name, "ROLE") == 0)
        return master;
    return strcmp(name, "GET") == 0 ? schema_reply : "+OK\r\n";
}

/* Accepts a connection and replies to its handshake; `role` is the reply to ROLE. */
static void accept_handshake_with(const char *role)
{
    char name[FAKE_NAME] = "";

    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    while (fake_redis_hear(&redis, name) && strcmp(name, "ROLE") != 0)
        fake_redis_say(&redis, reply_to(name));
    CU_ASSERT_STRING_EQUAL(name, "ROLE");
    fake_redis_say(&redis, role);
}

static void accept_handshake(void)
{
    accept_handshake_with(master);
    store_on_ready(store, now_us);
}

/* The first tick connects. */
static void connect_store(void)
{
    (void)store_tick(store, now_us);
    accept_handshake();
    CU_ASSERT_TRUE(store_connected(store));
}

static struct command *add(struct pipeline *pipeline, enum command_kind kind, const char *name)
{
    return pipeline_add(pipeline, kind, 1, (struct str[]){str_of(name)});
}

static void init_pipeline(struct pipeline *pipeline)
{
    pipeline_init(pipeline, arena, NULL);
}

static void submit(struct pipeline *pipeline)
{
    store_submit(store, pipeline, now_us);
    store_flush(store, now_us);
}

static struct command *add_script(struct pipeline *pipeline)
{
    return pipeline_add_script(pipeline, &script_delete_if_equal, 1, 2,
                               (struct str[]){STR("key"), STR("token")});
}

static void add_and_submit(struct pipeline *pipeline, enum command_kind kind, const char *name)
{
    init_pipeline(pipeline);
    (void)add(pipeline, kind, name);
    submit(pipeline);
}

static void say(const char *bytes)
{
    fake_redis_say(&redis, bytes);
    store_on_ready(store, now_us);
}

static bool done(const struct pipeline *pipeline, enum pipeline_status status)
{
    return store_next_done(store) == pipeline && pipeline->status == status;
}

static bool nothing_done(void)
{
    return store_next_done(store) == NULL;
}

static bool text_is(const struct command *command, const char *expected)
{
    return command->reply && command->reply->str && strcmp(command->reply->str, expected) == 0;
}

static enum store_state circuit(void)
{
    uint64_t failures;
    int64_t opened_at_ms;

    return store_circuit(store, &failures, &opened_at_ms);
}

/* Waits until the circuit lets a probe through, and sends it. */
static void wait_for_probe(void)
{
    for (int i = 0; i < 100 && circuit() == STORE_OPEN_CIRCUIT; i++) {
        int64_t next_us = store_tick(store, now_us);

        CU_ASSERT_TRUE_FATAL(next_us > 0);
        now_us += circuit() == STORE_OPEN_CIRCUIT ? next_us : 0;
    }
    CU_ASSERT_EQUAL(circuit(), STORE_HALF_OPEN_CIRCUIT);
}

/* ---- order ---- */

static void replies_belong_to_the_commands_in_their_order(void)
{
    struct pipeline one, two;
    struct command *first, *second, *third;

    connect_store();
    init_pipeline(&one);
    init_pipeline(&two);
    first = add(&one, COMMAND_READ, "A");
    second = add(&one, COMMAND_READ, "B");
    third = add(&two, COMMAND_READ, "C");
    store_submit(store, &one, now_us);
    store_submit(store, &two, now_us);
    CU_ASSERT_TRUE(hears_nothing()); /* nothing is written before store_flush */
    store_flush(store, now_us);
    CU_ASSERT_TRUE(hears("A") && hears("B") && hears("C") && hears_nothing());
    CU_ASSERT_EQUAL(store_sent_count(store), 3);
    say("+a\r\n");
    CU_ASSERT_TRUE(nothing_done());
    say("+b\r\n+c\r\n");
    CU_ASSERT_TRUE(done(&one, PIPELINE_COMPLETE) && done(&two, PIPELINE_COMPLETE) &&
                   nothing_done());
    CU_ASSERT_TRUE(text_is(first, "a") && text_is(second, "b") && text_is(third, "c"));
    CU_ASSERT_EQUAL(store_sent_count(store), 0);
}

static void an_empty_pipeline_is_complete_at_once(void)
{
    struct pipeline pipeline;

    init_pipeline(&pipeline);
    submit(&pipeline);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
}

static void a_reply_in_single_bytes_is_one_reply(void)
{
    static const char bytes[] = "$5\r\nhello\r\n";
    struct pipeline pipeline;

    connect_store();
    add_and_submit(&pipeline, COMMAND_READ, "A");
    for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
        CU_ASSERT_TRUE(nothing_done());
        say((char[]){bytes[i], '\0'});
    }
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    CU_ASSERT_TRUE(text_is(pipeline.first, "hello"));
}

/* ---- time limits ---- */

static void a_late_reply_is_never_taken_for_another(void)
{
    struct pipeline late, next;
    int fd;

    connect_store();
    fd = store_fd(store);
    add_and_submit(&late, COMMAND_READ, "A");
    now_us += ROUND_US - 1;
    CU_ASSERT_TRUE(store_tick(store, now_us) == 1 && nothing_done());
    now_us += 1;
    CU_ASSERT_EQUAL(store_tick(store, now_us), 0);
    CU_ASSERT_TRUE(done(&late, PIPELINE_FAILED));
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    arena_reset(arena); /* its owner may forget a failed pipeline at once */
    CU_ASSERT_EQUAL(store_fd(store), fd);
    CU_ASSERT_TRUE(hears("A") && hears("ROLE") && hears_nothing());
    say("+a\r\n");
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    say(master);
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
    add_and_submit(&next, COMMAND_READ, "B");
    CU_ASSERT_TRUE(nothing_done());
    say("+b\r\n");
    CU_ASSERT_TRUE(done(&next, PIPELINE_COMPLETE) && text_is(next.first, "b"));
    CU_ASSERT_EQUAL(store_fd(store), fd);
}

/* The owner has given up while a part of its reply had arrived: its memory may be used again. */
static void the_rest_of_a_late_reply_is_not_stored(void)
{
    enum { SIZE = 2048 };
    struct pipeline late, next;
    struct arena *own = arena_new(SIZE, SIZE);
    unsigned char *bytes;

    CU_ASSERT_PTR_NOT_NULL_FATAL(own);
    connect_store();
    pipeline_init(&late, own, NULL);
    (void)add(&late, COMMAND_READ, "A");
    submit(&late);
    say("*3\r\n$1\r\na\r\n*2\r\n:1\r\n");
    now_us += ROUND_US;
    CU_ASSERT_EQUAL(store_tick(store, now_us), 0);
    CU_ASSERT_TRUE(done(&late, PIPELINE_FAILED));
    arena_reset(own);
    bytes = arena_alloc(own, SIZE / 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    memset(bytes, 0x5a, SIZE / 2);
    say(":2\r\n$1\r\nc\r\n");
    say(master);
    for (int i = 0; i < SIZE / 2; i++)
        CU_ASSERT_EQUAL_FATAL(bytes[i], 0x5a);
    CU_ASSERT_TRUE(hears("A") && hears("ROLE"));
    add_and_submit(&next, COMMAND_READ, "B");
    say("*1\r\n$1\r\nb\r\n");
    CU_ASSERT_TRUE(done(&next, PIPELINE_COMPLETE));
    CU_ASSERT_STRING_EQUAL(next.first->reply->element[0]->str, "b");
    arena_free(own);
}

/* The connection, which others use as well, goes on. */
static void a_reply_for_which_there_is_no_memory_is_missing(void)
{
    enum { SIZE = 1024 };
    struct pipeline small, next;
    struct arena *own = arena_new(SIZE, SIZE);
    char text[SIZE + 1] = "";

    CU_ASSERT_PTR_NOT_NULL_FATAL(own);
    memset(text, 'x', SIZE);
    connect_store();
    pipeline_init(&small, own, NULL);
    (void)add(&small, COMMAND_READ, "A");
    submit(&small);
    say("*3\r\n$1\r\na\r\n$1024\r\n");
    say(text);
    say("\r\n:3\r\n");
    CU_ASSERT_TRUE(done(&small, PIPELINE_COMPLETE));
    CU_ASSERT_PTR_NULL(small.first->reply);
    add_and_submit(&next, COMMAND_READ, "B");
    say("+b\r\n");
    CU_ASSERT_TRUE(done(&next, PIPELINE_COMPLETE) && text_is(next.first, "b"));
    arena_free(own);
}

static void each_pipeline_has_its_own_limit(void)
{
    struct pipeline hasty, patient;

    connect_store();
    init_pipeline(&patient);
    (void)add(&patient, COMMAND_READ, "A");
    submit(&patient);
    init_pipeline(&hasty);
    (void)add(&hasty, COMMAND_WRITE, "B");
    (void)add(&hasty, COMMAND_READ, "C");
    hasty.limit_us = ROUND_US / 4;
    submit(&hasty);
    now_us += ROUND_US / 4;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(done(&hasty, PIPELINE_FAILED) && nothing_done());
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT); /* Redis has not stalled for long */
    say("+a\r\n+b\r\n+c\r\n");
    CU_ASSERT_TRUE(done(&patient, PIPELINE_COMPLETE) && text_is(patient.first, "a"));
    CU_ASSERT_TRUE(nothing_done() && store_sent_count(store) == 0);
    add_and_submit(&patient, COMMAND_READ, "D");
    say("+d\r\n");
    CU_ASSERT_TRUE(done(&patient, PIPELINE_COMPLETE) && text_is(patient.first, "d"));
}

static void a_script_whose_owner_has_given_up_is_not_sent_again(void)
{
    struct pipeline pipeline;

    connect_store();
    init_pipeline(&pipeline);
    (void)add_script(&pipeline);
    submit(&pipeline);
    now_us += ROUND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_TRUE(hears("EVALSHA") && hears("ROLE"));
    say("-NOSCRIPT No matching script.\r\n");
    say(master);
    CU_ASSERT_TRUE(hears_nothing());
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

/* A host that is gone never says so: the connection to it must be left. */
static void a_connection_that_is_silent_for_long_is_closed(void)
{
    struct pipeline pipeline;
    int64_t sent_us;

    connect_store();
    sent_us = now_us;
    add_and_submit(&pipeline, COMMAND_READ, "A");
    (void)store_tick(store, now_us);
    while (store_connected(store) && now_us < sent_us + 10 * ROUND_US) {
        int64_t next_us = store_tick(store, now_us);

        now_us += store_connected(store) ? next_us : 0;
        (void)store_next_done(store);
    }
    CU_ASSERT_EQUAL(now_us, sent_us + 3 * ROUND_US);
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    wait_for_probe();
    accept_handshake();
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
    CU_ASSERT_FALSE(fake_redis_say_late(&redis, "+a\r\n")); /* that connection is closed */
    add_and_submit(&pipeline, COMMAND_READ, "B");
    say("+b\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(pipeline.first, "b"));
}

/* Each reply shows that Redis is there, even if it comes late. */
static void a_slow_connection_is_not_closed(void)
{
    struct pipeline pipelines[8];

    connect_store();
    for (int i = 0; i < 8; i++)
        add_and_submit(&pipelines[i], COMMAND_READ, "A");
    for (int i = 0; i < 8; i++) {
        now_us += 2 * ROUND_US;
        (void)store_tick(store, now_us);
        say("+a\r\n");
        CU_ASSERT_TRUE(store_connected(store));
    }
    say(master);
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

static void single_bytes_do_not_extend_the_time_limit(void)
{
    struct pipeline pipeline;
    int64_t sent_us;

    connect_store();
    add_and_submit(&pipeline, COMMAND_READ, "A");
    sent_us = now_us;
    fake_redis_say(&redis, "$100\r\n");
    while (nothing_done() && now_us - sent_us <= ROUND_US) {
        now_us += 50000;
        say("x");
        (void)store_tick(store, now_us);
    }
    CU_ASSERT_EQUAL(now_us - sent_us, ROUND_US);
    CU_ASSERT_EQUAL(pipeline.status, PIPELINE_FAILED);
    CU_ASSERT_PTR_NULL(pipeline.first->reply);
}

static void a_reply_that_has_arrived_is_not_late(void)
{
    struct pipeline pipeline;

    connect_store();
    add_and_submit(&pipeline, COMMAND_READ, "A");
    fake_redis_say(&redis, "+a\r\n");
    now_us += 10 * ROUND_US; /* this process was busy elsewhere */
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(pipeline.first, "a"));
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

static void the_time_limit_starts_when_commands_are_written(void)
{
    struct pipeline pipeline;

    connect_store();
    init_pipeline(&pipeline);
    (void)add(&pipeline, COMMAND_READ, "A");
    store_submit(store, &pipeline, now_us);
    now_us += 10 * ROUND_US; /* the loop iteration took long */
    store_flush(store, now_us);
    (void)store_tick(store, now_us + ROUND_US - 1);
    CU_ASSERT_TRUE(nothing_done());
    (void)store_tick(store, now_us + ROUND_US);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
}

/* ---- broken connections ---- */

static void reads_are_sent_once_more_on_a_new_connection(void)
{
    struct pipeline pipeline;
    struct command *one, *three;
    unsigned generation;

    connect_store();
    init_pipeline(&pipeline);
    one = add(&pipeline, COMMAND_READ, "A");
    (void)add(&pipeline, COMMAND_READ, "B");
    three = add(&pipeline, COMMAND_READ, "C");
    submit(&pipeline);
    fake_redis_say(&redis, "+half\r\n");
    fake_redis_hang_up(&redis);
    generation = store_generation(store);
    store_on_ready(store, now_us); /* the reply */
    store_on_ready(store, now_us); /* the end */
    CU_ASSERT_TRUE(nothing_done());
    CU_ASSERT_NOT_EQUAL(store_generation(store), generation);
    accept_handshake();
    CU_ASSERT_TRUE(hears("A") && hears("B") && hears("C") && hears_nothing());
    say("+a\r\n+b\r\n");
    CU_ASSERT_TRUE(nothing_done());
    say("+c\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && nothing_done());
    CU_ASSERT_TRUE(text_is(one, "a") && text_is(three, "c"));
}

static void a_connection_that_breaks_in_the_handshake_is_opened_again(void)
{
    struct pipeline pipeline;

    add_and_submit(&pipeline, COMMAND_READ, "A");
    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    accept_handshake();
    CU_ASSERT_TRUE(hears("A") && hears_nothing());
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && nothing_done());
}

static void reads_are_not_sent_a_third_time(void)
{
    struct pipeline pipeline;

    connect_store();
    init_pipeline(&pipeline);
    (void)add(&pipeline, COMMAND_READ, "A");
    (void)add(&pipeline, COMMAND_READ, "B");
    submit(&pipeline);
    say("+half\r\n");
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    accept_handshake();
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED) && nothing_done());
    CU_ASSERT_PTR_NULL(pipeline.first->reply); /* the reply of the first try is dropped */
    CU_ASSERT_FALSE(fake_redis_accept(&redis));
}

static void writes_are_never_sent_again(void)
{
    struct pipeline write, mixed, read;

    connect_store();
    add_and_submit(&write, COMMAND_WRITE, "W");
    init_pipeline(&mixed);
    (void)add(&mixed, COMMAND_READ, "A");
    (void)add(&mixed, COMMAND_WRITE, "W");
    submit(&mixed);
    add_and_submit(&read, COMMAND_READ, "R");
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    CU_ASSERT_TRUE(done(&write, PIPELINE_FAILED) && done(&mixed, PIPELINE_FAILED) &&
                   nothing_done());
    accept_handshake();
    CU_ASSERT_TRUE(hears("R") && hears_nothing());
    say("+r\r\n");
    CU_ASSERT_TRUE(done(&read, PIPELINE_COMPLETE));
}

static void an_unusable_connection_is_closed(void)
{
    static const char *const rows[] = {
        "?what\r\n",
        "-NOAUTH Authentication required.\r\n",
        "-WRONGPASS invalid username-password pair\r\n",
        "+a\r\n+one too many\r\n",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pipeline pipeline;

        if (i > 0)
            set_up();
        connect_store();
        add_and_submit(&pipeline, COMMAND_READ, "A");
        say(rows[i]);
        CU_ASSERT_TRUE(done(&pipeline, rows[i][0] == '+' ? PIPELINE_COMPLETE : PIPELINE_FAILED));
        CU_ASSERT_FALSE(store_connected(store));
        CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
        CU_ASSERT_TRUE(nothing_done());
        if (i + 1 < sizeof(rows) / sizeof(rows[0]))
            tear_down();
    }
}

/* ---- scripts ---- */

static void an_unknown_script_is_sent_whole_once(void)
{
    struct pipeline pipeline;
    struct command *script;

    connect_store();
    init_pipeline(&pipeline);
    script = add_script(&pipeline);
    submit(&pipeline);
    CU_ASSERT_TRUE(hears("EVALSHA"));
    say("-NOSCRIPT No matching script.\r\n");
    CU_ASSERT_TRUE(nothing_done());
    CU_ASSERT_TRUE(hears("EVAL") && hears_nothing());
    say(":1\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    CU_ASSERT_EQUAL(script->reply->integer, 1);

    init_pipeline(&pipeline);
    script = add_script(&pipeline);
    submit(&pipeline);
    say("-NOSCRIPT No matching script.\r\n");
    say("-NOSCRIPT No matching script, not even now.\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    CU_ASSERT_EQUAL(script->reply->type, REDIS_REPLY_ERROR);
}

static void a_script_sent_again_keeps_the_order_of_replies(void)
{
    struct pipeline pipeline, later;
    struct command *script, *other, *next;

    connect_store();
    init_pipeline(&pipeline);
    script = add_script(&pipeline);
    other = add(&pipeline, COMMAND_READ, "A");
    submit(&pipeline);
    init_pipeline(&later);
    next = add(&later, COMMAND_READ, "B");
    submit(&later);
    say("-NOSCRIPT No matching script.\r\n+a\r\n+b\r\n");
    CU_ASSERT_TRUE(done(&later, PIPELINE_COMPLETE) && text_is(next, "b") && nothing_done());
    say(":7\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(other, "a"));
    CU_ASSERT_EQUAL(script->reply->integer, 7);
}

/* ---- readiness ---- */

static void the_store_is_responsive_until_it_stalls(void)
{
    struct pipeline pipeline;

    CU_ASSERT_TRUE(store_responsive(store, now_us)); /* not connected: the next command connects */
    connect_store();
    now_us += 10 * ROUND_US; /* nothing is sent, so nothing waits */
    CU_ASSERT_TRUE(store_responsive(store, now_us));
    add_and_submit(&pipeline, COMMAND_READ, "A");
    CU_ASSERT_TRUE(store_responsive(store, now_us + SECOND_US));
    CU_ASSERT_FALSE(store_responsive(store, now_us + SECOND_US + 1));
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    CU_ASSERT_TRUE(store_responsive(store, now_us + SECOND_US + 1));
    add_and_submit(&pipeline, COMMAND_READ, "A");
    now_us += ROUND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    CU_ASSERT_FALSE(store_responsive(store, now_us));
    say("+a\r\n");
    say(master);
    CU_ASSERT_TRUE(store_responsive(store, now_us));
}

/* ---- the circuit ---- */

static void the_circuit_opens_after_failures_and_refuses_at_once(void)
{
    struct pipeline pipeline;
    struct store_counts counts;

    fake_redis_close(&redis); /* connecting is refused */
    for (int i = 0; i < FAILURES; i++) {
        CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
        add_and_submit(&pipeline, COMMAND_READ, "A");
        CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    }
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    CU_ASSERT_TRUE_FATAL(fake_redis_open(&redis));
    add_and_submit(&pipeline, COMMAND_WRITE, "W");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_FALSE(fake_redis_accept(&redis));
    store_consume_counts(store, &counts);
    CU_ASSERT_EQUAL(counts.unavailable[COMMAND_READ], FAILURES);
    CU_ASSERT_EQUAL(counts.unavailable[COMMAND_WRITE], 1);
}

static void open_the_circuit(void)
{
    struct pipeline pipeline;

    connect_store();
    add_and_submit(&pipeline, COMMAND_READ, "A");
    now_us += ROUND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    now_us += 2 * ROUND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_FALSE(store_connected(store));
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
}

static void a_half_open_circuit_only_sends_the_probe(void)
{
    struct pipeline pipeline;

    open_the_circuit();
    wait_for_probe();
    add_and_submit(&pipeline, COMMAND_READ, "A");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    accept_handshake();
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
    CU_ASSERT_TRUE(hears_nothing());
    add_and_submit(&pipeline, COMMAND_READ, "A");
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
}

static void a_probe_without_reply_opens_the_circuit_again(void)
{
    open_the_circuit();
    for (int i = 0; i < 3; i++) {
        wait_for_probe();
        CU_ASSERT_TRUE(fake_redis_accept(&redis));
        now_us += CONNECT_US;
        (void)store_tick(store, now_us);
        CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    }
}

static void a_redis_that_is_loading_opens_the_circuit(void)
{
    struct pipeline pipeline;

    for (int i = 0; i < FAILURES; i++) {
        CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
        add_and_submit(&pipeline, COMMAND_WRITE, "W");
        accept_handshake_with("-LOADING Redis is loading the dataset in memory\r\n");
        say("-LOADING Redis is loading the dataset in memory\r\n");
        CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
        CU_ASSERT_FALSE(store_connected(store));
    }
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(store_last_error(store), "LOADING"));
    wait_for_probe();
    accept_handshake();
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

static void other_errors_do_not_open_the_circuit(void)
{
    static const struct {
        const char *reply;
        enum store_state state;
    } rows[] = {
        {"-OOM command not allowed\r\n", STORE_CLOSED_CIRCUIT},
        {"-WRONGTYPE Operation\r\n", STORE_CLOSED_CIRCUIT},
        {"-BUSY Redis is busy running a script\r\n", STORE_OPEN_CIRCUIT},
    };

    connect_store();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int n = 0; n < FAILURES; n++) {
            struct pipeline pipeline;

            add_and_submit(&pipeline, COMMAND_WRITE, "W");
            say(rows[i].reply);
            CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
        }
        CU_ASSERT_EQUAL(circuit(), rows[i].state);
    }
}

/* ---- a server that is no master (hazards X1) ---- */

#define READONLY "-READONLY You can't write against a read only replica.\r\n"

/* The store has left the server: it opens a new connection, which leads to a master. */
static void accept_next_server(void)
{
    CU_ASSERT_TRUE(nothing_done());
    accept_handshake();
}

static void a_refused_write_is_sent_once_to_the_next_server(void)
{
    static const char *const rows[] = {READONLY, "-MASTERDOWN Link with MASTER is down\r\n",
                                       "-LOADING Redis is loading the dataset in memory\r\n"};
    struct pipeline pipeline;

    connect_store();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        init_pipeline(&pipeline);
        (void)add(&pipeline, COMMAND_READ, "A");
        (void)add(&pipeline, COMMAND_WRITE, "W");
        submit(&pipeline);
        say("+old\r\n");
        CU_ASSERT_PTR_NULL(store_public_error(store));
        say(rows[i]);
        CU_ASSERT_PTR_NOT_NULL(store_public_error(store));
        CU_ASSERT_FALSE(store_has_master(store));
        accept_next_server();
        CU_ASSERT_TRUE(store_has_master(store));
        CU_ASSERT_PTR_NULL(store_public_error(store));
        CU_ASSERT_TRUE(hears("A") && hears("W") && hears_nothing());
        say("+new\r\n+w\r\n");
        CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(pipeline.first, "new"));
        CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
    }
}

static void a_write_refused_twice_fails(void)
{
    struct pipeline pipeline;

    connect_store();
    add_and_submit(&pipeline, COMMAND_WRITE, "W");
    say(READONLY);
    accept_next_server();
    say(READONLY);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_FALSE(fake_redis_accept(&redis));
}

/* The first write was made before the server became a replica, or the second one after it became a
 * master again. */
static void a_partly_executed_pipeline_is_not_sent_again(void)
{
    static const char *const rows[] = {"+w\r\n" READONLY, READONLY "+w\r\n"};
    struct pipeline pipeline;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        connect_store();
        init_pipeline(&pipeline);
        (void)add(&pipeline, COMMAND_WRITE, "V");
        (void)add(&pipeline, COMMAND_WRITE, "W");
        submit(&pipeline);
        say(rows[i]);
        CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED) && nothing_done());
        CU_ASSERT_PTR_NULL(pipeline.first->reply);
        now_us += SECOND_US;
    }
}

/* What a replica said after it had shown its role is not used: it may be old. */
static void all_that_was_outstanding_goes_to_the_next_server(void)
{
    struct pipeline refused, other, read, later;

    connect_store();
    add_and_submit(&refused, COMMAND_WRITE, "V");
    add_and_submit(&other, COMMAND_WRITE, "W");
    add_and_submit(&read, COMMAND_READ, "A");
    say(READONLY);
    CU_ASSERT_TRUE(nothing_done());
    add_and_submit(&later, COMMAND_READ, "B");
    CU_ASSERT_TRUE(hears("V") && hears("W") && hears("A") && hears_nothing());
    say(READONLY "+old\r\n");
    accept_next_server();
    CU_ASSERT_TRUE(hears("B") && hears("A") && hears("V") && hears("W") && hears_nothing());
    say("+1\r\n+2\r\n+3\r\n+4\r\n");
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(store_next_done(store)->status, PIPELINE_COMPLETE);
    CU_ASSERT_FALSE(text_is(read.first, "old"));
}

static void a_replica_is_not_used(void)
{
    struct pipeline write, read;

    add_and_submit(&write, COMMAND_WRITE, "W");
    add_and_submit(&read, COMMAND_READ, "A");
    accept_handshake_with(replica);
    say("+old\r\n");
    CU_ASSERT_TRUE(done(&write, PIPELINE_FAILED) && nothing_done());
    CU_ASSERT_PTR_NOT_NULL(strstr(store_public_error(store), "replica"));
    CU_ASSERT_FALSE(store_has_master(store));
    accept_handshake();
    say("+new\r\n");
    CU_ASSERT_TRUE(done(&read, PIPELINE_COMPLETE) && text_is(read.first, "new"));
    CU_ASSERT_TRUE(store_has_master(store));
}

/* Reads alone never meet an error on a replica; under load a connection is never idle. */
static void the_role_is_checked_each_second_under_load(void)
{
    struct pipeline pipeline;

    connect_store();
    for (int i = 0; i < 9; i++) {
        now_us += SECOND_US / 10;
        add_and_submit(&pipeline, COMMAND_READ, "A");
        CU_ASSERT_TRUE(hears("A") && hears_nothing());
        (void)store_tick(store, now_us);
        say("+a\r\n");
        CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    }
    now_us += SECOND_US / 10;
    add_and_submit(&pipeline, COMMAND_READ, "A");
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(hears("A") && hears("ROLE") && hears_nothing());
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    add_and_submit(&pipeline, COMMAND_READ, "B");
    say(replica);
    say("+old\r\n");
    accept_next_server();
    say("+new\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(pipeline.first, "new"));
}

/* ---- connections ---- */

static void a_new_connection_starts_with_the_handshake(void)
{
    struct pipeline pipeline;
    char error[200], name[FAKE_NAME];
    size_t scripts = scripts_all(&(const struct script *const *){NULL});

    store_free(store);
    config.redis_password = "a password";
    store = store_new(&config, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    add_and_submit(&pipeline, COMMAND_READ, "A");
    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    CU_ASSERT_TRUE(hears("AUTH") && hears("HELLO"));
    for (size_t i = 0; i < scripts; i++)
        CU_ASSERT_TRUE(fake_redis_hear(&redis, name) && strcmp(name, "SCRIPT") == 0);
    CU_ASSERT_TRUE(hears("TIME") && hears("GET") && hears("ROLE") && hears("A") && hears_nothing());
}

static void a_store_of_a_later_schema_is_not_used(void)
{
    static const struct {
        const char *reply;
        enum store_state state;
        const char *why;
    } rows[] = {
        {"$-1\r\n", STORE_CLOSED_CIRCUIT, ""},
        {"$1\r\n1\r\n", STORE_CLOSED_CIRCUIT, ""},
        {"$1\r\n3\r\n", STORE_CLOSED_CIRCUIT, ""},
        {"$1\r\n4\r\n", STORE_OPEN_CIRCUIT, "schema 4, this version knows schemas up to 3"},
        {"$4\r\n9999\r\n", STORE_OPEN_CIRCUIT, "schema 9999"},
        {"$1\r\n0\r\n", STORE_OPEN_CIRCUIT, "no number"},
        {"$1\r\nx\r\n", STORE_OPEN_CIRCUIT, "no number"},
        {"$0\r\n\r\n", STORE_OPEN_CIRCUIT, "no number"},
        {":1\r\n", STORE_OPEN_CIRCUIT, "no readable schema"},
        {"+OK\r\n", STORE_OPEN_CIRCUIT, "no readable schema"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (i > 0)
            set_up();
        schema_reply = rows[i].reply;
        (void)store_tick(store, now_us);
        accept_handshake();
        schema_reply = "$-1\r\n";
        CU_ASSERT_EQUAL(circuit(), rows[i].state);
        CU_ASSERT_EQUAL(store_connected(store), rows[i].state == STORE_CLOSED_CIRCUIT);
        CU_ASSERT_PTR_NOT_NULL(strstr(store_last_error(store), rows[i].why));
        if (i + 1 < sizeof(rows) / sizeof(rows[0]))
            tear_down();
    }
    wait_for_probe(); /* the store may be another one now */
    accept_handshake();
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

static void a_writer_writes_the_schema_on_each_connection(void)
{
    char name[FAKE_NAME];

    store_enable_schema_write(store);
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    CU_ASSERT_TRUE(hears("HELLO"));
    do {
        CU_ASSERT_TRUE_FATAL(fake_redis_hear(&redis, name));
    } while (strcmp(name, "SCRIPT") == 0);
    CU_ASSERT_STRING_EQUAL(name, "TIME");
    CU_ASSERT_TRUE(hears("EVALSHA") && hears("ROLE") && hears_nothing());
}

static void an_idle_connection_gets_a_heartbeat_each_second(void)
{
    struct pipeline pipeline;

    connect_store();
    CU_ASSERT_TRUE(store_tick(store, now_us) <= SECOND_US);
    now_us += SECOND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(hears("ROLE") && hears_nothing());
    say(master);
    now_us += SECOND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(hears("ROLE"));
    now_us += ROUND_US; /* without a reply */
    (void)store_tick(store, now_us);
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    add_and_submit(&pipeline, COMMAND_READ, "A");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
}

static void an_idle_store_needs_few_ticks(void)
{
    int ticks = 0;
    int64_t end_us;

    connect_store();
    for (end_us = now_us + 10 * SECOND_US; now_us < end_us; ticks++) {
        int64_t next_us = store_tick(store, now_us);

        CU_ASSERT_TRUE_FATAL(next_us > 0);
        while (!hears_nothing())
            say(master);
        now_us += next_us;
    }
    CU_ASSERT_TRUE(ticks <= 25);
}

static uint64_t failures(void)
{
    uint64_t n;
    int64_t opened_at_ms;

    (void)store_circuit(store, &n, &opened_at_ms);
    return n;
}

static void a_store_that_is_away_is_probed_at_intervals(void)
{
    int ticks = 0;
    int64_t end_us;

    fake_redis_close(&redis);
    (void)store_tick(store, now_us);
    (void)store_tick(store, now_us + SECOND_US - 1);
    CU_ASSERT_EQUAL(failures(), 1);
    for (end_us = now_us + 20 * SECOND_US; now_us < end_us; ticks++) {
        int64_t next_us = store_tick(store, now_us);

        CU_ASSERT_TRUE_FATAL(next_us > 0);
        now_us += next_us;
    }
    CU_ASSERT_TRUE(ticks <= 60);
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
}

/* ---- memory ---- */

static void a_pipeline_out_of_memory_is_not_sent(void)
{
    struct arena *small = arena_new(64, 64);
    struct pipeline pipeline;

    connect_store();
    CU_ASSERT_PTR_NOT_NULL_FATAL(small);
    pipeline_init(&pipeline, small, NULL);
    CU_ASSERT_PTR_NOT_NULL(add(&pipeline, COMMAND_READ, "A"));
    CU_ASSERT_TRUE(pipeline.failed);
    submit(&pipeline);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_TRUE(hears_nothing());
    arena_free(small);
}

static void a_missing_text_is_never_sent_as_an_empty_one(void)
{
    struct pipeline pipeline;

    connect_store();
    init_pipeline(&pipeline);
    (void)add(&pipeline, COMMAND_READ, "A");
    (void)pipeline_add(&pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), {NULL, 0}});
    submit(&pipeline);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_TRUE(hears_nothing());
    init_pipeline(&pipeline);
    (void)pipeline_add(&pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), STR("")});
    submit(&pipeline);
    CU_ASSERT_TRUE(hears("GET"));
}

static void a_command_has_a_largest_size(void)
{
    static struct str argv[COMMAND_ARGC_MAX + 1];
    struct pipeline pipeline;

    connect_store();
    for (int i = 0; i <= COMMAND_ARGC_MAX; i++)
        argv[i] = STR("x");
    init_pipeline(&pipeline);
    (void)pipeline_add_script(&pipeline, &script_delete_if_equal, 1, COMMAND_ARGC_MAX + 1, argv);
    submit(&pipeline);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED) && store_connected(store));
    init_pipeline(&pipeline);
    (void)pipeline_add_script(&pipeline, &script_delete_if_equal, 1, COMMAND_ARGC_MAX, argv);
    submit(&pipeline);
    CU_ASSERT_TRUE(hears("EVALSHA"));
}

/* ---- counting and waiting ---- */

static void commands_are_counted_by_kind_and_outcome(void)
{
    struct store_counts counts;
    struct pipeline pipeline;

    connect_store();
    store_consume_counts(store, &counts); /* the handshake is not counted */
    CU_ASSERT_EQUAL(counts.ok[COMMAND_READ], 0);
    add_and_submit(&pipeline, COMMAND_READ, "A");
    say("+a\r\n");
    add_and_submit(&pipeline, COMMAND_WRITE, "W");
    say("-OOM\r\n");
    add_and_submit(&pipeline, COMMAND_WRITE, "W");
    (void)store_tick(store, now_us + ROUND_US);
    store_consume_counts(store, &counts);
    CU_ASSERT_EQUAL(counts.ok[COMMAND_READ], 1);
    CU_ASSERT_EQUAL(counts.errors[COMMAND_WRITE], 1);
    CU_ASSERT_EQUAL(counts.timeouts[COMMAND_WRITE], 1);
    store_consume_counts(store, &counts);
    CU_ASSERT_EQUAL(counts.ok[COMMAND_READ] + counts.timeouts[COMMAND_WRITE], 0);
}

/* Redis replies an error to BGREWRITEAOF while it rewrites already: that is no failed write. */
static void usual_error_is_counted_as_success(void)
{
    struct store_counts counts;
    struct pipeline pipeline;
    struct command *command;

    connect_store();
    store_consume_counts(store, &counts);
    for (int i = 0; i < 2; i++) {
        pipeline_init(&pipeline, arena, NULL);
        command = erasure_cmd_rewrite_aof(&pipeline);
        submit(&pipeline);
        CU_ASSERT_TRUE(hears("BGREWRITEAOF"));
        say(i == 0 ? "-ERR Background append only file rewriting already in progress\r\n"
                   : "-ERR unknown command 'BGREWRITEAOF'\r\n");
        CU_ASSERT_FALSE(erasure_parse_aof_rewrite(command));
    }
    store_consume_counts(store, &counts);
    CU_ASSERT_EQUAL(counts.ok[COMMAND_WRITE], 1);
    CU_ASSERT_EQUAL(counts.errors[COMMAND_WRITE], 1);
}

/* A process that replies OK to every command. */
static pid_t serve(void)
{
    pid_t pid = fork();
    char name[FAKE_NAME];

    if (pid != 0)
        return pid;
    (void)alarm(10);
    while (!fake_redis_accept(&redis))
        (void)usleep(1000);
    for (;;) {
        while (fake_redis_hear(&redis, name))
            fake_redis_say(&redis, reply_to(name));
        (void)usleep(1000);
    }
}

static void a_program_may_wait_for_a_reply(void)
{
    pid_t pid = serve();
    struct pipeline pipeline;

    CU_ASSERT_TRUE_FATAL(pid > 0);
    init_pipeline(&pipeline);
    (void)add(&pipeline, COMMAND_WRITE, "W");
    CU_ASSERT_TRUE(store_wait(store, &pipeline));
    CU_ASSERT_TRUE(text_is(pipeline.first, "OK"));
    (void)kill(pid, SIGSTOP);
    init_pipeline(&pipeline);
    (void)add(&pipeline, COMMAND_WRITE, "W");
    CU_ASSERT_FALSE(store_wait(store, &pipeline));
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

#define TEST(function) CU_add_test(suite, #function, function)

/* ---- the window ---- */

enum { WINDOW = 64, BURST = WINDOW + 6 }; /* WINDOW: see store.c */

static int heard(void)
{
    char name[FAKE_NAME];
    int n = 0;

    while (fake_redis_hear(&redis, name))
        n++;
    return n;
}

static void a_burst_waits_here_and_not_in_redis(void)
{
    struct pipeline burst[BURST];

    connect_store();
    for (int i = 0; i < BURST; i++)
        add_and_submit(&burst[i], i % 2 ? COMMAND_WRITE : COMMAND_READ, "GET");
    CU_ASSERT_EQUAL(heard(), WINDOW);
    say("+1\r\n+2\r\n");
    CU_ASSERT_EQUAL(heard(), 2);
    for (int i = 2; i < BURST; i++)
        say("+x\r\n");
    CU_ASSERT_EQUAL(heard(), BURST - WINDOW - 2);
    for (int i = 0; i < BURST; i++)
        CU_ASSERT_TRUE(done(&burst[i], PIPELINE_COMPLETE));
}

static void waiting_here_uses_up_no_time_limit(void)
{
    struct pipeline burst[WINDOW + 1];

    connect_store();
    for (int i = 0; i <= WINDOW; i++)
        add_and_submit(&burst[i], COMMAND_READ, "GET");
    now_us += ROUND_US - 1;
    for (int i = 0; i < WINDOW; i++)
        say("+x\r\n");
    now_us += ROUND_US - 1;
    (void)store_tick(store, now_us);
    say("+x\r\n");
    for (int i = 0; i <= WINDOW; i++)
        CU_ASSERT_TRUE(done(&burst[i], PIPELINE_COMPLETE));
}

static void a_lost_connection_ends_the_wait(void)
{
    struct pipeline burst[WINDOW], read, write;

    connect_store();
    for (int i = 0; i < WINDOW; i++)
        add_and_submit(&burst[i], COMMAND_WRITE, "SET");
    add_and_submit(&read, COMMAND_READ, "GET");
    add_and_submit(&write, COMMAND_WRITE, "SET");
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    for (int i = 0; i < WINDOW; i++)
        CU_ASSERT_TRUE(done(&burst[i], PIPELINE_FAILED));
    CU_ASSERT_TRUE(done(&write, PIPELINE_FAILED));
    accept_handshake();
    CU_ASSERT_TRUE(hears("GET"));
    say("+x\r\n");
    CU_ASSERT_TRUE(done(&read, PIPELINE_COMPLETE));
}

void store_tests(void)
{
    CU_pSuite suite = CU_add_suite_with_setup_and_teardown("store", NULL, NULL, set_up, tear_down);

    TEST(replies_belong_to_the_commands_in_their_order);
    TEST(an_empty_pipeline_is_complete_at_once);
    TEST(a_reply_in_single_bytes_is_one_reply);
    TEST(a_late_reply_is_never_taken_for_another);
    TEST(the_rest_of_a_late_reply_is_not_stored);
    TEST(a_reply_for_which_there_is_no_memory_is_missing);
    TEST(each_pipeline_has_its_own_limit);
    TEST(a_script_whose_owner_has_given_up_is_not_sent_again);
    TEST(a_connection_that_is_silent_for_long_is_closed);
    TEST(a_slow_connection_is_not_closed);
    TEST(single_bytes_do_not_extend_the_time_limit);
    TEST(a_reply_that_has_arrived_is_not_late);
    TEST(the_time_limit_starts_when_commands_are_written);
    TEST(reads_are_sent_once_more_on_a_new_connection);
    TEST(a_connection_that_breaks_in_the_handshake_is_opened_again);
    TEST(reads_are_not_sent_a_third_time);
    TEST(writes_are_never_sent_again);
    TEST(an_unusable_connection_is_closed);
    TEST(an_unknown_script_is_sent_whole_once);
    TEST(a_script_sent_again_keeps_the_order_of_replies);
    TEST(the_store_is_responsive_until_it_stalls);
    TEST(the_circuit_opens_after_failures_and_refuses_at_once);
    TEST(a_half_open_circuit_only_sends_the_probe);
    TEST(a_probe_without_reply_opens_the_circuit_again);
    TEST(a_redis_that_is_loading_opens_the_circuit);
    TEST(other_errors_do_not_open_the_circuit);
    TEST(a_refused_write_is_sent_once_to_the_next_server);
    TEST(a_write_refused_twice_fails);
    TEST(a_partly_executed_pipeline_is_not_sent_again);
    TEST(all_that_was_outstanding_goes_to_the_next_server);
    TEST(a_replica_is_not_used);
    TEST(the_role_is_checked_each_second_under_load);
    TEST(a_new_connection_starts_with_the_handshake);
    TEST(a_store_of_a_later_schema_is_not_used);
    TEST(a_writer_writes_the_schema_on_each_connection);
    TEST(an_idle_connection_gets_a_heartbeat_each_second);
    TEST(an_idle_store_needs_few_ticks);
    TEST(a_store_that_is_away_is_probed_at_intervals);
    TEST(a_pipeline_out_of_memory_is_not_sent);
    TEST(a_missing_text_is_never_sent_as_an_empty_one);
    TEST(a_command_has_a_largest_size);
    TEST(commands_are_counted_by_kind_and_outcome);
    TEST(usual_error_is_counted_as_success);
    TEST(a_program_may_wait_for_a_reply);
    TEST(a_burst_waits_here_and_not_in_redis);
    TEST(waiting_here_uses_up_no_time_limit);
    TEST(a_lost_connection_ends_the_wait);
}
