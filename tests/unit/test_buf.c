/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/buf.h"

#include <math.h>

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void buf_tests(void);

enum { CAP = 64 * 1024 };

static struct arena *arena;
static struct buf buf;

static void begin(void)
{
    arena = arena_new(1024, CAP);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    buf_init(&buf, arena);
}

static void end(void)
{
    arena_free(arena);
}

static bool holds(struct str expected)
{
    return !buf.failed && str_equal(buf_view(&buf), expected);
}

static void appending_keeps_order_and_bytes(void)
{
    begin();
    CU_ASSERT_EQUAL(arena_used(arena), 0);
    CU_ASSERT_TRUE(holds(STR("")));
    buf_put(&buf, "a\0b", 3);
    buf_str(&buf, STR("cd"));
    buf_text(&buf, "ef");
    buf_char(&buf, 'g');
    buf_str(&buf, (struct str){NULL, 0});
    CU_ASSERT_TRUE(holds(STR("a\0bcdefg")));
    end();
}

static void growing_keeps_what_was_there(void)
{
    begin();
    for (int i = 0; i < 10000; i++)
        buf_char(&buf, (char)('a' + i % 26));
    CU_ASSERT_FALSE_FATAL(buf.failed);
    CU_ASSERT_EQUAL(buf.n, 10000);
    for (int i = 0; i < 10000; i++)
        CU_ASSERT_EQUAL(buf.p[i], 'a' + i % 26);
    end();
}

static void integers_are_printed_in_full_range(void)
{
    begin();
    buf_int(&buf, 0);
    buf_char(&buf, ' ');
    buf_int(&buf, -7);
    buf_char(&buf, ' ');
    buf_int(&buf, INT64_MAX);
    buf_char(&buf, ' ');
    buf_int(&buf, INT64_MIN);
    CU_ASSERT_TRUE(holds(STR("0 -7 9223372036854775807 -9223372036854775808")));
    end();
}

static void printf_grows_the_buffer(void)
{
    begin();
    buf_printf(&buf, "%s/%d", "x", 5);
    CU_ASSERT_TRUE(holds(STR("x/5")));
    buf_printf(&buf, "%1000d", 1);
    CU_ASSERT_FALSE_FATAL(buf.failed);
    CU_ASSERT_EQUAL(buf.n, 1003);
    CU_ASSERT_EQUAL(buf.p[1002], '1');
    buf_text(&buf, "!");
    CU_ASSERT_EQUAL(buf.p[1003], '!');
    end();
}

/* Every length around the buffer's first size, where the NUL of vsnprintf would not fit. */
static void printf_may_end_exactly_at_the_end(void)
{
    for (int n = 250; n < 262; n++) {
        begin();
        buf_printf(&buf, "%*d", n, 1);
        CU_ASSERT_FALSE_FATAL(buf.failed);
        CU_ASSERT_EQUAL(buf.n, (size_t)n);
        CU_ASSERT_EQUAL(buf.p[n - 1], '1');
        end();
    }
}

static void failing_is_sticky(void)
{
    begin();
    buf_text(&buf, "kept");
    CU_ASSERT_FALSE(buf_reserve(&buf, CAP));
    CU_ASSERT_TRUE(buf.failed);
    buf_char(&buf, 'x');
    buf_text(&buf, "x");
    buf_int(&buf, 1);
    buf_number(&buf, 0.5);
    buf_printf(&buf, "%d", 1);
    buf_json_string(&buf, STR("x"));
    CU_ASSERT_FALSE(buf_reserve(&buf, 1));
    CU_ASSERT_FALSE(buf_reserve(&buf, SIZE_MAX));
    CU_ASSERT_TRUE(str_equal(buf_view(&buf), STR("kept")));
    end();
}

static void near_the_cap_it_takes_just_what_is_needed(void)
{
    begin();
    CU_ASSERT_TRUE(buf_reserve(&buf, 24000));
    buf.n = 24000;
    CU_ASSERT_TRUE(buf_reserve(&buf, 16000)); /* 48000 more would not fit */
    end();
}

static void numbers_must_be_finite(void)
{
    begin();
    buf_number(&buf, 0.83);
    CU_ASSERT_TRUE(holds(STR("0.83")));
    buf_number(&buf, (double)NAN);
    CU_ASSERT_TRUE(buf.failed);
    CU_ASSERT_EQUAL(buf.n, 4);
    end();
}

