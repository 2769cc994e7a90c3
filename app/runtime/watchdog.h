/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last resort against a turn that does not end: the process says so and exits, and the pool
 * starts another (architecture section 3). A thread of its own watches, because a signal would cut
 * short the reads of libfcgi (hazards F11). */
#ifndef RUNTIME_WATCHDOG_H
#define RUNTIME_WATCHDOG_H

/* Starts the watch; without a thread there is none, which only loses the last resort. */
void watchdog_start(int seconds);
void watchdog_arm(void);    /* a turn begins */
void watchdog_disarm(void); /* the loop goes to sleep */

#endif
