/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/breaker.h"

#include <CUnit/CUnit.h>

enum { OPEN_US = 1000 };

void breaker_tests(void);

/* Asserts that the probe is due after wait_us, plus up to a quarter of it. */
static void assert_open_for(const struct breaker *breaker, int64_t now_us, int64_t wait_us)
{
    CU_ASSERT_EQUAL(breaker->state, BREAKER_OPEN);
    CU_ASSERT_TRUE(breaker->probe_at_us >= now_us + wait_us);
    CU_ASSERT_TRUE(breaker->probe_at_us <= now_us + wait_us + wait_us / 4);
}

static void it_opens_at_the_threshold_and_not_before(void)
{
    struct breaker breaker;

    breaker_init(&breaker, 3, OPEN_US);
    breaker_failure(&breaker, 1, false);
    breaker_failure(&breaker, 2, false);
    CU_ASSERT_EQUAL(breaker.state, BREAKER_CLOSED);
    CU_ASSERT_EQUAL(breaker.opened_at_ms, 0);
    breaker_failure(&breaker, 3, false);
    assert_open_for(&breaker, 3, OPEN_US);
    CU_ASSERT_EQUAL(breaker.failures, 3);
    CU_ASSERT_TRUE(breaker.opened_at_ms > 0);
}

static void a_success_resets_the_count(void)
{
    struct breaker breaker;

    breaker_init(&breaker, 2, OPEN_US);
    breaker_failure(&breaker, 1, false);
    breaker_success(&breaker);
    breaker_failure(&breaker, 2, false);
    CU_ASSERT_EQUAL(breaker.state, BREAKER_CLOSED);
}

static void a_timeout_opens_it_at_once(void)
{
    struct breaker breaker;

    breaker_init(&breaker, 100, OPEN_US);
    breaker_failure(&breaker, 7, true);
    assert_open_for(&breaker, 7, OPEN_US);
}

static void one_probe_is_due_at_its_time(void)
{
    struct breaker breaker;

    breaker_init(&breaker, 1, OPEN_US);
    CU_ASSERT_FALSE(breaker_probe_due(&breaker, 1 << 30)); /* closed */
    breaker_failure(&breaker, 0, false);
    CU_ASSERT_FALSE(breaker_probe_due(&breaker, breaker.probe_at_us - 1));
    CU_ASSERT_TRUE(breaker_probe_due(&breaker, breaker.probe_at_us));
    CU_ASSERT_EQUAL(breaker.state, BREAKER_HALF_OPEN);
    CU_ASSERT_FALSE(breaker_probe_due(&breaker, breaker.probe_at_us + 1));
    breaker_success(&breaker);
    CU_ASSERT_EQUAL(breaker.state, BREAKER_CLOSED);
    CU_ASSERT_EQUAL(breaker.opened_at_ms, 0);
}

static void a_failed_probe_doubles_the_wait_once(void)
{
    struct breaker breaker;
    int64_t opened_at_ms, now_us = 0;

    breaker_init(&breaker, 1, OPEN_US);
    breaker_failure(&breaker, now_us, false);
    opened_at_ms = breaker.opened_at_ms;
    for (int i = 0; i < 3; i++) {
        now_us = breaker.probe_at_us;
        CU_ASSERT_TRUE(breaker_probe_due(&breaker, now_us));
        breaker_failure(&breaker, now_us, false);
        assert_open_for(&breaker, now_us, 2 * OPEN_US);
    }
    CU_ASSERT_EQUAL(breaker.opened_at_ms, opened_at_ms); /* open all the time */
}

static void failures_while_it_is_open_do_not_delay_the_probe(void)
{
    struct breaker breaker;
    int64_t probe_at_us;

    breaker_init(&breaker, 1, OPEN_US);
    breaker_failure(&breaker, 0, false);
    probe_at_us = breaker.probe_at_us;
    breaker_failure(&breaker, 500, true);
    CU_ASSERT_EQUAL(breaker.probe_at_us, probe_at_us);
    CU_ASSERT_EQUAL(breaker.failures, 2);
}

static void processes_probe_at_different_times(void)
{
    int different = 0;
    int64_t last = -1;

    for (int i = 0; i < 32; i++) {
        struct breaker breaker;

        breaker_init(&breaker, 1, 1000000);
        breaker_failure(&breaker, 0, false);
        different += breaker.probe_at_us != last;
        last = breaker.probe_at_us;
    }
    CU_ASSERT_TRUE(different > 16);
}

void breaker_tests(void)
{
    CU_pSuite suite = CU_add_suite("breaker", NULL, NULL);

    CU_add_test(suite, "it opens at the threshold and not before",
                it_opens_at_the_threshold_and_not_before);
    CU_add_test(suite, "a success starts the count anew", a_success_resets_the_count);
    CU_add_test(suite, "a timeout opens it at once", a_timeout_opens_it_at_once);
    CU_add_test(suite, "one probe goes through when it is due", one_probe_is_due_at_its_time);
    CU_add_test(suite, "a failed probe doubles the wait, once",
                a_failed_probe_doubles_the_wait_once);
    CU_add_test(suite, "failures while it is open do not put the probe off",
                failures_while_it_is_open_do_not_delay_the_probe);
    CU_add_test(suite, "processes do not probe in step", processes_probe_at_different_times);
}
