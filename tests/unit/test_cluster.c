/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/cluster.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/service/erase_internal.h"
#include "app/store/replicas.h"
#include "app/store/store.h"
#include "tests/unit/fake_redis.h"

void cluster_tests(void);

/* Keys by the node that has their slot. */
#define KEY_0 "b"
#define KEY_1 "c"
#define KEY_2 "a"

enum { NODES = 3, ROUND_US = 1000000 };
static const int64_t SECOND_US = 1000000;

static struct fake_redis nodes[NODES];
/* Of each node: names of commands since the last look, and how many of them have no reply. While
 * there are such, commands of the connection itself wait in `backlog`. */
static char heard[NODES][400], backlog[NODES][4000];
static int owed[NODES];
/* What each node is told to say: first slot of node 1, epoch, reply to ROLE and to GET schema. */
static int border, epoch;
static const char *role, *schema, *slots_error;
static int cluster_replies; /* CLUSTER INFO and CLUSTER SLOTS come in turn */
static struct config config;
static struct store *store;
static struct arena *arena;
static int64_t now_us;
static char url[128];

/* ---- the nodes ---- */

static void say(int i, const char *bytes)
{
    fake_redis_say(&nodes[i], bytes);
}

static void say_map(int i)
{
    char text[1000];
    int firsts[] = {0, border, 10923, 16384}, n = 0;

    if (slots_error) {
        say(i, slots_error);
        return;
    }
    n += snprintf(text, sizeof(text), "*3\r\n");
    for (int k = 0; k < NODES; k++)
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n", firsts[k],
                      firsts[k + 1] - 1, nodes[k].port);
    say(i, text);
}

static void say_epoch(int i)
{
    char text[64], line[32];

    (void)snprintf(line, sizeof(line), "cluster_current_epoch:%d", epoch);
    (void)snprintf(text, sizeof(text), "$%zu\r\n%s\r\n", strlen(line), line);
    say(i, text);
}

static void say_server_id(int i)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "$12\r\nrun_id:node%d\r\n", i);
    say(i, text);
}

static void reply_to_control(int i, const char *name)
{
    if (strcmp(name, "CLUSTER") == 0)
        (cluster_replies++ % 2 == 0 ? say_epoch : say_map)(i);
    else if (strcmp(name, "ROLE") == 0)
        say(i, role);
    else if (strcmp(name, "INFO") == 0)
        say_server_id(i);
    else if (strcmp(name, "GET") == 0)
        say(i, i == 0 ? schema : "-MOVED 4361 127.0.0.1:1\r\n");
    else
        say(i, "+OK\r\n");
}

