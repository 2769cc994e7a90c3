/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last resort against a loop iteration that does not end: the process writes a log line and
 * exits, and its supervisor starts another (docs/architecture.md, Watchdog). A thread measures the
 * time, because a timer signal would cut short the reads of libfcgi (hazards F11). */
#ifndef RUNTIME_WATCHDOG_H
#define RUNTIME_WATCHDOG_H

/* Starts the thread; seconds is the limit for one iteration. If no thread can be created, the
 * process runs without a watchdog. To be called once. */
void watchdog_start(int seconds);
void watchdog_arm(void);    /* an iteration starts */
void watchdog_disarm(void); /* the loop sleeps: any length of time is right */

#endif
