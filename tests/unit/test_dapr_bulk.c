/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The entries of a bulk delivery, found without parsing what is in them. */
#include "app/ingest/dapr_bulk.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

void dapr_bulk_tests(void);

#define TYPE "\"type\":\"" DAPR_BULK_TYPE "\""

static struct arena *arena;

static int open_arena(void)
{
    arena = arena_new(4096, 1 << 20);
    return arena == NULL;
}

static int close_arena(void)
{
    arena_free(arena);
    return 0;
}

static void entries_are_split(void)
{
    /* expected: id=event of each entry, each ended by a semicolon; "no": not a bulk */
    static const struct {
        const char *body, *expected;
    } rows[] = {
        {"{\"entries\":[{\"entryId\":\"a\",\"event\":{\"b\":[1]},\"metadata\":null}]," TYPE "}",
         "\"a\"={\"b\":[1]};"},
        {" {" TYPE " , \"entries\" : [ { \"event\" : \"YQ==\" , \"entryId\" : \"a\" } , {} ] } ",
         "\"a\"=\"YQ==\";=;"},
        {"{\"entries\":[{\"entryId\":7,\"event\":-1.5e3},{\"event\":null}]," TYPE "}",
         "7=-1.5e3;=null;"},
        {"{\"entries\":[{\"entryId\":\"a\",\"event\":\"\\\"}]\\\\\"}]," TYPE "}",
         "\"a\"=\"\\\"}]\\\\\";"},
        {"{\"entries\":[]," TYPE "}", ""},
        {"{\"entries\":[],\"type\":\"another\"}", "no"},
        {"{\"entries\":{}," TYPE "}", "no"},
        {"{\"entries\":[1]," TYPE "}", "no"},
        {"{\"entries\":[{}]" TYPE "}", "no"},
        {"{\"entries\":[{}]," TYPE "} x", "no"},
        {"{\"entries\":[{}," TYPE "}", "no"},
        {"{\"entries\":[{\"event\":}]," TYPE "}", "no"},
        {"{" TYPE "}", "no"},
        {"{}", "no"},
        {"[]", "no"},
        {"", "no"},
        {"{\"entries\":\"\\", "no"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof *rows; i++) {
        struct dapr_bulk bulk;
        char found[256] = "no";
        int n = 0;

        if (dapr_bulk_split(str_of(rows[i].body), arena, &bulk)) {
            found[0] = '\0';
            for (size_t k = 0; k < bulk.n; k++)
                n += snprintf(found + n, sizeof(found) - (size_t)n, "%.*s=%.*s;",
                              STR_ARG(bulk.entries[k].id), STR_ARG(bulk.entries[k].event));
        }
        CU_ASSERT_STRING_EQUAL(found, rows[i].expected);
    }
}

/* The text ends at the end of its memory, so a sanitizer notices a read beyond it. */
static void every_part_of_a_bulk_is_refused(void)
{
    const struct str whole =
        STR("{\"entries\":[{\"entryId\":\"a\",\"event\":{\"b\":\"\\\\\\\"\"}}]," TYPE "}");
    for (size_t n = 0; n < whole.n; n++) {
        char *part = arena_alloc(arena, n);
        struct dapr_bulk bulk;

        memcpy(part, whole.p, n);
        CU_ASSERT_FALSE(dapr_bulk_split((struct str){part, n}, arena, &bulk));
    }
}

static void many_entries_are_split(void)
{
    enum { MANY = 300 };
    struct dapr_bulk bulk;
    char text[MANY * 32];
    int n = snprintf(text, sizeof(text), "{" TYPE ",\"entries\":[");

    for (int i = 0; i < MANY; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s{\"event\":%d}", i > 0 ? "," : "", i);
    n += snprintf(text + n, sizeof(text) - (size_t)n, "]}");
    CU_ASSERT_TRUE_FATAL(dapr_bulk_split((struct str){text, (size_t)n}, arena, &bulk));
    CU_ASSERT_EQUAL(bulk.n, MANY);
    CU_ASSERT_TRUE(str_equal(bulk.entries[MANY - 1].event, STR("299")));
}

void dapr_bulk_tests(void)
{
    CU_pSuite suite = CU_add_suite("dapr_bulk", open_arena, close_arena);
    CU_ADD_TEST(suite, entries_are_split);
    CU_ADD_TEST(suite, every_part_of_a_bulk_is_refused);
    CU_ADD_TEST(suite, many_entries_are_split);
}
