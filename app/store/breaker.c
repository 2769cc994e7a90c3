/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/breaker.h"

#include "app/base/clock.h"
#include "app/base/ids.h"

void breaker_init(struct breaker *b, int threshold, int64_t open_us)
{
    *b = (struct breaker){.threshold = threshold, .open_us = open_us};
}

bool breaker_probe_due(struct breaker *b, int64_t now_us)
{
    if (b->state != BREAKER_OPEN || now_us < b->probe_at_us)
        return false;
    b->state = BREAKER_HALF_OPEN;
    return true;
}

void breaker_success(struct breaker *b)
{
    b->state = BREAKER_CLOSED;
    b->failures = 0;
    b->opened_at_ms = 0;
}

void breaker_failure(struct breaker *b, int64_t now_us, bool at_once)
{
    uint16_t jitter;
    int64_t wait_us;

    b->failures++;
    if (b->state == BREAKER_CLOSED && !at_once && b->failures < (uint64_t)b->threshold)
        return;
    if (b->state == BREAKER_CLOSED)
        b->opened_at_ms = clock_wall_ms();
    else if (b->state == BREAKER_OPEN)
        return; /* what was still under way fails too: no news */
    /* Back-off: a failed probe doubles the wait, once, so that a store that is back is found soon.
     */
    wait_us = b->state == BREAKER_HALF_OPEN ? 2 * b->open_us : b->open_us;
    random_bytes(&jitter, sizeof(jitter));
    b->state = BREAKER_OPEN;
    b->probe_at_us = now_us + wait_us + wait_us / 4 * jitter / UINT16_MAX;
}
