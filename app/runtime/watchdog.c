/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/runtime/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/clock.h"

enum { LOOK_US = 500000 };

/* Process-wide by nature: there is one loop and one watch over it. 0: asleep. */
static _Atomic int64_t turn_began_us;

static void *watch(void *seconds)
{
    const int64_t limit_us = (int64_t)(intptr_t)seconds * 1000000;
    static const char message[] =
        "{\"level\":\"error\",\"event\":\"process.deadline\",\"service\":\"mastery-engine\","
        "\"consequence\":\"a turn did not end: the process exits and is replaced\"}\n";

    int64_t looked_us = clock_monotonic_us();

    for (;;) {
        int64_t began_us = atomic_load_explicit(&turn_began_us, memory_order_relaxed);
        int64_t now_us = clock_monotonic_us();

        /* The watch itself was late: the whole process was stopped, which is no turn's fault. */
        if (began_us && now_us - looked_us > INT64_C(4) * LOOK_US)
            watchdog_arm();
        else if (began_us && now_us - began_us > limit_us) {
            (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
            _exit(EXIT_FAILURE);
        }
        looked_us = now_us;
        (void)usleep(LOOK_US);
    }
    return NULL;
}

void watchdog_start(int seconds)
{
    pthread_t thread;

    /* NOLINTNEXTLINE(performance-no-int-to-ptr): a number, handed through */
    if (pthread_create(&thread, NULL, watch, (void *)(intptr_t)seconds) == 0)
        (void)pthread_detach(thread);
}

void watchdog_arm(void)
{
    atomic_store_explicit(&turn_began_us, clock_monotonic_us(), memory_order_relaxed);
}

void watchdog_disarm(void)
{
    atomic_store_explicit(&turn_began_us, 0, memory_order_relaxed);
}
