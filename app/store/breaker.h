/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Circuit breaker: after failures it refuses for a while, so that nobody waits for what is not
 * there, then lets one probe through. Jitter keeps the processes of a pool from probing in step. */
#ifndef STORE_BREAKER_H
#define STORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    int threshold;     /* failures in a row that open it */
    int64_t open_us;   /* how long it stays open before a probe, plus up to a quarter */
    uint64_t failures; /* in a row */
    int64_t opened_at_ms;
    int64_t probe_at_us;
};

void breaker_init(struct breaker *b, int threshold, int64_t open_us);
/* Open and the time has come: half-open from here on, and the caller sends the one probe. */
bool breaker_probe_due(struct breaker *b, int64_t now_us);
void breaker_success(struct breaker *b);
/* at_once: opens whatever the count (a timeout says enough). */
void breaker_failure(struct breaker *b, int64_t now_us, bool at_once);

#endif
