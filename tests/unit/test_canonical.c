/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Canonical JSON against the samples of RFC 8785. */
#include "app/http/canonical.h"

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void check_printed(const char *json, const char *expected)
{
    struct arena *arena = arena_new(1024, 1 << 20);
    struct json_object *value = json_tokener_parse(json);
    struct buf out;

    buf_init(&out, arena);
    canonical_print(&out, value, arena);
    buf_char(&out, '\0');
    CU_ASSERT_STRING_EQUAL(out.p, expected);
    (void)json_object_put(value);
    arena_free(arena);
}

static void samples_of_rfc_8785_are_printed_as_it_says(void)
{
    check_printed("{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"
                  "\"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\","
                  "\"literals\":[null,true,false]}",
                  "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,"
                  "1e-27],\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    check_printed("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew\","
                  "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji\",\"\\u0080\":\"Control\","
                  "\"\\u00f6\":\"Latin\"}",
                  "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
                  "\"\u00f6\":\"Latin\",\"\u20ac\":\"Euro Sign\",\"\U0001F600\":\"Emoji\","
                  "\"\ufb33\":\"Hebrew\"}");
}

static void what_is_nested_is_sorted_too(void)
{
    check_printed("[{\"b\":{\"d\":[],\"c\":{}},\"a\":1},-0.0,12,1e21,0.1]",
                  "[{\"a\":1,\"b\":{\"c\":{},\"d\":[]}},0,12,1e+21,0.1]");
    check_printed("\"\\b\\t\\f\\u0001\\u007f\"", "\"\\b\\t\\f\\u0001\x7f\"");
}

static void names_that_begin_alike_are_ordered_by_their_length(void)
{
    CU_ASSERT_TRUE(canonical_compare(STR("a"), STR("ab")) < 0);
    CU_ASSERT_TRUE(canonical_compare(STR("ab"), STR("a")) > 0);
    CU_ASSERT_EQUAL(canonical_compare(STR("ab"), STR("ab")), 0);
    CU_ASSERT_TRUE(canonical_compare(STR("B"), STR("a")) < 0);
}

void canonical_tests(void);
void canonical_tests(void)
{
    CU_pSuite suite = CU_add_suite("canonical", NULL, NULL);

    CU_add_test(suite, "samples of RFC 8785 are printed as it says",
                samples_of_rfc_8785_are_printed_as_it_says);
    CU_add_test(suite, "what is nested is sorted too", what_is_nested_is_sorted_too);
    CU_add_test(suite, "names that begin alike are ordered by their length",
                names_that_begin_alike_are_ordered_by_their_length);
}
