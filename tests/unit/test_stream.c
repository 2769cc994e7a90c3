/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Redis that are streams, and replies that are not: they are input, too. */
#include <CUnit/CUnit.h>

#include "app/store/keys.h"
#include "app/store/stream.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Parses the bytes of a reply. */
static redisReply *reply_of(const char *bytes)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
    (void)redisReaderFeed(reader, bytes, strlen(bytes));
    (void)redisReaderGetReply(reader, &reply);
    redisReaderFree(reader);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    return reply;
}

#define ENTRY(id, name, value) "*2\r\n$3\r\n" id "\r\n*2\r\n$1\r\n" name "\r\n$1\r\n" value "\r\n"

static void entries_are_parsed(void)
{
    redisReply *reply = reply_of(
        "*3\r\n" ENTRY("1-0", "e", "x") "*2\r\n$3\r\n2-0\r\n*-1\r\n" ENTRY("3-0", "f", "y"));
    struct stream_entry entries[3];
    struct str value = STR("");
    size_t n = 0;

    CU_ASSERT_EQUAL(stream_parse(reply, 3, entries, &n), REPLY_OK);
    CU_ASSERT_EQUAL_FATAL(n, 2); /* without the deleted one */
    CU_ASSERT_TRUE(str_equal(entries[0].id, STR("1-0")));
    CU_ASSERT_EQUAL(stream_field(&entries[0], STR("e"), &value), REPLY_OK);
    CU_ASSERT_TRUE(str_equal(value, STR("x")));
    CU_ASSERT_TRUE(str_equal(entries[1].id, STR("3-0")));
    CU_ASSERT_EQUAL(stream_field(&entries[1], STR("e"), &value), REPLY_MISSING);
    freeReplyObject(reply);
}

static void other_replies_are_refused(void)
{
    static const struct {
        const char *bytes;
        enum reply_result expected;
    } rows[] = {
        {"*0\r\n", REPLY_OK},
        {"*-1\r\n", REPLY_MISSING},
        {":1\r\n", REPLY_ERROR},
        {"-WRONGTYPE no stream\r\n", REPLY_ERROR},
        {"*1\r\n:1\r\n", REPLY_ERROR},
        {"*1\r\n*1\r\n$3\r\n1-0\r\n", REPLY_ERROR},
        {"*1\r\n*2\r\n:1\r\n*0\r\n", REPLY_ERROR},
        {"*1\r\n*2\r\n$3\r\n1-0\r\n*1\r\n$1\r\ne\r\n", REPLY_ERROR},
        {"*2\r\n" ENTRY("1-0", "e", "x") ENTRY("2-0", "e", "x"),
         REPLY_ERROR}, /* more than the limit */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        redisReply *reply = reply_of(rows[i].bytes);
        struct stream_entry entries[1];
        size_t n = 0;

        CU_ASSERT_EQUAL(stream_parse(reply, 1, entries, &n), rows[i].expected);
        freeReplyObject(reply);
    }
}

static void an_id_contains_its_time(void)
{
    int64_t ms = -1;

    CU_ASSERT_TRUE(stream_id_time(STR("1700000000200-4"), &ms));
    CU_ASSERT_EQUAL(ms, 1700000000200);
    CU_ASSERT_FALSE(stream_id_time(STR("x-4"), &ms));
    CU_ASSERT_FALSE(stream_id_time(STR(""), &ms));
}

static void a_key_contains_its_shard(void)
{
    static const struct {
        const char *key;
        bool is;
        unsigned shard;
    } rows[] = {
        {"{00}:journal", true, 0}, {"{ff}:outbox", true, 255}, {"{3f}:student:x", true, 63},
        {"{3f}", true, 63},        {"{3F}:journal", false, 0}, {"{3g}:journal", false, 0},
        {"{3f:journal", false, 0}, {"queue:{dead}", false, 0}, {"", false, 0},
        {"{3", false, 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned shard = 0;

        CU_ASSERT_EQUAL(key_parse_hash_tag(str_of(rows[i].key), &shard), rows[i].is);
        CU_ASSERT_EQUAL(shard, rows[i].shard);
    }
}

void stream_tests(void);
void stream_tests(void)
{
    CU_pSuite suite = CU_add_suite("stream", NULL, NULL);

    CU_add_test(suite, "entries are read", entries_are_parsed);
    CU_add_test(suite, "what is no stream is refused", other_replies_are_refused);
    CU_add_test(suite, "an id tells its time", an_id_contains_its_time);
    CU_add_test(suite, "a key tells its shard", a_key_contains_its_shard);
}
