/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The export of a table of kinds, with replies for a few keys instead of Redis. */
#include "app/service/export.h"

#include <CUnit/CUnit.h>

#include "app/base/ids.h"
#include "app/store/schema.h"
#include "tests/unit/reply_fixture.h"

#define NOW INT64_C(1700000000000)
#define KEY "{ba}:student:abc:"

static struct arena *arena;

/* The replies for a command and key; all other keys do not exist. */
static const struct {
    const char *command, *key, *reply;
} replies[] = {
    {"HGETALL", KEY "notes", "*4\r\n$1\r\nz\r\n$2\r\n\xc3\xa9\r\n$1\r\na\r\n$2\r\n\xff\x01\r\n"},
    {"GET", KEY "motto", "$4\r\nonly\r\n"},
    {"SMEMBERS", KEY "badges", "*2\r\n$1\r\nz\r\n$1\r\nb\r\n"},
    {"XRANGE", KEY "visits", "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nw\r\n$1\r\n5\r\n"},
    {"MGET", KEY "mood:", "*3\r\n$-1\r\n$4\r\ngood\r\n$-1\r\n"},
};

/* An array of n nils. */
static const char *nil_array(int n)
{
    struct buf out;

    buf_init(&out, arena);
    buf_printf(&out, "*%d\r\n", n);
    while (n-- > 0)
        buf_text(&out, "$-1\r\n");
    buf_char(&out, '\0');
    return out.p;
}

static const char *reply_to(const struct command *command)
{
    if (command->script) /* the search of the journal: no entries, the end */
        return "*3\r\n*0\r\n$0\r\n\r\n:0\r\n";
    for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
        if (str_equal(command->argv[0], str_of(replies[i].command)) &&
            str_starts_with(command->argv[1], str_of(replies[i].key)))
            return replies[i].reply;
    }
    if (str_equal(command->argv[0], STR("GET")) || str_equal(command->argv[0], STR("HGET")))
        return "$-1\r\n";
    if (str_equal(command->argv[0], STR("HMGET")))
        return nil_array(command->argc - 2);
    return nil_array(str_equal(command->argv[0], STR("MGET")) ? command->argc - 1 : 0);
}

/* Runs the export and returns the document; *p is its problem. */
static const char *run_export(const struct student_kind *kinds, size_t n, struct problem *p)
{
    static struct engine engine;
    struct arena *page = arena_new(4096, 1 << 20);
    struct export e = {.engine = &engine,
                       .student = STR("abc"),
                       .exported_by = STR("root"),
                       .now_ms = NOW,
                       .kinds = kinds,
                       .kind_count = n,
                       .arena = arena,
                       .reply_arena = page};
    struct pipeline pipeline;
    struct buf out;

    buf_init(&out, arena);
    e.out = &out;
    *p = (struct problem){.code = PROBLEM_NONE};
    schema_learn(SCHEMA_PACKED);
    pipeline_init(&pipeline, page, NULL);
    while (export_step(&e, &pipeline, p) == STEP_MORE) {
        for (struct command *command = pipeline.first; command; command = command->next)
            command->reply = reply_of(page, str_of(reply_to(command)));
        pipeline.status = PIPELINE_COMPLETE;
    }
    arena_free(page);
    buf_char(&out, '\0');
    return out.failed ? "" : out.p;
}

static void a_new_kind_of_record_is_exported_by_its_type(void)
{
    struct student_kind kinds[STUDENT_KEY_COUNT + 5];
    const struct student_kind new[] = {
        {"notes", ":notes", KEY_SINGLE, TYPE_HASH, "notes", ERASE_WITH_SHARD, RETAIN_ALWAYS, 0},
        {"motto", ":motto", KEY_SINGLE, TYPE_STRING, "motto", ERASE_WITH_SHARD, RETAIN_ALWAYS, 0},
        {"badges", ":badges", KEY_SINGLE, TYPE_SET, "badges", ERASE_WITH_SHARD, RETAIN_ALWAYS, 0},
        {"visits", ":visits", KEY_SINGLE, TYPE_STREAM, "visits", ERASE_WITH_SHARD, RETAIN_ALWAYS,
         0},
        {"mood", ":mood:", KEY_DAILY, TYPE_STRING, "mood", ERASE_WITH_SHARD, RETAIN_ALWAYS, 0},
    };
    struct problem p;
    const char *text;

    arena = arena_new(4096, 1 << 20);
    memcpy(kinds, student_kinds, sizeof(student_kinds));
    memcpy(kinds + STUDENT_KEY_COUNT, new, sizeof(new));
    text = run_export(kinds, STUDENT_KEY_COUNT + 5, &p);
    CU_ASSERT_EQUAL(p.code, PROBLEM_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, ",\"notes\":{\"a\":\"ff01\",\"z\":\"\xc3\xa9\"},"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, ",\"motto\":\"only\","));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"badges\":[\"b\",\"z\"],"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"visits\":[{\"fields\":{\"w\":\"5\"},\"id\":\"1-0\"}]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"mood\":[{\"date\":\"2023-08-17\",\"value\":\"good\"}]"));
    arena_free(arena);
}

static void the_hash_is_that_of_the_bytes_of_data(void)
{
    const struct student_kind motto = {"motto", ":motto",         KEY_SINGLE,    TYPE_STRING,
                                       "motto", ERASE_WITH_SHARD, RETAIN_ALWAYS, 0};
    static const char data[] = "{\"activity\":null,\"audit_logs\":[],\"dead_letters\":[],\"motto\":"
                               "\"only\",\"topics\":[]}";
    unsigned char sha[DIGEST_SIZE];
    char expected[200], hex[DIGEST_HEX_SIZE];
    struct problem p;
    const char *text;

    arena = arena_new(4096, 1 << 20);
    text = run_export(&motto, 1, &p);
    digest_sha256(STR(data), sha);
    hex_print(sha, DIGEST_SIZE, hex);
    (void)snprintf(expected, sizeof(expected), "\"data\":%s,\"integrity_hash\":\"%s\"}", data, hex);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
    arena_free(arena);
}

static void a_student_without_records_has_no_export(void)
{
    struct problem p;

    arena = arena_new(4096, 1 << 20);
    (void)run_export(student_kinds, STUDENT_KEY_COUNT, &p);
    CU_ASSERT_EQUAL(p.code, PROBLEM_NOT_FOUND);
    arena_free(arena);
}

static void no_two_kinds_share_a_name_or_key(void)
{
    for (size_t i = 0; i < STUDENT_KEY_COUNT; i++) {
        for (size_t k = i + 1; k < STUDENT_KEY_COUNT; k++) {
            const struct student_kind *a = &student_kinds[i], *b = &student_kinds[k];

            CU_ASSERT_STRING_NOT_EQUAL(a->suffix, b->suffix);
            CU_ASSERT_STRING_NOT_EQUAL(a->name, b->name);
            CU_ASSERT_TRUE(!a->export_name || !b->export_name ||
                           strcmp(a->export_name, b->export_name) != 0);
        }
    }
}

void export_tests(void);
void export_tests(void)
{
    CU_pSuite suite = CU_add_suite("export", NULL, NULL);

    CU_ADD_TEST(suite, a_new_kind_of_record_is_exported_by_its_type);
    CU_ADD_TEST(suite, the_hash_is_that_of_the_bytes_of_data);
    CU_ADD_TEST(suite, a_student_without_records_has_no_export);
    CU_ADD_TEST(suite, no_two_kinds_share_a_name_or_key);
}
