/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far the wall clock of this machine is from that of Redis, measured by the command TIME. Times
 * that are stored, or compared with stored ones, are corrected by it: all processes then have one
 * clock, and one with a wrong clock cannot store a time that for the others is in the future
 * (hazards X16). Requests and their scripts need no TIME of their own. */
#ifndef STORE_CLOCK_SKEW_H
#define STORE_CLOCK_SKEW_H

#include "app/store/pipeline.h"

/* A difference above this is reported: log line clock.skew, /ready. It is corrected in any case. */
enum { CLOCK_SKEW_REPORTED_MS = 2000 };

struct clock_skew {
    int64_t offset_ms; /* to be added to this machine's clock; 0 until it is measured */
    bool known;        /* true: offset_ms was measured */
};

/* Queues the command TIME, which should be the last one of its pipeline: what is queued after it
 * adds to the uncertainty of the measurement. */
struct command *clock_skew_cmd(struct pipeline *pipeline);
/* Updates the offset by the reply to clock_skew_cmd, which must have arrived just now. Any other
 * reply than a time is ignored: no command depends on it. */
void clock_skew_measure(struct clock_skew *skew, const struct command *command);
/* Updates the offset by one measurement, in milliseconds since the epoch: redis_ms is the reply,
 * sent_ms and received_ms are times of this machine's clock. Redis read its clock at some time
 * between the two, so the offset is only known to lie within an interval. An offset within the
 * interval is left as it is, any other moves to the nearest end: a clock that is right is never
 * changed by a slow reply. */
void clock_skew_update(struct clock_skew *skew, int64_t redis_ms, int64_t sent_ms,
                       int64_t received_ms);

#endif
