/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Measures the difference between this machine's clock and Redis' clock. */
#include "app/store/clock_skew.h"

#include "app/base/clock.h"
#include "app/store/reply.h"

struct command *clock_skew_cmd(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 1, (struct str[]){STR("TIME")});
}

void clock_skew_update(struct clock_skew *skew, int64_t redis_ms, int64_t sent_ms,
                       int64_t received_ms)
{
    int64_t low_ms = redis_ms - received_ms, high_ms = redis_ms - sent_ms;

    if (skew->offset_ms < low_ms)
        skew->offset_ms = low_ms;
    else if (skew->offset_ms > high_ms)
        skew->offset_ms = high_ms;
    skew->known = true;
}

/* The reply is [seconds, microseconds], as texts. The wall-clock time at which the command was sent
 * is computed from monotonic times (submitted_us), and rounded down (hence - 1). */
void clock_skew_measure(struct clock_skew *skew, const struct command *command)
{
    int64_t received_ms = clock_wall_ms(), waited_us, seconds, microseconds;
    struct str texts[2];
    size_t n;

    if (reply_array(command->reply, 2, &n) != REPLY_OK || n != 2 ||
        reply_text(reply_at(command->reply, 0), &texts[0]) != REPLY_OK ||
        reply_text(reply_at(command->reply, 1), &texts[1]) != REPLY_OK ||
        !str_to_int64(texts[0], 0, INT64_MAX / 1000000, &seconds) ||
        !str_to_int64(texts[1], 0, 999999, &microseconds))
        return;
    waited_us = clock_monotonic_us() - command->pipeline->submitted_us;
    clock_skew_update(skew, seconds * 1000 + microseconds / 1000,
                      received_ms - waited_us / 1000 - 1, received_ms);
}