static bool is_control(const char *name)
{
    static const char *const names[] = {"CLUSTER", "ROLE", "GET", "SCRIPT", "TIME", "INFO"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Hears what has arrived at a node, and replies to the connection's own commands. */
static void serve_node(int i)
{
    char name[FAKE_NAME];

    if (nodes[i].listener < 0)
        return;
    (void)fake_redis_accept(&nodes[i]);
    while (fake_redis_hear(&nodes[i], name)) {
        if (is_control(name) && owed[i] == 0) {
            reply_to_control(i, name);
        } else if (is_control(name)) {
            (void)strcat(strcat(backlog[i], name), " ");
        } else {
            (void)strcat(strcat(heard[i], name), " ");
            owed[i]++;
        }
    }
}

/* Lets store and nodes work until all is read that each has sent. */
static void turn(void)
{
    for (int round = 0; round < 6; round++) {
        (void)store_tick(store, now_us);
        store_flush(store, now_us);
        for (int i = 0; i < NODES; i++)
            serve_node(i);
        store_on_ready(store, now_us);
    }
}

/* A node replies to the oldest command without a reply. */
static void reply(int i, const char *bytes)
{
    say(i, bytes);
    if (--owed[i] == 0) {
        for (char *name = strtok(backlog[i], " "); name; name = strtok(NULL, " "))
            reply_to_control(i, name);
        backlog[i][0] = '\0';
    }
    turn();
}

/* Whether a node has heard these commands, each followed by a blank, since the last look. */
static bool hears(int i, const char *names)
{
    bool same = strcmp(heard[i], names) == 0;

    if (!same)
        (void)printf("\nnode %d heard \"%s\"\n", i, heard[i]);
    heard[i][0] = '\0';
    return same;
}

static void set_up(void)
{
    char error[200] = "";

    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < NODES; i++) {
        CU_ASSERT_TRUE_FATAL(fake_redis_open_port(&nodes[i]));
        heard[i][0] = backlog[i][0] = '\0';
        owed[i] = 0;
    }
    border = 5461;
    epoch = 3;
    role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    schema = "$-1\r\n";
    slots_error = NULL;
    cluster_replies = 0;
    (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%d/?cluster", nodes[0].port);
    config = (struct config){
        .redis_url = url,
        .store_round_timeout_ms = ROUND_US / 1000,
        .store_connect_timeout_ms = ROUND_US / 1000,
        .store_breaker_failures = 1,
        .store_breaker_open_ms = 500,
        .store_wait_replicas = 1, /* or else no node is asked for its run_id */
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
    for (int i = 0; i < NODES; i++)
        fake_redis_close(&nodes[i]);
}

static void away(int i)
{
    if (nodes[i].count > 0)
        fake_redis_hang_up(&nodes[i]);
    fake_redis_close(&nodes[i]);
    nodes[i].listener = -1;
    turn();
}

/* ---- pipelines ---- */

static struct command *add(struct pipeline *pipeline, enum command_kind kind, const char *name,
                           const char *key)
{
    return pipeline_add(pipeline, kind, 2, (struct str[]){str_of(name), str_of(key)});
}

static void submit(struct pipeline *pipeline)
{
    store_submit(store, pipeline, now_us);
    turn();
}

static struct command *submit_one(struct pipeline *pipeline, enum command_kind kind,
                                  const char *name, const char *key)
{
    struct command *command;

    pipeline_init(pipeline, arena, NULL);
    command = add(pipeline, kind, name, key);
    submit(pipeline);
    return command;
}

static bool done(const struct pipeline *pipeline, enum pipeline_status status)
{
    return store_next_done(store) == pipeline && pipeline->status == status;
}

static bool text_is(const struct command *command, const char *expected)
{
    return command->reply && command->reply->str && strcmp(command->reply->str, expected) == 0;
}

static void moved_to(int from, int slot, int to, const char *kind)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "-%s %d 127.0.0.1:%d\r\n", kind, slot, nodes[to].port);
    reply(from, text);
}

/* ---- order ---- */

static void each_command_goes_to_the_node_of_its_key(void)
{
    struct pipeline pipeline;
    const struct command *commands[4];

    pipeline_init(&pipeline, arena, NULL);
    commands[0] = add(&pipeline, COMMAND_READ, "A", KEY_2);
    commands[1] = add(&pipeline, COMMAND_READ, "B", KEY_0);
    commands[2] = add(&pipeline, COMMAND_READ, "C", KEY_1);
    commands[3] = add(&pipeline, COMMAND_READ, "D", KEY_0);
    submit(&pipeline); /* waits for the map, which comes with the first connection */
    CU_ASSERT_TRUE(hears(0, "B D ") && hears(1, "C ") && hears(2, "A "));
    reply(0, "+b\r\n");
    reply(0, "+d\r\n");
    reply(2, "+a\r\n");
    CU_ASSERT_PTR_NULL(store_next_done(store));
    reply(1, "+c\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    CU_ASSERT_TRUE(text_is(commands[0], "a") && text_is(commands[1], "b") &&
                   text_is(commands[2], "c") && text_is(commands[3], "d"));
    for (const struct command *command = pipeline.first, **at = commands; command;
         command = command->next, at++) {
        CU_ASSERT_PTR_EQUAL(command, *at);
        CU_ASSERT_PTR_EQUAL(command->pipeline, &pipeline);
    }
}

static void writes_to_several_nodes_keep_their_order(void)
{
    struct pipeline pipeline;

    pipeline_init(&pipeline, arena, NULL);
    (void)add(&pipeline, COMMAND_WRITE, "A", KEY_0);
    (void)add(&pipeline, COMMAND_READ, "B", KEY_0);
    (void)add(&pipeline, COMMAND_WRITE, "C", KEY_1);
    (void)add(&pipeline, COMMAND_WRITE, "C", KEY_2);
    (void)add(&pipeline, COMMAND_WRITE, "D", KEY_2);
    submit(&pipeline);
    CU_ASSERT_TRUE(hears(0, "A B ") && hears(1, "") && hears(2, ""));
    reply(0, "+a\r\n");
    CU_ASSERT_TRUE(hears(1, ""));
    reply(0, "+b\r\n");
    CU_ASSERT_TRUE(hears(1, "C ") && hears(2, "C "));
    reply(2, "+c\r\n");
    CU_ASSERT_TRUE(hears(2, ""));
    reply(1, "+c\r\n");
    CU_ASSERT_TRUE(hears(2, "D "));
    reply(2, "+d\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
}

static void writes_may_be_unordered(void)
{
    struct pipeline pipeline;

    pipeline_init(&pipeline, arena, NULL);
    pipeline.is_unordered = true;
    (void)add(&pipeline, COMMAND_WRITE, "A", KEY_0);
    (void)add(&pipeline, COMMAND_WRITE, "B", KEY_1);
    submit(&pipeline);
    CU_ASSERT_TRUE(hears(0, "A ") && hears(1, "B "));
}

static void a_failed_write_ends_the_order(void)
{
    struct pipeline pipeline;

    turn();
    away(0);
    pipeline_init(&pipeline, arena, NULL);
    (void)add(&pipeline, COMMAND_WRITE, "A", KEY_0);
    (void)add(&pipeline, COMMAND_WRITE, "B", KEY_1);
    submit(&pipeline);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED) && hears(1, ""));
}