#define BAD "\xef\xbf\xbd"

static void json_strings_are_escaped(void)
{
    static const struct {
        struct str in, out;
    } rows[] = {
        {STR_INIT(""), STR_INIT("\"\"")},
        {STR_INIT("plain text"), STR_INIT("\"plain text\"")},
        {STR_INIT("\"\\/"), STR_INIT("\"\\\"\\\\/\"")},
        {STR_INIT("a\"b"), STR_INIT("\"a\\\"b\"")},
        {STR_INIT("\b\f\n\r\t"), STR_INIT("\"\\b\\f\\n\\r\\t\"")},
        {STR_INIT("\0\x01\x0f\x1f\x7f"), STR_INIT("\"\\u0000\\u0001\\u000f\\u001f\x7f\"")},
        {STR_INIT("\xe2\x82\xac$"), STR_INIT("\"\xe2\x82\xac$\"")},
        {STR_INIT("\xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xa8"),
         STR_INIT("\"\xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xa8\"")},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        begin();
        buf_json_string(&buf, rows[i].in);
        CU_ASSERT_TRUE(holds(rows[i].out));
        end();
    }
}

/* One U+FFFD for each longest start of a character (Unicode 15, table 3-8). */
static void what_is_not_utf8_is_marked(void)
{
    static const struct {
        struct str in, out;
    } rows[] = {
        {STR_INIT("a\xff"
                  "b"),
         STR_INIT("\"a" BAD "b\"")},
        {STR_INIT("\x80"), STR_INIT("\"" BAD "\"")},
        {STR_INIT("\xc0\xaf"), STR_INIT("\"" BAD BAD "\"")},
        {STR_INIT("\xe0\x80\xaf"), STR_INIT("\"" BAD BAD BAD "\"")},
        {STR_INIT("\xed\xa0\x80"), STR_INIT("\"" BAD BAD BAD "\"")},
        {STR_INIT("\xf4\x90\x80\x80"), STR_INIT("\"" BAD BAD BAD BAD "\"")},
        {STR_INIT("\xf5\x80"), STR_INIT("\"" BAD BAD "\"")},
        {STR_INIT("\xf0\x80\x80\x80"), STR_INIT("\"" BAD BAD BAD BAD "\"")},
        {STR_INIT("\xe2\x82"), STR_INIT("\"" BAD "\"")},
        {STR_INIT("\xf0\x9f\x98"), STR_INIT("\"" BAD "\"")},
        {STR_INIT("\xf0\x9f\x98\"\xc3"), STR_INIT("\"" BAD "\\\"" BAD "\"")},
        {STR_INIT("\xf4\x8f\xbf\xbf\xed\x9f\xbf"), STR_INIT("\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\"")},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        begin();
        buf_json_string(&buf, rows[i].in);
        CU_ASSERT_TRUE(holds(rows[i].out));
        end();
    }
}

/* The bytes after the text would complete its last character. */
static void nothing_behind_the_text_is_read(void)
{
    begin();
    buf_json_string(&buf, (struct str){"\xe2\x82\xac", 2});
    CU_ASSERT_TRUE(holds(STR("\"" BAD "\"")));
    end();
}

void buf_tests(void)
{
    CU_pSuite suite = CU_add_suite("buf", NULL, NULL);

    CU_ADD_TEST(suite, appending_keeps_order_and_bytes);
    CU_ADD_TEST(suite, growing_keeps_what_was_there);
    CU_ADD_TEST(suite, integers_are_printed_in_full_range);
    CU_ADD_TEST(suite, printf_grows_the_buffer);
    CU_ADD_TEST(suite, printf_may_end_exactly_at_the_end);
    CU_ADD_TEST(suite, failing_is_sticky);
    CU_ADD_TEST(suite, near_the_cap_it_takes_just_what_is_needed);
    CU_ADD_TEST(suite, numbers_must_be_finite);
    CU_ADD_TEST(suite, json_strings_are_escaped);
    CU_ADD_TEST(suite, what_is_not_utf8_is_marked);
    CU_ADD_TEST(suite, nothing_behind_the_text_is_read);
}
