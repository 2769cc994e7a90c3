/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A circuit breaker protects requests from waiting for a Redis that is unavailable. After some
 * failures in a row it opens: its owner then refuses commands. After a pause it becomes half-open:
 * the owner sends one probe, whose outcome closes or opens it again. The breaker only holds the
 * state; its owner reports successes and failures and sends the probe. */
#ifndef STORE_BREAKER_H
#define STORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    int threshold; /* number of failures in a row that opens the breaker */
    /* Microseconds from opening to the probe; up to a quarter is added at random. */
    int64_t open_us;
    uint64_t failures;    /* number of failures since the last success */
    int64_t opened_at_ms; /* wall clock when it opened after it had been closed; 0: it is closed */
    int64_t probe_at_us;  /* monotonic time of the next probe, while it is open */
};

/* Makes a closed circuit breaker, which opens after `threshold` failures in a row; open_us later a
 * probe tests whether Redis is back. */
void breaker_init(struct breaker *breaker, int threshold, int64_t open_us);
/* Returns true when a probe (a command that tests whether the service is back) is due, once for
 * each probe: the breaker is half-open afterwards, and the caller must send the probe. */
bool breaker_probe_due(struct breaker *breaker, int64_t now_us);
/* Records that Redis has replied: the circuit breaker is closed, with 0 failures. */
void breaker_success(struct breaker *breaker);
/* Records a failure, which may open the breaker. at_once: opens it even before the number of
 * failures in a row has reached the threshold, as after a timeout. */
void breaker_failure(struct breaker *breaker, int64_t now_us, bool at_once);

#endif