static void scan_goes_through_all_nodes(void)
{
    static const char *const cursors[] = {"1-3-0", "2-3-0", "2-3-17", "0"};
    struct pipeline pipeline;
    struct str cursor = STR("0");

    turn();
    for (int i = 0; i < 4; i++) {
        const struct command *command;
        int node = i < NODES ? i : NODES - 1;

        pipeline_init(&pipeline, arena, NULL);
        command = pipeline_add(&pipeline, COMMAND_READ, 2, (struct str[]){STR("SCAN"), cursor});
        submit(&pipeline);
        CU_ASSERT_TRUE_FATAL(hears(node, "SCAN "));
        reply(node, i == 2 ? "*2\r\n$2\r\n17\r\n*0\r\n" : "*2\r\n$1\r\n0\r\n*0\r\n");
        CU_ASSERT_TRUE_FATAL(done(&pipeline, PIPELINE_COMPLETE));
        CU_ASSERT_STRING_EQUAL(command->reply->element[0]->str, cursors[i]);
        cursor = arena_copy(arena, str_of(command->reply->element[0]->str));
    }
}

static const struct command *submit_scan(struct pipeline *pipeline, const char *cursor)
{
    const struct command *command;

    pipeline_init(pipeline, arena, NULL);
    command = pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("SCAN"), str_of(cursor)});
    submit(pipeline);
    return command;
}

/* A node before the present one may have got slots since, whose keys were not seen. */
static void scan_begins_again_when_the_map_has_changed(void)
{
    struct pipeline scan, write;
    const struct command *command;

    turn();
    command = submit_scan(&scan, "2-3-0");
    CU_ASSERT_TRUE(hears(2, "SCAN "));
    (void)submit_one(&write, COMMAND_WRITE, "A", KEY_0);
    epoch++;
    moved_to(0, 3300, 1, "MOVED");
    reply(1, "+a\r\n");
    CU_ASSERT_TRUE(done(&write, PIPELINE_COMPLETE));
    reply(2, "*2\r\n$1\r\n0\r\n*0\r\n");
    CU_ASSERT_TRUE_FATAL(done(&scan, PIPELINE_COMPLETE));
    CU_ASSERT_STRING_NOT_EQUAL(command->reply->element[0]->str, "0");
    (void)hears(0, "A ");
    (void)submit_scan(&scan, command->reply->element[0]->str);
    CU_ASSERT_TRUE(hears(0, "SCAN "));
}

static void commands_for_all_nodes_go_to_all(void)
{
    struct pipeline pipeline;
    const struct command *command = submit_one(&pipeline, COMMAND_WRITE, "SLOWLOG", "RESET");

    for (int i = 0; i < NODES; i++)
        CU_ASSERT_TRUE(hears(i, "SLOWLOG "));
    for (int i = 0; i < NODES; i++) {
        CU_ASSERT_PTR_NULL(store_next_done(store));
        reply(i, "+OK\r\n");
    }
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(command, "OK"));
    CU_ASSERT_EQUAL(pipeline.count, 1);
    CU_ASSERT_PTR_NULL(command->next);
}

