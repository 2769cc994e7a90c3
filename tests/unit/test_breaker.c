/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/breaker.h"

#include <CUnit/CUnit.h>

enum { OPEN_US = 1000 };

void breaker_tests(void);

/* Between the wait and a quarter more. */
static void opens_for(const struct breaker *b, int64_t now_us, int64_t wait_us)
{
    CU_ASSERT_EQUAL(b->state, BREAKER_OPEN);
    CU_ASSERT_TRUE(b->probe_at_us >= now_us + wait_us);
    CU_ASSERT_TRUE(b->probe_at_us <= now_us + wait_us + wait_us / 4);
}

static void it_opens_at_the_threshold_and_not_before(void)
{
    struct breaker b;

    breaker_init(&b, 3, OPEN_US);
    breaker_failure(&b, 1, false);
    breaker_failure(&b, 2, false);
    CU_ASSERT_EQUAL(b.state, BREAKER_CLOSED);
    CU_ASSERT_EQUAL(b.opened_at_ms, 0);
    breaker_failure(&b, 3, false);
    opens_for(&b, 3, OPEN_US);
    CU_ASSERT_EQUAL(b.failures, 3);
    CU_ASSERT_TRUE(b.opened_at_ms > 0);
}

static void a_success_starts_the_count_anew(void)
{
    struct breaker b;

    breaker_init(&b, 2, OPEN_US);
    breaker_failure(&b, 1, false);
    breaker_success(&b);
    breaker_failure(&b, 2, false);
    CU_ASSERT_EQUAL(b.state, BREAKER_CLOSED);
}

static void a_timeout_opens_it_at_once(void)
{
    struct breaker b;

    breaker_init(&b, 100, OPEN_US);
    breaker_failure(&b, 7, true);
    opens_for(&b, 7, OPEN_US);
}

static void one_probe_goes_through_when_it_is_due(void)
{
    struct breaker b;

    breaker_init(&b, 1, OPEN_US);
    CU_ASSERT_FALSE(breaker_probe_due(&b, 1 << 30)); /* closed */
    breaker_failure(&b, 0, false);
    CU_ASSERT_FALSE(breaker_probe_due(&b, b.probe_at_us - 1));
    CU_ASSERT_TRUE(breaker_probe_due(&b, b.probe_at_us));
    CU_ASSERT_EQUAL(b.state, BREAKER_HALF_OPEN);
    CU_ASSERT_FALSE(breaker_probe_due(&b, b.probe_at_us + 1));
    breaker_success(&b);
    CU_ASSERT_EQUAL(b.state, BREAKER_CLOSED);
    CU_ASSERT_EQUAL(b.opened_at_ms, 0);
}

static void a_failed_probe_doubles_the_wait_once(void)
{
    struct breaker b;
    int64_t opened_at_ms, now_us = 0;

    breaker_init(&b, 1, OPEN_US);
    breaker_failure(&b, now_us, false);
    opened_at_ms = b.opened_at_ms;
    for (int i = 0; i < 3; i++) {
        now_us = b.probe_at_us;
        CU_ASSERT_TRUE(breaker_probe_due(&b, now_us));
        breaker_failure(&b, now_us, false);
        opens_for(&b, now_us, 2 * OPEN_US);
    }
    CU_ASSERT_EQUAL(b.opened_at_ms, opened_at_ms); /* open all the time */
}

static void failures_while_it_is_open_do_not_put_the_probe_off(void)
{
    struct breaker b;
    int64_t probe_at_us;

    breaker_init(&b, 1, OPEN_US);
    breaker_failure(&b, 0, false);
    probe_at_us = b.probe_at_us;
    breaker_failure(&b, 500, true);
    CU_ASSERT_EQUAL(b.probe_at_us, probe_at_us);
    CU_ASSERT_EQUAL(b.failures, 2);
}

static void processes_do_not_probe_in_step(void)
{
    int different = 0;
    int64_t last = -1;

    for (int i = 0; i < 32; i++) {
        struct breaker b;

        breaker_init(&b, 1, 1000000);
        breaker_failure(&b, 0, false);
        different += b.probe_at_us != last;
        last = b.probe_at_us;
    }
    CU_ASSERT_TRUE(different > 16);
}

void breaker_tests(void)
{
    CU_pSuite suite = CU_add_suite("breaker", NULL, NULL);

    CU_add_test(suite, "it opens at the threshold and not before",
                it_opens_at_the_threshold_and_not_before);
    CU_add_test(suite, "a success starts the count anew", a_success_starts_the_count_anew);
    CU_add_test(suite, "a timeout opens it at once", a_timeout_opens_it_at_once);
    CU_add_test(suite, "one probe goes through when it is due",
                one_probe_goes_through_when_it_is_due);
    CU_add_test(suite, "a failed probe doubles the wait, once",
                a_failed_probe_doubles_the_wait_once);
    CU_add_test(suite, "failures while it is open do not put the probe off",
                failures_while_it_is_open_do_not_put_the_probe_off);
    CU_add_test(suite, "processes do not probe in step", processes_do_not_probe_in_step);
}
