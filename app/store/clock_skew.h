/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The difference between the wall clocks of this machine and of Redis, measured by the command
 * TIME. Times that are stored, or compared with stored ones, are corrected by it. So all processes
 * use one clock, and a process with a wrong clock cannot store a time that is in the future for the
 * others (hazards X16). No TIME is needed for each request or script. */
#ifndef STORE_CLOCK_SKEW_H
#define STORE_CLOCK_SKEW_H

#include "app/store/pipeline.h"

/* A difference above this is reported: log line clock.skew, /ready. It is corrected in any case. */
enum { CLOCK_SKEW_REPORTED_MS = 2000 };

struct clock_skew {
    /* milliseconds to add to this machine's clock; 0 until the difference is measured */
    int64_t offset_ms;
    bool known; /* true: offset_ms was measured */
};

/* Queues the command TIME. It should be the last command of its pipeline, because commands after it
 * make the measurement less exact. */
struct command *clock_skew_cmd(struct pipeline *pipeline);
/* Updates the offset by the reply to clock_skew_cmd, which must have arrived just now. A reply that
 * is no time is ignored, because no command depends on it. */
void clock_skew_measure(struct clock_skew *skew, const struct command *command);
/* Updates the offset by one measurement, in milliseconds since the epoch: redis_ms is the reply,
 * sent_ms and received_ms are times of this machine's clock. Redis read its clock at some time
 * between the two, so the measurement only gives an interval for the offset. An offset inside the
 * interval is not changed; another one is moved to the nearest end. So a slow reply never changes a
 * correct offset. */
void clock_skew_update(struct clock_skew *skew, int64_t redis_ms, int64_t sent_ms,
                       int64_t received_ms);

#endif
