/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/store.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* ---- steps ---- */

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

/* What the store says of its schema: none, as a new one does. */
static const char *schema_reply = "$-1\r\n";

static const char *reply_to(const char *name)
{
    return strcmp(name, "GET") == 0 ? schema_reply : "+OK\r\n";
}

/* Takes a new connection and lets it say who it is, up to its PING, which gets `pong`. */
static void greet_with(const char *pong)
{
    char name[FAKE_NAME] = "";

    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    while (fake_redis_hear(&redis, name) && strcmp(name, "PING") != 0)
        fake_redis_say(&redis, reply_to(name));
    CU_ASSERT_STRING_EQUAL(name, "PING");
    fake_redis_say(&redis, pong);
}

static void greet(void)
{
    greet_with("+PONG\r\n");
    store_on_ready(store, now_us);
}

/* The first tick connects. */
static void connect_store(void)
{
    (void)store_tick(store, now_us);
    greet();
    CU_ASSERT_TRUE(store_connected(store));
}

static struct command *note(struct pipeline *a, enum command_kind kind, const char *name)
{
    return pipeline_add(a, kind, 1, (struct str[]){str_of(name)});
}

static void begin(struct pipeline *a)
{
    pipeline_init(a, arena, NULL);
}

static void send_asks(struct pipeline *a)
{
    store_submit(store, a, now_us);
    store_flush(store, now_us);
}

static void begin_and_send(struct pipeline *a, enum command_kind kind, const char *name)
{
    begin(a);
    (void)note(a, kind, name);
    send_asks(a);
}

static void say(const char *bytes)
{
    fake_redis_say(&redis, bytes);
    store_on_ready(store, now_us);
}

static bool done(const struct pipeline *a, enum pipeline_status status)
{
    return store_next_done(store) == a && a->status == status;
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
    struct command *a, *b, *c;

    connect_store();
    begin(&one);
    begin(&two);
    a = note(&one, COMMAND_READ, "A");
    b = note(&one, COMMAND_READ, "B");
    c = note(&two, COMMAND_READ, "C");
    store_submit(store, &one, now_us);
    store_submit(store, &two, now_us);
    CU_ASSERT_TRUE(hears_nothing()); /* one write for all of a turn */
    store_flush(store, now_us);
    CU_ASSERT_TRUE(hears("A") && hears("B") && hears("C") && hears_nothing());
    CU_ASSERT_EQUAL(store_sent_count(store), 3);
    say("+a\r\n");
    CU_ASSERT_TRUE(nothing_done());
    say("+b\r\n+c\r\n");
    CU_ASSERT_TRUE(done(&one, PIPELINE_COMPLETE) && done(&two, PIPELINE_COMPLETE) &&
                   nothing_done());
    CU_ASSERT_TRUE(text_is(a, "a") && text_is(b, "b") && text_is(c, "c"));
    CU_ASSERT_EQUAL(store_sent_count(store), 0);
}

static void nothing_asked_is_answered_at_once(void)
{
    struct pipeline a;

    begin(&a);
    send_asks(&a);
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE));
}

static void a_reply_in_single_bytes_is_one_reply(void)
{
    static const char bytes[] = "$5\r\nhello\r\n";
    struct pipeline a;

    connect_store();
    begin_and_send(&a, COMMAND_READ, "A");
    for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
        CU_ASSERT_TRUE(nothing_done());
        say((char[]){bytes[i], '\0'});
    }
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE));
    CU_ASSERT_TRUE(text_is(a.first, "hello"));
}

/* ---- late ---- */

