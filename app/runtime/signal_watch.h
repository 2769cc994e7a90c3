/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Receives signals in a libev loop through a signalfd (a descriptor from which signals are read),
 * so that no signal interrupts a read. */
#ifndef RUNTIME_SIGNAL_WATCH_H
#define RUNTIME_SIGNAL_WATCH_H

#include <ev.h>

struct signal_watch {
    struct ev_loop *loop;
    void (*on_signal)(void *owner, int number);
    void *owner; /* first argument of on_signal */
    int fd;      /* the signalfd; -1: none */
    ev_io io;
};

/* Receives all signals that are blocked at the time of the call (process_set_signals). on_signal is
 * called from the loop, once for each signal. watch must stay at its address until
 * signal_watch_stop. If no descriptor is available, no signal is received. */
void signal_watch_start(struct signal_watch *watch, struct ev_loop *loop,
                        void (*on_signal)(void *owner, int number), void *owner);
/* Stops receiving signals and closes the descriptor. Does nothing for a watch of zeros, which was
 * never started. */
void signal_watch_stop(struct signal_watch *watch);

#endif
