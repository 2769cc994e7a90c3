/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/attention.h"

#include <CUnit/CUnit.h>

void attention_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void need_is_what_lacks_and_what_fell_and_inactivity(void)
{
    static const struct {
        struct attention_facts facts;
        double need;
    } rows[] = {{{1, true, 0, 0}, 0},      {{.4, false, 0, 0}, .6},
                {{.4, true, -.1, 0}, .7},  {{.4, true, .1, 0}, .6}, /* a rise takes nothing away */
                {{.4, false, -.1, 0}, .6}, /* an undefined change is not used */
                {{.4, true, 0, 7}, .65},   {{.4, true, 0, 14}, .7},
                {{.4, true, 0, 90}, .7}, /* two weeks or longer are the same */
                {{0, true, -1, 90}, 2.1}};
    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(attention_need(&rows[i].facts), rows[i].need);
}

static void reasons_apply_from_their_limits_on(void)
{
    static const struct {
        struct attention_facts facts;
        size_t n;
        const char *reasons[ATTENTION_REASONS];
    } rows[] = {
        {{.5, true, -.0499, 6}, 0, {0}},
        {{.38, true, .2, 0}, 1, {"a score of 0.38 is predicted for next week, below 0.5"}},
        {{.4999, false, 0, 0}, 1, {"a score of 0.49 is predicted for next week, below 0.5"}},
        {{.29, false, 0, 0}, 1, {"a score of 0.29 is predicted for next week, below 0.5"}},
        {{.9, true, -.05, 0}, 1, {"the score fell by 0.05 in 7 days"}},
        {{.9, false, -.5, 0}, 0, {0}},
        {{.9, true, 0, 7}, 1, {"has not been active for 7 days"}},
        {{0, true, -1, 12},
         3,
         {"a score of 0.00 is predicted for next week, below 0.5",
          "the score fell by 1.00 in 7 days", "has not been active for 12 days"}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *arena = arena_new(1024, 4096);
        struct attention_found found[ATTENTION_REASONS];
        size_t n = attention_reasons(&rows[i].facts, arena, found);
        CU_ASSERT_EQUAL_FATAL(n, rows[i].n);
        for (size_t k = 0; k < n; k++)
            CU_ASSERT(str_equal(found[k].text, str_of(rows[i].reasons[k])));
        arena_free(arena);
    }
}

static void a_reason_has_its_value_unrounded(void)
{
    const struct attention_facts facts = {.4999, true, -.0512, 12};
    struct arena *arena = arena_new(1024, 4096);
    struct attention_found found[ATTENTION_REASONS];

    CU_ASSERT_EQUAL_FATAL(attention_reasons(&facts, arena, found), ATTENTION_REASONS);
    CU_ASSERT_EQUAL(found[ATTENTION_LOW].value, .4999);
    CU_ASSERT_EQUAL(found[ATTENTION_FALL].value, .0512);
    CU_ASSERT_EQUAL(found[ATTENTION_INACTIVE].value, 12);
    for (int i = 0; i < ATTENTION_REASONS; i++)
        CU_ASSERT_EQUAL((int)found[i].reason, i);
    arena_free(arena);
}

void attention_tests(void)
{
    CU_pSuite suite = CU_add_suite("attention", NULL, NULL);
    CU_ADD_TEST(suite, need_is_what_lacks_and_what_fell_and_inactivity);
    CU_ADD_TEST(suite, reasons_apply_from_their_limits_on);
    CU_ADD_TEST(suite, a_reason_has_its_value_unrounded);
}