static void a_late_round_fails_and_its_reply_is_never_taken_for_another(void)
{
    struct pipeline late, next;

    connect_store();
    begin_and_send(&late, COMMAND_READ, "A");
    now_us += ROUND_US - 1;
    CU_ASSERT_TRUE(store_tick(store, now_us) == 1 && nothing_done());
    now_us += 1;
    CU_ASSERT_EQUAL(store_tick(store, now_us), 0);
    CU_ASSERT_TRUE(done(&late, PIPELINE_FAILED));
    CU_ASSERT_PTR_NULL(late.first->reply);
    CU_ASSERT_EQUAL(store_fd(store), -1);
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    wait_for_probe();
    greet();
    begin_and_send(&next, COMMAND_READ, "B");
    CU_ASSERT_FALSE(fake_redis_say_late(&redis, "+a\r\n")); /* nobody listens there any more */
    store_on_ready(store, now_us);
    CU_ASSERT_TRUE(nothing_done());
    say("+b\r\n");
    CU_ASSERT_TRUE(done(&next, PIPELINE_COMPLETE) && text_is(next.first, "b"));
}

static void a_drip_of_bytes_does_not_put_the_end_off(void)
{
    struct pipeline a;
    int64_t sent_us;

    connect_store();
    begin_and_send(&a, COMMAND_READ, "A");
    sent_us = now_us;
    fake_redis_say(&redis, "$100\r\n");
    while (nothing_done() && now_us - sent_us <= ROUND_US) {
        now_us += 50000;
        say("x");
        (void)store_tick(store, now_us);
    }
    CU_ASSERT_EQUAL(now_us - sent_us, ROUND_US);
    CU_ASSERT_EQUAL(a.status, PIPELINE_FAILED);
    CU_ASSERT_PTR_NULL(a.first->reply);
}

static void what_has_arrived_is_not_late_though_we_are(void)
{
    struct pipeline a;

    connect_store();
    begin_and_send(&a, COMMAND_READ, "A");
    fake_redis_say(&redis, "+a\r\n");
    now_us += 10 * ROUND_US; /* this process was busy elsewhere */
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE) && text_is(a.first, "a"));
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

static void the_time_of_a_round_begins_when_it_is_sent(void)
{
    struct pipeline a;

    connect_store();
    begin(&a);
    (void)note(&a, COMMAND_READ, "A");
    store_submit(store, &a, now_us);
    now_us += 10 * ROUND_US; /* the rest of the turn took long */
    store_flush(store, now_us);
    (void)store_tick(store, now_us + ROUND_US - 1);
    CU_ASSERT_TRUE(nothing_done());
    (void)store_tick(store, now_us + ROUND_US);
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
}

/* ---- broken ---- */

static void reads_are_asked_once_more_on_a_new_connection(void)
{
    struct pipeline a;
    struct command *one, *three;
    unsigned generation;

    connect_store();
    begin(&a);
    one = note(&a, COMMAND_READ, "A");
    (void)note(&a, COMMAND_READ, "B");
    three = note(&a, COMMAND_READ, "C");
    send_asks(&a);
    fake_redis_say(&redis, "+half\r\n");
    fake_redis_hang_up(&redis);
    generation = store_generation(store);
    store_on_ready(store, now_us); /* the reply */
    store_on_ready(store, now_us); /* the end */
    CU_ASSERT_TRUE(nothing_done());
    CU_ASSERT_NOT_EQUAL(store_generation(store), generation);
    greet();
    CU_ASSERT_TRUE(hears("A") && hears("B") && hears("C") && hears_nothing());
    say("+a\r\n+b\r\n");
    CU_ASSERT_TRUE(nothing_done());
    say("+c\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE) && nothing_done());
    CU_ASSERT_TRUE(text_is(one, "a") && text_is(three, "c"));
}

static void a_connection_that_breaks_at_once_is_made_anew_with_all_it_says(void)
{
    struct pipeline a;

    begin_and_send(&a, COMMAND_READ, "A");
    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    greet();
    CU_ASSERT_TRUE(hears("A") && hears_nothing());
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE) && nothing_done());
}

static void reads_are_not_asked_a_third_time(void)
{
    struct pipeline a;

    connect_store();
    begin(&a);
    (void)note(&a, COMMAND_READ, "A");
    (void)note(&a, COMMAND_READ, "B");
    send_asks(&a);
    say("+half\r\n");
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    greet();
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED) && nothing_done());
    CU_ASSERT_PTR_NULL(a.first->reply); /* half a round is none */
    CU_ASSERT_FALSE(fake_redis_accept(&redis));
}