/* A node that is rewriting already has begun before: its file may keep what was deleted. */
static void an_error_of_one_node_counts_in_commands_for_all(void)
{
    for (int failing = 0; failing < NODES; failing++) {
        struct pipeline pipeline;
        const struct command *command;

        pipeline_init(&pipeline, arena, NULL);
        command = erasure_cmd_rewrite_aof(&pipeline);
        submit(&pipeline);
        for (int i = 0; i < NODES; i++) {
            CU_ASSERT_TRUE(hears(i, "BGREWRITEAOF "));
            reply(i, i == failing
                         ? "-ERR Background append only file rewriting already in progress\r\n"
                         : "+Background append only file rewriting started\r\n");
        }
        CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
        CU_ASSERT_FALSE(erasure_parse_aof_rewrite(command));
    }
}

/* The rewrite is requested even then, and the erasure stays registered, so that it is repeated. */
static void an_erasure_does_not_end_while_a_node_is_away(void)
{
    static struct engine engine = {.config = {.erased_tombstone_s = 1}};
    struct erase erase = {.engine = &engine, .student = STR(KEY_0)};
    struct problem p = {.code = PROBLEM_NONE};
    struct pipeline pipeline;
    char all[100] = "";

    turn();
    away(1);
    CU_ASSERT_TRUE_FATAL(erase_init(&erase));
    erase.dry_pass = false;
    erase.phase = ERASE_FINISH;
    pipeline_init(&pipeline, arena, NULL);
    CU_ASSERT_EQUAL(erase_step(&erase, &pipeline, &p), STEP_MORE);
    submit(&pipeline);
    for (int sent = 0; sent < 10 && owed[0] + owed[2] > 0; sent++) {
        (void)strcat(strcat(all, heard[0]), heard[2]);
        heard[0][0] = heard[2][0] = '\0';
        reply(owed[0] > 0 ? 0 : 2, ":1\r\n");
    }
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "SET "));
    CU_ASSERT_PTR_NULL(strstr(all, "ZREM "));
    erase_release(&erase);
}

/* ---- redirections ---- */

