/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last resort against a loop iteration that does not end: the process writes a log line and
 * exits, and its supervisor starts another (docs/architecture.md, Watchdog). A thread measures the
 * time, because a timer signal would cut short the reads of libfcgi (hazards F11). */
#ifndef RUNTIME_WATCHDOG_H
#define RUNTIME_WATCHDOG_H

#include <ev.h>

/* Starts the thread; seconds is the limit for one iteration of loop. The time in which the loop
 * sleeps does not count. Without memory for a thread the process runs without a watchdog. To be
 * called once, because it takes the release callbacks of the loop (ev_set_loop_release_cb). */
void watchdog_start(struct ev_loop *loop, int seconds);

#endif