static void writes_are_never_asked_again(void)
{
    struct pipeline write, mixed, read;

    connect_store();
    begin_and_send(&write, COMMAND_WRITE, "W");
    begin(&mixed);
    (void)note(&mixed, COMMAND_READ, "A");
    (void)note(&mixed, COMMAND_WRITE, "W");
    send_asks(&mixed);
    begin_and_send(&read, COMMAND_READ, "R");
    fake_redis_hang_up(&redis);
    store_on_ready(store, now_us);
    CU_ASSERT_TRUE(done(&write, PIPELINE_FAILED) && done(&mixed, PIPELINE_FAILED) &&
                   nothing_done());
    greet();
    CU_ASSERT_TRUE(hears("R") && hears_nothing());
    say("+r\r\n");
    CU_ASSERT_TRUE(done(&read, PIPELINE_COMPLETE));
}

static void what_serves_nobody_is_thrown_away(void)
{
    static const char *const rows[] = {
        "?what\r\n",
        "-NOAUTH Authentication required.\r\n",
        "-WRONGPASS invalid username-password pair\r\n",
        "+a\r\n+one too many\r\n",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pipeline a;

        if (i > 0)
            set_up();
        connect_store();
        begin_and_send(&a, COMMAND_READ, "A");
        say(rows[i]);
        CU_ASSERT_TRUE(done(&a, rows[i][0] == '+' ? PIPELINE_COMPLETE : PIPELINE_FAILED));
        CU_ASSERT_FALSE(store_connected(store));
        CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
        CU_ASSERT_TRUE(nothing_done());
        if (i + 1 < sizeof(rows) / sizeof(rows[0]))
            tear_down();
    }
}

/* ---- scripts ---- */

static struct command *note_script(struct pipeline *a)
{
    return pipeline_add_script(a, &script_delete_if_equal, 1, 2,
                               (struct str[]){STR("key"), STR("token")});
}

static void a_script_that_is_not_known_is_sent_as_text_once(void)
{
    struct pipeline a;
    struct command *script;

    connect_store();
    begin(&a);
    script = note_script(&a);
    send_asks(&a);
    CU_ASSERT_TRUE(hears("EVALSHA"));
    say("-NOSCRIPT No matching script.\r\n");
    CU_ASSERT_TRUE(nothing_done());
    CU_ASSERT_TRUE(hears("EVAL") && hears_nothing());
    say(":1\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE));
    CU_ASSERT_EQUAL(script->reply->integer, 1);

    begin(&a);
    script = note_script(&a);
    send_asks(&a);
    say("-NOSCRIPT No matching script.\r\n");
    say("-NOSCRIPT No matching script, not even now.\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE));
    CU_ASSERT_EQUAL(script->reply->type, REDIS_REPLY_ERROR);
}

static void a_script_sent_again_does_not_mix_up_the_others(void)
{
    struct pipeline a, b;
    struct command *script, *other, *next;

    connect_store();
    begin(&a);
    script = note_script(&a);
    other = note(&a, COMMAND_READ, "A");
    send_asks(&a);
    begin(&b);
    next = note(&b, COMMAND_READ, "B");
    send_asks(&b);
    say("-NOSCRIPT No matching script.\r\n+a\r\n+b\r\n");
    CU_ASSERT_TRUE(done(&b, PIPELINE_COMPLETE) && text_is(next, "b") && nothing_done());
    say(":7\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE) && text_is(other, "a"));
    CU_ASSERT_EQUAL(script->reply->integer, 7);
}

/* ---- patience ---- */

static void who_is_impatient_comes_back_late_and_then_again(void)
{
    struct pipeline a;

    connect_store();
    begin(&a);
    (void)note(&a, COMMAND_READ, "A");
    (void)note(&a, COMMAND_READ, "B");
    a.timeout_us = ROUND_US / 2;
    send_asks(&a);
    now_us += ROUND_US / 2 - 1;
    CU_ASSERT_EQUAL(store_tick(store, now_us), 1);
    now_us += 1;
    CU_ASSERT_EQUAL(store_tick(store, now_us), 0);
    CU_ASSERT_TRUE(done(&a, PIPELINE_TIMED_OUT) && a.abandoned && nothing_done());
    (void)store_tick(store, now_us + 1);
    CU_ASSERT_TRUE(nothing_done()); /* once is enough */
    say("+a\r\n+b\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE) && !a.abandoned && nothing_done());
}

static void who_is_impatient_comes_back_again_when_the_round_fails_too(void)
{
    struct pipeline a;

    connect_store();
    begin(&a);
    (void)note(&a, COMMAND_READ, "A");
    a.timeout_us = ROUND_US / 2;
    send_asks(&a);
    (void)store_tick(store, now_us + ROUND_US / 2);
    CU_ASSERT_TRUE(done(&a, PIPELINE_TIMED_OUT));
    fake_redis_hang_up(&redis); /* nobody waits: not asked again */
    store_on_ready(store, now_us);
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED) && !a.abandoned && nothing_done());
}

static void who_has_not_been_fetched_as_late_comes_back_once(void)
{
    struct pipeline a;

    connect_store();
    begin(&a);
    (void)note(&a, COMMAND_READ, "A");
    a.timeout_us = ROUND_US / 2;
    send_asks(&a);
    (void)store_tick(store, now_us + ROUND_US / 2);
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE) && !a.abandoned && nothing_done());
}