static void moved_is_followed_and_remembered(void)
{
    struct pipeline pipeline;
    const struct command *command = submit_one(&pipeline, COMMAND_WRITE, "A", KEY_0);

    CU_ASSERT_TRUE(hears(0, "A "));
    moved_to(0, 3300, 1, "MOVED");
    CU_ASSERT_TRUE(hears(1, "A ") && hears(0, ""));
    CU_ASSERT_PTR_NULL(store_next_done(store));
    border = 1000;
    epoch++;
    reply(1, "+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(command, "a"));
    (void)submit_one(&pipeline, COMMAND_WRITE, "B",
                     "bar"); /* slot 5061, by the map that followed */
    CU_ASSERT_TRUE(hears(1, "B ") && hears(0, ""));
}

static bool written_by(const struct written *written, const char *server_id)
{
    return written && strcmp(written->server_id, server_id) == 0;
}

static void only_servers_that_have_executed_writes_are_noted(void)
{
    struct pipeline pipeline;

    (void)submit_one(&pipeline, COMMAND_WRITE, "A", KEY_0);
    moved_to(0, 3300, 1, "ASK");
    reply(1, "+OK\r\n");
    reply(1, "+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    CU_ASSERT_TRUE_FATAL(written_by(pipeline.written, "node1"));
    CU_ASSERT_PTR_NULL(pipeline.written->next);

    pipeline_init(&pipeline, arena, NULL);
    (void)add(&pipeline, COMMAND_WRITE, "A", KEY_0);
    (void)add(&pipeline, COMMAND_WRITE, "B", KEY_0);
    submit(&pipeline);
    moved_to(0, 3300, 1, "ASK");
    reply(0, "+b\r\n");
    reply(1, "+OK\r\n");
    reply(1, "+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
    CU_ASSERT_TRUE_FATAL(written_by(pipeline.written, "node1"));
    CU_ASSERT_TRUE(written_by(pipeline.written->next, "node0"));
}

static void an_older_map_is_not_taken(void)
{
    struct pipeline pipeline;

    turn();
    border = 1000;
    epoch--;
    now_us += 6 * SECOND_US; /* a new map is due */
    turn();
    (void)submit_one(&pipeline, COMMAND_READ, "A", KEY_0);
    CU_ASSERT_TRUE(hears(0, "A "));
}

static void ask_is_followed_once(void)
{
    struct pipeline pipeline;
    const struct command *command = submit_one(&pipeline, COMMAND_WRITE, "A", KEY_0);

    CU_ASSERT_TRUE(hears(0, "A "));
    moved_to(0, 3300, 1, "ASK");
    CU_ASSERT_TRUE(hears(1, "ASKING A "));
    reply(1, "+OK\r\n");
    reply(1, "+a\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(command, "a"));
    (void)submit_one(&pipeline, COMMAND_WRITE, "B", KEY_0);
    CU_ASSERT_TRUE(hears(0, "B ") && hears(1, ""));
}

static void a_command_that_nobody_executes_now_is_sent_again(void)
{
    static const char *const errors[] = {
        "-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
        "-CLUSTERDOWN Hash slot not served\r\n"};
    struct pipeline pipeline;
    const struct command *command;

    for (int i = 0; i < 2; i++) {
        command = submit_one(&pipeline, COMMAND_WRITE, "A", KEY_0);
        CU_ASSERT_TRUE(hears(0, "A "));
        reply(0, errors[i]);
        CU_ASSERT_TRUE(hears(0, ""));
        now_us += 20000;
        turn();
        CU_ASSERT_TRUE(hears(0, "A "));
        reply(0, "+a\r\n");
        CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE) && text_is(command, "a"));
    }
}

/* WAIT, which has no key, is executed although the write before it is not. */
static void a_wait_before_its_write_confirms_nothing(void)
{
    struct pipeline waiter;
    struct replicas *replicas;
    char error[200];

    store_free(store);
    replicas = replicas_new(&config, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(replicas);
    store = replicas_store(replicas);
    turn();
    pipeline_init(&waiter, arena, NULL);
    waiter.limit_us = ROUND_US;
    replicas_submit(replicas, &waiter, "node0", now_us);
    (void)replicas_tick(replicas, now_us);
    turn();
    CU_ASSERT_TRUE(hears(0, "SET WAIT "));
    reply(0, "-CLUSTERDOWN Hash slot not served\r\n");
    reply(0, ":1\r\n");
    now_us += 20000;
    turn();
    CU_ASSERT_TRUE(hears(0, "SET "));
    reply(0, "+OK\r\n");
    CU_ASSERT_PTR_NULL(replicas_next_done(replicas, now_us));
    (void)replicas_tick(replicas, now_us);
    turn();
    CU_ASSERT_TRUE(hears(0, "SET WAIT "));
    reply(0, "+OK\r\n");
    reply(0, ":1\r\n");
    CU_ASSERT_PTR_EQUAL(replicas_next_done(replicas, now_us), &waiter);
    CU_ASSERT_EQUAL(waiter.status, PIPELINE_COMPLETE);
    replicas_free(replicas);
    store = NULL;
}

static void a_command_is_not_sent_again_for_ever(void)
{
    struct pipeline pipeline;
    int sent = 0;

    (void)submit_one(&pipeline, COMMAND_WRITE, "A", KEY_0);
    for (; owed[0] > 0; sent++) {
        reply(0, "-TRYAGAIN Multiple keys\r\n");
        now_us += 20000;
        turn();
    }
    CU_ASSERT_TRUE(sent > 10 && sent <= ROUND_US / 20000);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
}

static void nodes_that_disagree_are_not_asked_in_a_tight_loop(void)
{
    struct pipeline pipeline;
    int sent = 1;

    (void)submit_one(&pipeline, COMMAND_WRITE, "A", KEY_0);
    for (; owed[0] + owed[1] > 0 && sent < 20; sent++)
        moved_to(owed[0] > 0 ? 0 : 1, 3300, owed[0] > 0 ? 1 : 0, "MOVED");
    CU_ASSERT_TRUE(sent < 10);
}

/* ---- nodes that are away ---- */

static void a_node_that_is_away_fails_its_keys_alone(void)
{
    struct pipeline pipeline;

    turn();
    CU_ASSERT_FALSE(store_is_degraded(store, now_us));
    away(1);
    CU_ASSERT_TRUE(store_is_degraded(store, now_us));
    CU_ASSERT_TRUE(store_has_master(store) && store_responsive(store, now_us));
    (void)submit_one(&pipeline, COMMAND_READ, "A", KEY_1);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    (void)submit_one(&pipeline, COMMAND_WRITE, "B", KEY_2);
    CU_ASSERT_TRUE(hears(2, "B "));
    reply(2, "+b\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_COMPLETE));
}

static void reads_of_other_nodes_are_there_when_one_is_away(void)
{
    struct pipeline pipeline;
    const struct command *one, *two;

    turn();
    away(1);
    pipeline_init(&pipeline, arena, NULL);
    one = add(&pipeline, COMMAND_READ, "A", KEY_1);
    two = add(&pipeline, COMMAND_READ, "B", KEY_2);
    submit(&pipeline);
    reply(2, "+b\r\n");
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED) && text_is(two, "b"));
    CU_ASSERT_PTR_NULL(one->reply);
}

static void pipelines_fail_at_once_when_all_nodes_are_away(void)
{
    struct pipeline pipeline;

    away(0);
    (void)submit_one(&pipeline, COMMAND_READ, "A", KEY_1);
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_FALSE(store_has_master(store) || store_responsive(store, now_us));
}

/* ---- what is refused ---- */

static void a_later_schema_is_not_used(void)
{
    struct pipeline pipeline;

    schema = "$1\r\n9\r\n";
    (void)submit_one(&pipeline, COMMAND_READ, "A", KEY_1);
    now_us += ROUND_US;
    turn();
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED) && hears(1, ""));
    CU_ASSERT_PTR_NOT_NULL(strstr(store_last_error(store), "schema 9"));
}

