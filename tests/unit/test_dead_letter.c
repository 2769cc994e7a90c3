/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dead letters as Redis replies them: those of this program, and entries of another form. The ids
 * in a payload. */
#include "app/store/dead_letter.h"

#include <CUnit/CUnit.h>

#include "app/service/letter_names.h"
#include "tests/unit/reply_fixture.h"

/* Parses a reply with one entry, whose field e is the text. */
static struct dead_letter parse_entry(struct arena *arena, const char *text)
{
    struct dead_letter letter;
    struct problem p = {.code = PROBLEM_NONE};
    struct str bulk = bulk_of(arena, str_of(text));
    struct command command = {.reply =
                                  reply_of(arena, arena_printf(arena,
                                                               "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n"
                                                               "$1\r\ne\r\n%.*s",
                                                               STR_ARG(bulk)))};
    size_t n = 0;

    CU_ASSERT_TRUE_FATAL(dead_letter_parse_list(&command, arena, 1, &letter, &n, &p));
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_TRUE(str_equal(letter.id, STR("1-0")));
    return letter;
}

static void an_entry_of_this_program_is_parsed(void)
{
    struct arena *arena = arena_new(1024, 1 << 20);
    struct dead_letter letter = parse_entry(
        arena,
        "{\"reason\":\"403\",\"source\":\"queue:event\",\"event\":{\"a\":1},\"at\":\"today\"}");

    CU_ASSERT_TRUE(letter.complete);
    CU_ASSERT_TRUE(str_equal(letter.reason, STR("403")));
    CU_ASSERT_TRUE(str_equal(letter.source, STR("queue:event")));
    CU_ASSERT_TRUE(str_equal(letter.at, STR("today")));
    CU_ASSERT_PTR_NOT_NULL(strchr(letter.event.p, '1'));
    arena_free(arena);
}

/* The sanitizers report a parsed object that is not released. */
static void any_other_entry_has_its_id_alone(void)
{
    static const char *const rows[] = {"", "x", "[1,2]", "\"text\"", "{}", "{\"reason\":\"403\"}"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *arena = arena_new(1024, 1 << 20);
        struct dead_letter letter = parse_entry(arena, rows[i]);

        CU_ASSERT_FALSE(letter.complete);
        CU_ASSERT_EQUAL(letter.event.n, 0);
        arena_free(arena);
    }
}

/* The text is the base64 of zeros. */
static void a_text_of_zero_bytes_is_no_json(void)
{
    struct arena *arena = arena_new(1024, 1 << 20);
    struct letter_names names;

    letter_names_find(&names, STR("{\"student_id\":\"ann\",\"note\":\"AAAAAAAAAAAA\"}"), STR(""),
                      arena);
    CU_ASSERT_TRUE(names.known);
    arena_free(arena);
}

void dead_letter_tests(void);
void dead_letter_tests(void)
{
    CU_pSuite suite = CU_add_suite("dead_letter", NULL, NULL);

    CU_add_test(suite, "ours is read", an_entry_of_this_program_is_parsed);
    CU_add_test(suite, "what is not ours is an id alone", any_other_entry_has_its_id_alone);
    CU_add_test(suite, "a text of zero bytes is no JSON", a_text_of_zero_bytes_is_no_json);
}