/* ---- replicas ---- */

static void a_write_waits_for_its_replicas(void)
{
    static const struct {
        const char *replies;
        enum pipeline_status status;
    } rows[] = {{"+w\r\n:2\r\n", PIPELINE_COMPLETE},
                {"+w\r\n:3\r\n", PIPELINE_COMPLETE},
                {"+w\r\n:1\r\n", PIPELINE_FAILED},
                {"+w\r\n-ERR WAIT cannot be used with replica instances.\r\n", PIPELINE_FAILED}};

    config.store_wait_replicas = 2;
    connect_store();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pipeline a;

        begin_and_send(&a, COMMAND_WRITE, "W");
        CU_ASSERT_TRUE(hears("W") && hears("WAIT") && hears_nothing());
        say(rows[i].replies);
        CU_ASSERT_TRUE(done(&a, rows[i].status));
    }
}

static void a_read_waits_for_no_replica(void)
{
    struct pipeline a;

    config.store_wait_replicas = 2;
    connect_store();
    begin_and_send(&a, COMMAND_READ, "A");
    CU_ASSERT_TRUE(hears("A") && hears_nothing());
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE));
}

static void replicas_are_waited_for_behind_a_script_sent_again(void)
{
    struct pipeline a;

    config.store_wait_replicas = 1;
    connect_store();
    begin(&a);
    (void)note_script(&a);
    send_asks(&a);
    CU_ASSERT_TRUE(hears("EVALSHA") && hears("WAIT"));
    say("-NOSCRIPT No matching script.\r\n:1\r\n"); /* of what came before the write */
    CU_ASSERT_TRUE(nothing_done());
    CU_ASSERT_TRUE(hears("EVAL") && hears("WAIT") && hears_nothing());
    say(":1\r\n:0\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
}

/* ---- the circuit ---- */

static void it_opens_after_failures_in_a_row_and_refuses_at_once(void)
{
    struct pipeline a;
    struct store_counts counts;

    fake_redis_close(&redis); /* nobody there */
    for (int i = 0; i < FAILURES; i++) {
        CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
        begin_and_send(&a, COMMAND_READ, "A");
        CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
    }
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    CU_ASSERT_TRUE_FATAL(fake_redis_open(&redis));
    begin_and_send(&a, COMMAND_WRITE, "W");
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
    CU_ASSERT_FALSE(fake_redis_accept(&redis));
    store_consume_counts(store, &counts);
    CU_ASSERT_EQUAL(counts.unavailable[COMMAND_READ], FAILURES);
    CU_ASSERT_EQUAL(counts.unavailable[COMMAND_WRITE], 1);
}

static void open_the_circuit(void)
{
    struct pipeline a;

    connect_store();
    begin_and_send(&a, COMMAND_READ, "A");
    now_us += ROUND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
}

static void half_open_lets_the_probe_through_and_nobody_else(void)
{
    struct pipeline a;

    open_the_circuit();
    wait_for_probe();
    begin_and_send(&a, COMMAND_READ, "A");
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
    greet();
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
    CU_ASSERT_TRUE(hears_nothing());
    begin_and_send(&a, COMMAND_READ, "A");
    say("+a\r\n");
    CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE));
}