static void a_server_that_is_no_cluster_is_refused(void)
{
    struct pipeline pipeline;

    slots_error = "-ERR This instance has cluster support disabled\r\n";
    (void)submit_one(&pipeline, COMMAND_READ, "A", KEY_1);
    now_us += ROUND_US;
    turn();
    CU_ASSERT_TRUE(done(&pipeline, PIPELINE_FAILED));
    CU_ASSERT_PTR_NOT_NULL_FATAL(store_public_error(store));
    CU_ASSERT_PTR_NOT_NULL(strstr(store_public_error(store), "without ?cluster"));
}

static void a_replica_leads_to_the_cluster(void)
{
    struct pipeline pipeline;

    role = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:0\r\n";
    (void)store_tick(store, now_us);
    serve_node(0);
    store_on_ready(store, now_us);
    role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    (void)submit_one(&pipeline, COMMAND_READ, "A", KEY_1);
    CU_ASSERT_TRUE(hears(1, "A "));
}

void cluster_tests(void)
{
    CU_pSuite suite =
        CU_add_suite_with_setup_and_teardown("cluster", NULL, NULL, set_up, tear_down);

    CU_ADD_TEST(suite, each_command_goes_to_the_node_of_its_key);
    CU_ADD_TEST(suite, writes_to_several_nodes_keep_their_order);
    CU_ADD_TEST(suite, writes_may_be_unordered);
    CU_ADD_TEST(suite, a_failed_write_ends_the_order);
    CU_ADD_TEST(suite, scan_goes_through_all_nodes);
    CU_ADD_TEST(suite, scan_begins_again_when_the_map_has_changed);
    CU_ADD_TEST(suite, commands_for_all_nodes_go_to_all);
    CU_ADD_TEST(suite, an_error_of_one_node_counts_in_commands_for_all);
    CU_ADD_TEST(suite, an_erasure_does_not_end_while_a_node_is_away);
    CU_ADD_TEST(suite, moved_is_followed_and_remembered);
    CU_ADD_TEST(suite, only_servers_that_have_executed_writes_are_noted);
    CU_ADD_TEST(suite, an_older_map_is_not_taken);
    CU_ADD_TEST(suite, ask_is_followed_once);
    CU_ADD_TEST(suite, a_command_that_nobody_executes_now_is_sent_again);
    CU_ADD_TEST(suite, a_wait_before_its_write_confirms_nothing);
    CU_ADD_TEST(suite, a_command_is_not_sent_again_for_ever);
    CU_ADD_TEST(suite, nodes_that_disagree_are_not_asked_in_a_tight_loop);
    CU_ADD_TEST(suite, a_node_that_is_away_fails_its_keys_alone);
    CU_ADD_TEST(suite, reads_of_other_nodes_are_there_when_one_is_away);
    CU_ADD_TEST(suite, pipelines_fail_at_once_when_all_nodes_are_away);
    CU_ADD_TEST(suite, a_later_schema_is_not_used);
    CU_ADD_TEST(suite, a_server_that_is_no_cluster_is_refused);
    CU_ADD_TEST(suite, a_replica_leads_to_the_cluster);
}
