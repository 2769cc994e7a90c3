/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The watchdog, the last resort against a loop iteration that does not end: the process writes a
 * log line and exits, and its supervisor starts another process (docs/architecture.md, Watchdog). A
 * thread measures the time, because the signal of a timer would interrupt the reads of libfcgi
 * (hazards F11). */
#ifndef RUNTIME_WATCHDOG_H
#define RUNTIME_WATCHDOG_H

#include <ev.h>

/* Starts the thread; seconds is the longest duration of one iteration of loop, without the time in
 * which the loop sleeps. Before the process ends, the thread calls before_end with data; that
 * function must acquire no lock. If the thread cannot be created, the process runs without a
 * watchdog. To be called once, because it uses the release callbacks of the loop
 * (ev_set_loop_release_cb). */
void watchdog_start(struct ev_loop *loop, int seconds, void (*before_end)(void *data), void *data);

#endif
