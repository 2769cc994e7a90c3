/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/inflight.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "app/base/ids.h"
#include "app/store/student.h"

void inflight_tests(void);

static struct inflight *inflight;

static int set_up(void)
{
    inflight = inflight_new();
    return inflight == NULL;
}

static int tear_down(void)
{
    inflight_free(inflight);
    inflight_free(NULL);
    return 0;
}

static bool latest_is(struct str student, struct str expected)
{
    struct str packed;

    return inflight_latest(inflight, student, &packed) && str_equal(packed, expected);
}

static bool nothing_in_flight(struct str student)
{
    struct str packed;

    return !inflight_latest(inflight, student, &packed);
}

static void the_next_write_builds_on_the_latest_one(void)
{
    struct str s = STR("s_1");

    CU_ASSERT_TRUE(nothing_in_flight(s));
    inflight_add(inflight, s, STR("one"));
    CU_ASSERT_TRUE(latest_is(s, STR("one")));
    inflight_add(inflight, s, STR("two"));
    CU_ASSERT_TRUE(latest_is(s, STR("two")));
    inflight_remove(inflight, s, true); /* the first was saved: the second is in flight */
    CU_ASSERT_TRUE(latest_is(s, STR("two")));
    inflight_remove(inflight, s, true);
    CU_ASSERT_TRUE(nothing_in_flight(s));
}

static void writes_after_a_refused_one_are_outdated(void)
{
    struct str s = STR("s_1");

    inflight_add(inflight, s, STR("one"));
    inflight_add(inflight, s, STR("two"));
    inflight_remove(inflight, s, false);
    CU_ASSERT_TRUE(nothing_in_flight(s));
    inflight_add(inflight, s, STR("one again"));
    CU_ASSERT_TRUE(latest_is(s, STR("one again")));
    inflight_remove(inflight, s, false); /* the second is refused as well, being outdated */
    inflight_remove(inflight, s, true);
    CU_ASSERT_TRUE(nothing_in_flight(s));
}

static void students_do_not_mix(void)
{
    char id[24], packed[24];

    for (int i = 0; i < 1000; i++) { /* more than there are buckets */
        (void)snprintf(id, sizeof(id), "student_%d", i);
        (void)snprintf(packed, sizeof(packed), "state %d", i);
        inflight_add(inflight, str_of(id), str_of(packed));
    }
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof(id), "student_%d", i);
        (void)snprintf(packed, sizeof(packed), "state %d", i);
        CU_ASSERT_TRUE(latest_is(str_of(id), str_of(packed)));
        inflight_remove(inflight, str_of(id), true);
        CU_ASSERT_TRUE(nothing_in_flight(str_of(id)));
    }
}

static void remaining_entries_are_freed(void)
{
    inflight_add(inflight, STR("s_1"), STR("one")); /* the sanitizers check for leaks */
    inflight_add(inflight, STR("s_2"), STR("two"));
}

static void what_is_too_long_is_not_recorded(void)
{
    char id[ID_MAX + 1], packed[STATE_PACKED_MAX + 1];
    struct str whole = {id, ID_MAX}, state = {packed, STATE_PACKED_MAX};

    memset(id, 's', sizeof(id));
    memset(packed, 'p', sizeof(packed));
    inflight_add(inflight, (struct str){id, sizeof(id)}, state);
    CU_ASSERT_TRUE(nothing_in_flight((struct str){id, sizeof(id)}));
    inflight_add(inflight, whole, (struct str){packed, sizeof(packed)});
    CU_ASSERT_TRUE(nothing_in_flight(whole));
    inflight_remove(inflight, whole, true);
    inflight_add(inflight, whole, state);
    CU_ASSERT_TRUE(latest_is(whole, state));
    inflight_remove(inflight, whole, true);
}

static void a_locked_student_is_locked_for_all_other_owners(void)
{
    struct str s = STR("s_1");
    int one = 1, two = 2;

    CU_ASSERT_FALSE(inflight_is_locked(inflight, s, &one));
    inflight_lock(inflight, s, &one);
    inflight_lock(inflight, s, &two); /* the lock has an owner */
    CU_ASSERT_FALSE(inflight_is_locked(inflight, s, &one));
    CU_ASSERT_TRUE(inflight_is_locked(inflight, s, &two));
    CU_ASSERT_FALSE(inflight_is_locked(inflight, STR("s_2"), &two));
    inflight_unlock(inflight, s, &two); /* another owner's */
    CU_ASSERT_TRUE(inflight_is_locked(inflight, s, &two));
    inflight_unlock(inflight, s, &one);
    CU_ASSERT_FALSE(inflight_is_locked(inflight, s, &two));
    inflight_unlock(inflight, s, &one); /* not locked */
}

static void a_lock_and_writes_are_independent(void)
{
    struct str s = STR("s_1");
    int one = 1, two = 2;

    inflight_add(inflight, s, STR("w"));
    inflight_lock(inflight, s, &one);
    inflight_remove(inflight, s, true);
    CU_ASSERT_TRUE(nothing_in_flight(s));
    CU_ASSERT_TRUE(inflight_is_locked(inflight, s, &two));
    inflight_remove(inflight, s, true); /* there is none */
    inflight_add(inflight, s, STR("x"));
    inflight_unlock(inflight, s, &one);
    CU_ASSERT_TRUE(latest_is(s, STR("x")));
    inflight_remove(inflight, s, true);
    CU_ASSERT_TRUE(nothing_in_flight(s));
}

void inflight_tests(void)
{
    CU_pSuite suite = CU_add_suite("chain", set_up, tear_down);

    CU_add_test(suite, "the latest write under way is what the next builds on",
                the_next_write_builds_on_the_latest_one);
    CU_add_test(suite, "what was built on a write that was not made is outdated",
                writes_after_a_refused_one_are_outdated);
    CU_add_test(suite, "students do not mix", students_do_not_mix);
    CU_add_test(suite, "what is too long is not noted and does no harm",
                what_is_too_long_is_not_recorded);
    CU_add_test(suite, "who takes the turn makes all others wait",
                a_locked_student_is_locked_for_all_other_owners);
    CU_add_test(suite, "a turn outlives the writes under way, and they it",
                a_lock_and_writes_are_independent);
    CU_add_test(suite, "what is left is freed with it", remaining_entries_are_freed);
}
