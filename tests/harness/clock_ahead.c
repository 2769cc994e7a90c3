/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A library for LD_PRELOAD: the wall clock of the process is CLOCK_AHEAD_S seconds ahead
 * (harness/clock.py). The monotonic clock is not changed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    static int (*real)(clockid_t, struct timespec *);
    const char *ahead = getenv("CLOCK_AHEAD_S");
    int result;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock, ret);
    if (clock == CLOCK_REALTIME && ahead)
        ret->tv_sec += atol(ahead);
    return result;
}
