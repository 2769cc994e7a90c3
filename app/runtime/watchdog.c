/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The watchdog thread: twice a second it compares the start of the running loop iteration with the
 * clock. The loop only stores the time of that start, without a lock. */
#include "app/runtime/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/base/last_message.h"

enum { CHECK_INTERVAL_US = 500000 };

/* Global, because a process has one loop and one watchdog. All members but start_us are set before
 * the thread starts. */
static struct {
    _Atomic int64_t start_us; /* start of the running iteration (monotonic); 0: the loop sleeps */
    int64_t limit_us;         /* longest duration of an iteration */
    void (*before_end)(void *data);
    void *data;
} watchdog;

/* Stores the monotonic time at which the running iteration started; 0: the loop sleeps. Relaxed:
 * the threads share only this number, so no order of memory accesses matters. */
static void watchdog_set_start(int64_t us)
{
    atomic_store_explicit(&watchdog.start_us, us, memory_order_relaxed);
}

/* libev calls this before the loop sleeps: sleep is not part of an iteration. */
static void watchdog_before_sleep(struct ev_loop *loop) EV_THROW
{
    (void)loop;
    watchdog_set_start(0);
}

/* libev calls this when the loop has slept: the next iteration starts. */
static void watchdog_after_sleep(struct ev_loop *loop) EV_THROW
{
    (void)loop;
    watchdog_set_start(clock_monotonic_us());
}

/* The thread: ends the process when an iteration takes longer than limit_us. It calls no function
 * that acquires a lock, since the loop may be blocked while it holds any lock. The message is
 * therefore written without the log. */
static void *watchdog_thread(void *unused)
{
    static const struct str message = STR_INIT(
        "{\"level\":\"error\",\"event\":\"process.deadline\",\"service\":\"mastery-engine\","
        "\"consequence\":\"a loop iteration did not end: the process exits and is replaced\"}\n");
    int64_t last_check_us = clock_monotonic_us();

    (void)unused;
    for (;;) {
        int64_t start_us = atomic_load_explicit(&watchdog.start_us, memory_order_relaxed);
        int64_t now_us = clock_monotonic_us();

        /* more than four intervals since the last check: the whole process was stopped (SIGSTOP),
         * so the iteration gets its full time again */
        if (start_us && now_us - last_check_us > INT64_C(4) * CHECK_INTERVAL_US)
            watchdog_set_start(now_us);
        else if (start_us && now_us - start_us > watchdog.limit_us) {
            watchdog.before_end(watchdog.data);
            last_message(message);
            _exit(EXIT_FAILURE);
        }
        last_check_us = now_us;
        (void)usleep(CHECK_INTERVAL_US);
    }
    return NULL;
}

/* Starts the thread, and makes libev report when the loop sleeps. If the thread cannot be created,
 * the process runs without a watchdog. The detached thread ends with the process. */
void watchdog_start(struct ev_loop *loop, int seconds, void (*before_end)(void *data), void *data)
{
    pthread_t thread;

    watchdog.limit_us = seconds * INT64_C(1000000);
    watchdog.before_end = before_end;
    watchdog.data = data;
    if (pthread_create(&thread, NULL, watchdog_thread, NULL) == 0)
        (void)pthread_detach(thread);
    ev_set_loop_release_cb(loop, watchdog_before_sleep, watchdog_after_sleep);
}