static void a_probe_without_answer_opens_the_circuit_again(void)
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

static void a_redis_that_is_loading_is_away(void)
{
    struct pipeline a;

    for (int i = 0; i < FAILURES; i++) {
        CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
        begin_and_send(&a, COMMAND_WRITE, "W");
        greet_with("-LOADING Redis is loading the dataset in memory\r\n");
        say("-LOADING Redis is loading the dataset in memory\r\n");
        CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
        CU_ASSERT_FALSE(store_connected(store));
    }
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(store_last_error(store), "LOADING"));
    wait_for_probe();
    greet();
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

static void only_errors_of_a_store_that_is_away_open_it(void)
{
    static const struct {
        const char *reply;
        enum store_state state;
    } rows[] = {
        {"-OOM command not allowed\r\n", STORE_CLOSED_CIRCUIT},
        {"-READONLY You can't write against a read only replica.\r\n", STORE_CLOSED_CIRCUIT},
        {"-WRONGTYPE Operation\r\n", STORE_CLOSED_CIRCUIT},
        {"-MASTERDOWN Link with MASTER is down\r\n", STORE_OPEN_CIRCUIT},
    };

    connect_store();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int n = 0; n < FAILURES; n++) {
            struct pipeline a;

            begin_and_send(&a, COMMAND_WRITE, "W");
            say(rows[i].reply);
            CU_ASSERT_TRUE(done(&a, PIPELINE_COMPLETE));
        }
        CU_ASSERT_EQUAL(circuit(), rows[i].state);
    }
}

/* ---- connections ---- */

