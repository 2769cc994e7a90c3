/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/inflight.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "app/base/ids.h"
#include "app/store/student.h"

void inflight_tests(void);

static struct inflight *chain;

static int open_chain(void)
{
    chain = inflight_new();
    return chain == NULL;
}

static int close_chain(void)
{
    inflight_free(chain);
    inflight_free(NULL);
    return 0;
}

static bool latest_is(struct str student, struct str expected)
{
    struct str packed;

    return inflight_latest(chain, student, &packed) && str_equal(packed, expected);
}

static bool nothing_under_way(struct str student)
{
    struct str packed;

    return !inflight_latest(chain, student, &packed);
}

static void the_latest_write_under_way_is_what_the_next_builds_on(void)
{
    struct str s = STR("s_1");

    CU_ASSERT_TRUE(nothing_under_way(s));
    inflight_add(chain, s, STR("one"));
    CU_ASSERT_TRUE(latest_is(s, STR("one")));
    inflight_add(chain, s, STR("two"));
    CU_ASSERT_TRUE(latest_is(s, STR("two")));
    inflight_remove(chain, s, true); /* the first was made: the second is still under way */
    CU_ASSERT_TRUE(latest_is(s, STR("two")));
    inflight_remove(chain, s, true);
    CU_ASSERT_TRUE(nothing_under_way(s));
}

static void what_was_built_on_a_write_that_was_not_made_is_outdated(void)
{
    struct str s = STR("s_1");

    inflight_add(chain, s, STR("one"));
    inflight_add(chain, s, STR("two"));
    inflight_remove(chain, s, false);
    CU_ASSERT_TRUE(nothing_under_way(s));
    inflight_add(chain, s, STR("one again"));
    CU_ASSERT_TRUE(latest_is(s, STR("one again")));
    inflight_remove(chain, s, false); /* the second comes back: outdated, as it had to */
    inflight_remove(chain, s, true);
    CU_ASSERT_TRUE(nothing_under_way(s));
}

static void students_do_not_mix(void)
{
    char id[24], packed[24];

    for (int i = 0; i < 1000; i++) { /* more than there are buckets */
        (void)snprintf(id, sizeof(id), "student_%d", i);
        (void)snprintf(packed, sizeof(packed), "state %d", i);
        inflight_add(chain, str_of(id), str_of(packed));
    }
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof(id), "student_%d", i);
        (void)snprintf(packed, sizeof(packed), "state %d", i);
        CU_ASSERT_TRUE(latest_is(str_of(id), str_of(packed)));
        inflight_remove(chain, str_of(id), true);
        CU_ASSERT_TRUE(nothing_under_way(str_of(id)));
    }
}

static void what_is_left_is_freed_with_it(void)
{
    inflight_add(chain, STR("s_1"), STR("one")); /* the leak check of the sanitizers looks */
    inflight_add(chain, STR("s_2"), STR("two"));
}

static void what_is_too_long_is_not_noted_and_does_no_harm(void)
{
    char id[ID_MAX + 1], packed[STATE_PACKED_MAX + 1];
    struct str whole = {id, ID_MAX}, state = {packed, STATE_PACKED_MAX};

    memset(id, 's', sizeof(id));
    memset(packed, 'p', sizeof(packed));
    inflight_add(chain, (struct str){id, sizeof(id)}, state);
    CU_ASSERT_TRUE(nothing_under_way((struct str){id, sizeof(id)}));
    inflight_add(chain, whole, (struct str){packed, sizeof(packed)});
    CU_ASSERT_TRUE(nothing_under_way(whole));
    inflight_remove(chain, whole, true);
    inflight_add(chain, whole, state);
    CU_ASSERT_TRUE(latest_is(whole, state));
    inflight_remove(chain, whole, true);
}

static void who_takes_the_turn_makes_all_others_wait(void)
{
    struct str s = STR("s_1");
    int one = 1, two = 2;

    CU_ASSERT_FALSE(inflight_is_locked(chain, s, &one));
    inflight_lock(chain, s, &one);
    inflight_lock(chain, s, &two); /* too late */
    CU_ASSERT_FALSE(inflight_is_locked(chain, s, &one));
    CU_ASSERT_TRUE(inflight_is_locked(chain, s, &two));
    CU_ASSERT_FALSE(inflight_is_locked(chain, STR("s_2"), &two));
    inflight_unlock(chain, s, &two); /* not his */
    CU_ASSERT_TRUE(inflight_is_locked(chain, s, &two));
    inflight_unlock(chain, s, &one);
    CU_ASSERT_FALSE(inflight_is_locked(chain, s, &two));
    inflight_unlock(chain, s, &one); /* nothing to leave */
}

static void a_turn_outlives_the_writes_under_way_and_they_it(void)
{
    struct str s = STR("s_1");
    int one = 1, two = 2;

    inflight_add(chain, s, STR("w"));
    inflight_lock(chain, s, &one);
    inflight_remove(chain, s, true);
    CU_ASSERT_TRUE(nothing_under_way(s));
    CU_ASSERT_TRUE(inflight_is_locked(chain, s, &two));
    inflight_remove(chain, s, true); /* none is under way */
    inflight_add(chain, s, STR("x"));
    inflight_unlock(chain, s, &one);
    CU_ASSERT_TRUE(latest_is(s, STR("x")));
    inflight_remove(chain, s, true);
    CU_ASSERT_TRUE(nothing_under_way(s));
}

void inflight_tests(void)
{
    CU_pSuite suite = CU_add_suite("chain", open_chain, close_chain);

    CU_add_test(suite, "the latest write under way is what the next builds on",
                the_latest_write_under_way_is_what_the_next_builds_on);
    CU_add_test(suite, "what was built on a write that was not made is outdated",
                what_was_built_on_a_write_that_was_not_made_is_outdated);
    CU_add_test(suite, "students do not mix", students_do_not_mix);
    CU_add_test(suite, "what is too long is not noted and does no harm",
                what_is_too_long_is_not_noted_and_does_no_harm);
    CU_add_test(suite, "who takes the turn makes all others wait",
                who_takes_the_turn_makes_all_others_wait);
    CU_add_test(suite, "a turn outlives the writes under way, and they it",
                a_turn_outlives_the_writes_under_way_and_they_it);
    CU_add_test(suite, "what is left is freed with it", what_is_left_is_freed_with_it);
}
