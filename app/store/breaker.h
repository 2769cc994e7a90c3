/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Circuit breaker: after some failures in a row it refuses for a while, so that no request waits
 * for a Redis that is away, then lets one probe through. It only keeps the state: its owner counts
 * successes and failures and sends the probe. */
#ifndef STORE_BREAKER_H
#define STORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    int threshold;     /* failures in a row that open it */
    int64_t open_us;   /* time before a probe; up to a quarter of it is added at random */
    uint64_t failures; /* in a row */
    int64_t opened_at_ms;
    int64_t probe_at_us;
};

void breaker_init(struct breaker *breaker, int threshold, int64_t open_us);
/* True once when a probe is due: the breaker is half-open then and the caller sends the probe. */
bool breaker_probe_due(struct breaker *breaker, int64_t now_us);
void breaker_success(struct breaker *breaker);
/* at_once: opens without regard to the threshold, as after a time-out. */
void breaker_failure(struct breaker *breaker, int64_t now_us, bool at_once);

#endif