static void a_new_connection_says_who_it_is_before_all_else(void)
{
    struct pipeline a;
    char error[200], name[FAKE_NAME];
    size_t scripts = scripts_all(&(const struct script *const *){NULL});

    store_free(store);
    config.redis_password = "a password";
    store = store_new(&config, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    begin_and_send(&a, COMMAND_READ, "A");
    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    CU_ASSERT_TRUE(hears("AUTH"));
    for (size_t i = 0; i < scripts; i++)
        CU_ASSERT_TRUE(fake_redis_hear(&redis, name) && strcmp(name, "SCRIPT") == 0);
    CU_ASSERT_TRUE(hears("GET") && hears("PING") && hears("A") && hears_nothing());
}

static void a_store_of_another_schema_is_used_only_if_it_can_be(void)
{
    static const struct {
        const char *reply;
        enum store_state state;
        const char *why;
    } rows[] = {
        {"$-1\r\n", STORE_CLOSED_CIRCUIT, ""},
        {"$1\r\n1\r\n", STORE_CLOSED_CIRCUIT, ""},
        {"$1\r\n2\r\n", STORE_OPEN_CIRCUIT, "schema 2, this version knows schemas up to 1"},
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
        greet();
        schema_reply = "$-1\r\n";
        CU_ASSERT_EQUAL(circuit(), rows[i].state);
        CU_ASSERT_EQUAL(store_connected(store), rows[i].state == STORE_CLOSED_CIRCUIT);
        CU_ASSERT_PTR_NOT_NULL(strstr(store_last_error(store), rows[i].why));
        if (i + 1 < sizeof(rows) / sizeof(rows[0]))
            tear_down();
    }
    wait_for_probe(); /* it may be another store by then */
    greet();
    CU_ASSERT_EQUAL(circuit(), STORE_CLOSED_CIRCUIT);
}

static void who_writes_notes_the_schema_of_each_new_connection(void)
{
    char name[FAKE_NAME];

    store_enable_schema_write(store);
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE_FATAL(fake_redis_accept(&redis));
    do {
        CU_ASSERT_TRUE_FATAL(fake_redis_hear(&redis, name));
    } while (strcmp(name, "SCRIPT") == 0);
    CU_ASSERT_STRING_EQUAL(name, "EVALSHA");
    CU_ASSERT_TRUE(hears("PING") && hears_nothing());
}

static void silence_is_listened_into_each_second(void)
{
    struct pipeline a;

    connect_store();
    CU_ASSERT_TRUE(store_tick(store, now_us) <= SECOND_US);
    now_us += SECOND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(hears("PING") && hears_nothing());
    say("+PONG\r\n");
    now_us += SECOND_US;
    (void)store_tick(store, now_us);
    CU_ASSERT_TRUE(hears("PING"));
    now_us += CONNECT_US; /* and no answer */
    (void)store_tick(store, now_us);
    CU_ASSERT_EQUAL(circuit(), STORE_OPEN_CIRCUIT);
    begin_and_send(&a, COMMAND_READ, "A");
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
}

static void an_idle_store_is_looked_after_once_a_second(void)
{
    int ticks = 0;
    int64_t end_us;

    connect_store();
    for (end_us = now_us + 10 * SECOND_US; now_us < end_us; ticks++) {
        int64_t next_us = store_tick(store, now_us);

        CU_ASSERT_TRUE_FATAL(next_us > 0);
        while (!hears_nothing())
            say("+PONG\r\n");
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

static void a_store_that_is_away_is_not_asked_without_pause(void)
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

static void what_cannot_be_noted_fails_and_is_not_sent(void)
{
    struct arena *small = arena_new(64, 64);
    struct pipeline a;

    connect_store();
    CU_ASSERT_PTR_NOT_NULL_FATAL(small);
    pipeline_init(&a, small, NULL);
    CU_ASSERT_PTR_NOT_NULL(note(&a, COMMAND_READ, "A"));
    CU_ASSERT_TRUE(a.failed);
    send_asks(&a);
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
    CU_ASSERT_TRUE(hears_nothing());
    arena_free(small);
}

static void a_text_that_is_missing_is_never_sent_as_an_empty_one(void)
{
    struct pipeline a;

    connect_store();
    begin(&a);
    (void)note(&a, COMMAND_READ, "A");
    (void)pipeline_add(&a, COMMAND_READ, 2, (struct str[]){STR("GET"), {NULL, 0}});
    send_asks(&a);
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED));
    CU_ASSERT_TRUE(hears_nothing());
    begin(&a);
    (void)pipeline_add(&a, COMMAND_READ, 2, (struct str[]){STR("GET"), STR("")});
    send_asks(&a);
    CU_ASSERT_TRUE(hears("GET"));
}

static void a_command_has_an_end(void)
{
    static struct str argv[COMMAND_ARGC_MAX + 1];
    struct pipeline a;

    connect_store();
    for (int i = 0; i <= COMMAND_ARGC_MAX; i++)
        argv[i] = STR("x");
    begin(&a);
    (void)pipeline_add_script(&a, &script_delete_if_equal, 1, COMMAND_ARGC_MAX + 1, argv);
    send_asks(&a);
    CU_ASSERT_TRUE(done(&a, PIPELINE_FAILED) && store_connected(store));
    begin(&a);
    (void)pipeline_add_script(&a, &script_delete_if_equal, 1, COMMAND_ARGC_MAX, argv);
    send_asks(&a);
    CU_ASSERT_TRUE(hears("EVALSHA"));
}

/* ---- counting and waiting ---- */

static void commands_are_counted_by_kind_and_outcome(void)
{
    struct store_counts counts;
    struct pipeline a;

    connect_store();
    store_consume_counts(store, &counts); /* greetings do not count */
    CU_ASSERT_EQUAL(counts.ok[COMMAND_READ], 0);
    begin_and_send(&a, COMMAND_READ, "A");
    say("+a\r\n");
    begin_and_send(&a, COMMAND_WRITE, "W");
    say("-OOM\r\n");
    begin_and_send(&a, COMMAND_WRITE, "W");
    (void)store_tick(store, now_us + ROUND_US);
    store_consume_counts(store, &counts);
    CU_ASSERT_EQUAL(counts.ok[COMMAND_READ], 1);
    CU_ASSERT_EQUAL(counts.errors[COMMAND_WRITE], 1);
    CU_ASSERT_EQUAL(counts.timeouts[COMMAND_WRITE], 1);
    store_consume_counts(store, &counts);
    CU_ASSERT_EQUAL(counts.ok[COMMAND_READ] + counts.timeouts[COMMAND_WRITE], 0);
}

/* In a process of its own: says OK to everything until it is hung up on. */
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

static void a_program_may_wait_for_an_answer(void)
{
    pid_t pid = serve();
    struct pipeline a;

    CU_ASSERT_TRUE_FATAL(pid > 0);
    begin(&a);
    (void)note(&a, COMMAND_WRITE, "W");
    CU_ASSERT_TRUE(store_wait(store, &a));
    CU_ASSERT_TRUE(text_is(a.first, "OK"));
    (void)kill(pid, SIGSTOP);
    begin(&a);
    (void)note(&a, COMMAND_WRITE, "W");
    CU_ASSERT_FALSE(store_wait(store, &a));
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

#define TEST(function) CU_add_test(suite, #function, function)

void store_tests(void)
{
    CU_pSuite suite = CU_add_suite_with_setup_and_teardown("store", NULL, NULL, set_up, tear_down);

    TEST(replies_belong_to_the_commands_in_their_order);
    TEST(nothing_asked_is_answered_at_once);
    TEST(a_reply_in_single_bytes_is_one_reply);
    TEST(a_late_round_fails_and_its_reply_is_never_taken_for_another);
    TEST(a_drip_of_bytes_does_not_put_the_end_off);
    TEST(what_has_arrived_is_not_late_though_we_are);
    TEST(the_time_of_a_round_begins_when_it_is_sent);
    TEST(reads_are_asked_once_more_on_a_new_connection);
    TEST(a_connection_that_breaks_at_once_is_made_anew_with_all_it_says);
    TEST(reads_are_not_asked_a_third_time);
    TEST(writes_are_never_asked_again);
    TEST(what_serves_nobody_is_thrown_away);
    TEST(a_script_that_is_not_known_is_sent_as_text_once);
    TEST(a_script_sent_again_does_not_mix_up_the_others);
    TEST(who_is_impatient_comes_back_late_and_then_again);
    TEST(who_is_impatient_comes_back_again_when_the_round_fails_too);
    TEST(who_has_not_been_fetched_as_late_comes_back_once);
    TEST(a_write_waits_for_its_replicas);
    TEST(a_read_waits_for_no_replica);
    TEST(replicas_are_waited_for_behind_a_script_sent_again);
    TEST(it_opens_after_failures_in_a_row_and_refuses_at_once);
    TEST(half_open_lets_the_probe_through_and_nobody_else);
    TEST(a_probe_without_answer_opens_the_circuit_again);
    TEST(a_redis_that_is_loading_is_away);
    TEST(only_errors_of_a_store_that_is_away_open_it);
    TEST(a_new_connection_says_who_it_is_before_all_else);
    TEST(a_store_of_another_schema_is_used_only_if_it_can_be);
    TEST(who_writes_notes_the_schema_of_each_new_connection);
    TEST(silence_is_listened_into_each_second);
    TEST(an_idle_store_is_looked_after_once_a_second);
    TEST(a_store_that_is_away_is_not_asked_without_pause);
    TEST(what_cannot_be_noted_fails_and_is_not_sent);
    TEST(a_text_that_is_missing_is_never_sent_as_an_empty_one);
    TEST(a_command_has_an_end);
    TEST(commands_are_counted_by_kind_and_outcome);
    TEST(a_program_may_wait_for_an_answer);
}
