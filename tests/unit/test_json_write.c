/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/json_write.h"

#include <math.h>

#include <CUnit/CUnit.h>

void json_write_tests(void);

static struct arena *arena;
static struct buf buf;

static struct jw begin(void)
{
    arena = arena_new(1024, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    buf_init(&buf, arena);
    return (struct jw){.out = &buf};
}

static void end_with(struct str expected)
{
    CU_ASSERT_FALSE(buf.failed);
    CU_ASSERT_TRUE(str_equal(buf_view(&buf), expected));
    arena_free(arena);
}

static void every_kind_of_value_is_written(void)
{
    struct jw w = begin();

    jw_object(&w, NULL);
    jw_str(&w, "s", STR("a\"b"));
    jw_text(&w, "t", "x");
    jw_text(&w, "none", NULL);
    jw_int(&w, "i", -5);
    jw_number(&w, "x", 0.83);
    jw_bool(&w, "yes", true);
    jw_bool(&w, "no", false);
    jw_null(&w, "nil");
    jw_raw(&w, "raw", STR("[1,2]"));
    jw_time(&w, "at", INT64_C(1769903999123));
    jw_day(&w, "day", 11016);
    jw_object_end(&w);
    end_with(STR("{\"s\":\"a\\\"b\",\"t\":\"x\",\"none\":null,\"i\":-5,\"x\":0.83,\"yes\":true,"
                 "\"no\":false,\"nil\":null,\"raw\":[1,2],\"at\":\"2026-01-31T23:59:59.123Z\","
                 "\"day\":\"2000-02-29\"}"));
}

static void commas_follow_the_nesting(void)
{
    struct jw w = begin();

    jw_object(&w, NULL);
    jw_array(&w, "empty");
    jw_array_end(&w);
    jw_array(&w, "a");
    jw_int(&w, NULL, 1);
    jw_object(&w, NULL);
    jw_object_end(&w);
    jw_array(&w, NULL);
    jw_int(&w, NULL, 2);
    jw_int(&w, NULL, 3);
    jw_array_end(&w);
    jw_array_end(&w);
    jw_object(&w, "o");
    jw_int(&w, "k", 4);
    jw_object_end(&w);
    jw_int(&w, "last", 5);
    jw_object_end(&w);
    end_with(STR("{\"empty\":[],\"a\":[1,{},[2,3]],\"o\":{\"k\":4},\"last\":5}"));
}

static void what_is_not_finite_is_null(void)
{
    struct jw w = begin();

    jw_array(&w, NULL);
    jw_number(&w, NULL, (double)NAN);
    jw_number(&w, NULL, (double)INFINITY);
    jw_number(&w, NULL, (double)-INFINITY);
    jw_array_end(&w);
    end_with(STR("[null,null,null]"));
}

static void a_lone_value_is_a_document(void)
{
    struct jw w = begin();

    jw_int(&w, NULL, 7);
    end_with(STR("7"));
}

/* The text of RFC 8785 section 3.2.2. */
static void numbers_and_texts_are_canonical(void)
{
    struct jw w = begin();

    jw_object(&w, NULL);
    jw_array(&w, "literals");
    jw_null(&w, NULL);
    jw_bool(&w, NULL, true);
    jw_bool(&w, NULL, false);
    jw_array_end(&w);
    jw_array(&w, "numbers");
    jw_number(&w, NULL, 333333333.33333329);
    jw_number(&w, NULL, 1E30);
    jw_number(&w, NULL, 4.50);
    jw_number(&w, NULL, 2e-3);
    jw_number(&w, NULL, 0.000000000000000000000000001);
    jw_array_end(&w);
    jw_str(&w, "string", STR("\xe2\x82\xac$\x0f\nA'B\"\\\\\"/"));
    jw_object_end(&w);
    end_with(STR("{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,"
                 "1e-27],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"));
}

void json_write_tests(void)
{
    CU_pSuite suite = CU_add_suite("json_write", NULL, NULL);

    CU_ADD_TEST(suite, every_kind_of_value_is_written);
    CU_ADD_TEST(suite, commas_follow_the_nesting);
    CU_ADD_TEST(suite, what_is_not_finite_is_null);
    CU_ADD_TEST(suite, a_lone_value_is_a_document);
    CU_ADD_TEST(suite, numbers_and_texts_are_canonical);
}
