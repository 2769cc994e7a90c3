/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The difference to Redis' clock, from replies to TIME that took their time. */
#include "app/store/clock_skew.h"

#include <CUnit/CUnit.h>

#include "app/base/clock.h"
#include "tests/unit/reply_fixture.h"

void clock_skew_tests(void);

static void a_slow_reply_changes_no_clock_that_is_right(void)
{
    struct clock_skew skew = {.known = false};

    clock_skew_update(&skew, 1000, 1000, 1000);
    CU_ASSERT_TRUE(skew.known);
    CU_ASSERT_EQUAL(skew.offset_ms, 0);
    clock_skew_update(&skew, 2000, 2000, 2900); /* the way back was slow */
    CU_ASSERT_EQUAL(skew.offset_ms, 0);
    clock_skew_update(&skew, 3900, 3000, 3900); /* the way there was */
    CU_ASSERT_EQUAL(skew.offset_ms, 0);
}

static void the_offset_moves_no_further_than_it_must(void)
{
    static const struct {
        int64_t redis_ms, sent_ms, received_ms, offset_ms;
    } rows[] = {
        {100000, 500000, 500010, -400000}, /* ahead: -400010 to -400000 */
        {101000, 501000, 501004, -400000}, /* within -400004 to -400000 */
        {102000, 502002, 502006, -400002}, /* -400006 to -400002 */
        {103000, 503000, 503900, -400002}, /* slow, and within */
        {604000, 504000, 504002, 99998},   /* set back: now it is behind, 99998 to 100000 */
        {505000, 505000, 505002, 0},       /* right: -2 to 0 */
    };
    struct clock_skew skew = {.known = false};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        clock_skew_update(&skew, rows[i].redis_ms, rows[i].sent_ms, rows[i].received_ms);
        CU_ASSERT_EQUAL(skew.offset_ms, rows[i].offset_ms);
    }
}

static void only_a_time_is_a_measurement(void)
{
    static const char *const others[] = {"+OK\r\n",
                                         "-NOPERM no\r\n",
                                         "$-1\r\n",
                                         ":5\r\n",
                                         "*1\r\n$1\r\n1\r\n",
                                         "*2\r\n$1\r\nx\r\n$1\r\n0\r\n",
                                         "*2\r\n$1\r\n1\r\n$7\r\n1000000\r\n"};
    struct arena *arena = arena_new(1024, 1 << 16);
    struct pipeline pipeline = {.submitted_us = clock_monotonic_us()};
    struct command command = {.pipeline = &pipeline};
    struct clock_skew skew = {.known = false};

    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    clock_skew_measure(&skew, &command); /* no reply: out of memory */
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        command.reply = reply_of(arena, str_of(others[i]));
        clock_skew_measure(&skew, &command);
    }
    CU_ASSERT_TRUE(!skew.known && skew.offset_ms == 0);
    command.reply = reply_of(arena, STR("*2\r\n$10\r\n1000000000\r\n$6\r\n250000\r\n"));
    clock_skew_measure(&skew, &command);
    CU_ASSERT_TRUE(skew.known);
    CU_ASSERT_DOUBLE_EQUAL(clock_wall_ms() + skew.offset_ms, 1000000000250.0, 60000);
    arena_free(arena);
}

void clock_skew_tests(void)
{
    CU_pSuite suite = CU_add_suite("clock_skew", NULL, NULL);

    CU_ADD_TEST(suite, a_slow_reply_changes_no_clock_that_is_right);
    CU_ADD_TEST(suite, the_offset_moves_no_further_than_it_must);
    CU_ADD_TEST(suite, only_a_time_is_a_measurement);
}
