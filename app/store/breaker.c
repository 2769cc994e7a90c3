/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The states of the circuit breaker, and what changes them:
 * closed --failures--> open --time--> half-open --success--> closed
 *                       ^                  | failure
 *                       +------------------+ */
#include "app/store/breaker.h"

#include "app/base/clock.h"
#include "app/base/ids.h"

void breaker_init(struct breaker *breaker, int threshold, int64_t open_us)
{
    *breaker = (struct breaker){.threshold = threshold, .open_us = open_us};
}

/* Changes an open breaker to half-open when its pause is over. So the result is true only once for
 * each probe (a command that tests whether the service is back). */
bool breaker_probe_due(struct breaker *breaker, int64_t now_us)
{
    if (breaker->state != BREAKER_OPEN || now_us < breaker->probe_at_us)
        return false;
    breaker->state = BREAKER_HALF_OPEN;
    return true;
}

void breaker_success(struct breaker *breaker)
{
    breaker->state = BREAKER_CLOSED;
    breaker->failures = 0;
    breaker->opened_at_ms = 0;
}

/* A closed breaker opens after `threshold` failures in a row, or at once if at_once. A half-open
 * one opens again, because the probe has failed. When the breaker is open already, the failed
 * command was sent before it opened: the failure is only counted, and the next probe is not
 * delayed. */
void breaker_failure(struct breaker *breaker, int64_t now_us, bool at_once)
{
    uint16_t jitter;
    int64_t wait_us;

    breaker->failures++;
    if (breaker->state == BREAKER_CLOSED && !at_once &&
        breaker->failures < (uint64_t)breaker->threshold)
        return;
    if (breaker->state == BREAKER_CLOSED)
        breaker->opened_at_ms = clock_wall_ms();
    else if (breaker->state == BREAKER_OPEN)
        return;
    /* The pause is at most doubled, however many probes fail, so that a Redis that is back is found
     * soon. The random part keeps processes from probing at the same time. */
    wait_us = breaker->state == BREAKER_HALF_OPEN ? 2 * breaker->open_us : breaker->open_us;
    random_bytes(&jitter, sizeof(jitter));
    breaker->state = BREAKER_OPEN;
    breaker->probe_at_us = now_us + wait_us + wait_us / 4 * jitter / UINT16_MAX;
}
