/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/slots.h"

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void slots_tests(void);

/* The numbers are what CLUSTER KEYSLOT of Redis 7 replies. */
static void a_key_has_the_slot_that_redis_gives_it(void)
{
    static const struct {
        const char *key;
        int slot;
    } rows[] = {
        {"123456789", 12739},  {"foo", 12182},          {"bar", 5061},      {"schema", 4361},
        {"{00}:lease", 13254}, {"{00}", 13254},         {"x{foo}y", 12182}, {"{foo}{bar}", 12182},
        {"foo{}{bar}", 8363},  {"foo{{bar}}zap", 4015},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(slot_of_key(str_of(rows[i].key)), rows[i].slot);
    CU_ASSERT_EQUAL(slot_of_key(STR("{foo")), slot_of_key(STR("{foo")));
    CU_ASSERT_NOT_EQUAL(slot_of_key(STR("{foo")), 12182);
    CU_ASSERT_NOT_EQUAL(slot_of_key(STR("foo}")), 12182);
}

static void the_key_of_a_command_is_found(void)
{
    static const struct str get[] = {STR_INIT("GET"), STR_INIT("foo")};
    static const struct str scan[] = {STR_INIT("SCAN"), STR_INIT("foo")};
    static const struct str ping[] = {STR_INIT("PING")};
    static const struct str read[] = {STR_INIT("XREAD"),   STR_INIT("COUNT"), STR_INIT("1"),
                                      STR_INIT("STREAMS"), STR_INIT("foo"),   STR_INIT("0")};
    static const struct str call[] = {STR_INIT("foo"), STR_INIT("bar")};
    static const struct {
        struct command command;
        int slot;
    } rows[] = {
        {{.argc = 2, .argv = get}, 12182},
        {{.argc = 2, .argv = scan}, SLOT_NONE},
        {{.argc = 1, .argv = ping}, SLOT_NONE},
        {{.argc = 1, .argv = get}, SLOT_NONE},
        {{.argc = 6, .argv = read}, 12182},
        {{.argc = 2, .argv = read}, SLOT_NONE},
        {{.argc = 2, .argv = call, .script = &script_lease_write, .key_count = 1}, 12182},
        {{.argc = 2, .argv = call, .script = &script_lease_write}, SLOT_NONE},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(slot_of_command(&rows[i].command), rows[i].slot);
}

void slots_tests(void)
{
    CU_pSuite suite = CU_add_suite("slots", NULL, NULL);

    CU_ADD_TEST(suite, a_key_has_the_slot_that_redis_gives_it);
    CU_ADD_TEST(suite, the_key_of_a_command_is_found);
}
