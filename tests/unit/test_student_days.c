/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads of a student's days by plain commands, as in a store without the forms of 0.1.0. */
#include <CUnit/CUnit.h>

#include "app/base/buf.h"
#include "app/store/schema.h"
#include "app/store/student_days.h"
#include "app/store/topics.h"
#include "tests/unit/reply_fixture.h"

void student_days_tests(void);

enum { TODAY = 20700 };

static struct arena *arena;
static struct pipeline pipeline;

static int begin(void)
{
    arena = arena_new(4096, 1 << 20);
    schema_learn(SCHEMA_PACKED);
    if (arena)
        pipeline_init(&pipeline, arena, NULL);
    return arena == NULL;
}

static int end(void)
{
    schema_learn(SCHEMA_OLD_FORMS);
    arena_free(arena);
    return 0;
}

static struct mastery_state state_of(int32_t day)
{
    struct mastery_state state;

    mastery_state_init(&state);
    mastery_state_advance(&state, day);
    state.updated_at_ms = day * INT64_C(86400000);
    for (int i = 0; i < COMPONENTS; i++)
        state.components[i] = 1.0 / (3 + i);
    return state;
}

/* The state of today in the reply to a command that reads so many fields, at one of them. */
static redisReply *state_reply(int fields, int at)
{
    struct mastery_state state = state_of(TODAY);
    struct buf out;

    buf_init(&out, arena);
    if (fields > 1)
        buf_printf(&out, "*%d\r\n", fields);
    for (int i = 0; i < fields; i++) {
        if (i == at)
            buf_str(&out, bulk_of(arena, student_pack(arena, &state)));
        else
            buf_text(&out, "$-1\r\n");
    }
    return reply_of(arena, buf_view(&out));
}

/* The closed days from `newest` on, so many. */
static struct str closed(int32_t newest, int count)
{
    struct buf out;

    buf_init(&out, arena);
    for (int i = 0; i < count; i++) {
        struct mastery_state state = state_of(newest - i);

        buf_str(&out, student_day_record(arena, &state));
    }
    return buf_view(&out);
}

static void give(struct command *command, struct str text)
{
    command->reply = reply_of(arena, bulk_of(arena, text));
}

/* Returns how many days there are; -1: a problem. */
static int days_in(const struct command *command)
{
    static struct mastery_state days[STUDENT_DAYS_MAX];
    struct problem p = {0};
    size_t n;

    return student_parse_days(command, days, &n, &p) ? (int)n : -1;
}

static void the_state_comes_from_any_command_that_reads_it(void)
{
    struct command *commands[] = {student_cmd_state(&pipeline, STR("s")),
                                  student_cmd_topics(&pipeline, STR("s"))};
    const int fields[] = {2, 3}, at[] = {0, 0};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        size_t count = pipeline.count;
        struct command *days = student_cmd_days(&pipeline, STR("s"), commands[i],
                                                TODAY - HISTORY_DAYS, HISTORY_DAYS + 1);

        CU_ASSERT_EQUAL(pipeline.count, count + 1);
        commands[i]->reply = state_reply(fields[i], at[i]);
        give(days, closed(TODAY - 1, 3));
        CU_ASSERT_EQUAL(days_in(days), 4);
    }
}

static void without_one_the_state_is_read_first(void)
{
    struct command **state = pipeline.last;
    struct command *days = student_cmd_days(&pipeline, STR("s"), NULL, TODAY - 2, 3);

    CU_ASSERT_PTR_NOT_NULL_FATAL(*state);
    CU_ASSERT_PTR_EQUAL((*state)->next, days);
    (*state)->reply = state_reply(1, 0);
    give(days, closed(TODAY - 1, 9));
    CU_ASSERT_EQUAL(days_in(days), 3);
    give(days, STR(""));
    CU_ASSERT_EQUAL(days_in(days), 1);
    (*state)->reply = NULL;
    CU_ASSERT_EQUAL(days_in(days), -1);
}

/* The latest days are in the first bytes of the text, which may end within a record. */
static void a_part_of_the_text_has_the_latest_days(void)
{
    struct command *state = student_cmd_state(&pipeline, STR("s"));
    struct command *days = student_cmd_latest_days(&pipeline, STR("s"), state, TODAY, 2);
    struct str all = closed(TODAY + 1, HISTORY_DAYS);
    int64_t last = 0;

    CU_ASSERT_TRUE_FATAL(days->argc == 4 && str_equal(days->argv[0], STR("GETRANGE")));
    CU_ASSERT_TRUE_FATAL(str_to_int64(days->argv[3], 0, INT32_MAX, &last));
    CU_ASSERT_TRUE_FATAL((size_t)last + 1 < all.n);
    state->reply = state_reply(2, 0);
    give(days, (struct str){all.p, (size_t)last + 1});
    CU_ASSERT_EQUAL(days_in(days), 2);
    give(days, (struct str){all.p, (size_t)last}); /* shorter than what was read: it is damaged */
    CU_ASSERT_EQUAL(days_in(days), -1);
}

static void many_days_are_read_from_the_whole_text(void)
{
    struct command *days = student_cmd_latest_days(&pipeline, STR("s"), NULL, TODAY, HISTORY_DAYS);

    CU_ASSERT_TRUE(str_equal(days->argv[0], STR("GET")));
}

static void what_is_in_no_order_is_refused(void)
{
    struct command *state = student_cmd_state(&pipeline, STR("s"));
    struct command *days = student_cmd_days(&pipeline, STR("s"), state, TODAY - 9, 10);
    struct str one = closed(TODAY - 3, 1), two = closed(TODAY - 2, 1);
    struct buf both;

    state->reply = state_reply(2, 0);
    buf_init(&both, arena);
    buf_str(&both, one);
    buf_str(&both, two);
    give(days, buf_view(&both));
    CU_ASSERT_EQUAL(days_in(days), -1);
}

/* A late event is computed from days that are read in one step. */
static void days_for_a_change_are_read_at_once(void)
{
    struct command *openings;
    struct command *days = student_cmd_days_at_once(&pipeline, STR("s"), TODAY - 9, 10, &openings);

    CU_ASSERT_PTR_EQUAL(days->script, &script_student_days);
    CU_ASSERT_PTR_EQUAL(openings, days);
}

void student_days_tests(void)
{
    CU_pSuite suite = CU_add_suite("student_days", begin, end);

    CU_ADD_TEST(suite, the_state_comes_from_any_command_that_reads_it);
    CU_ADD_TEST(suite, without_one_the_state_is_read_first);
    CU_ADD_TEST(suite, a_part_of_the_text_has_the_latest_days);
    CU_ADD_TEST(suite, many_days_are_read_from_the_whole_text);
    CU_ADD_TEST(suite, what_is_in_no_order_is_refused);
    CU_ADD_TEST(suite, days_for_a_change_are_read_at_once);
}
