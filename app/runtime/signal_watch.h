/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Receives signals in a libev loop, through a signalfd, so that no signal interrupts a read. */
#ifndef RUNTIME_SIGNAL_WATCH_H
#define RUNTIME_SIGNAL_WATCH_H

#include <ev.h>

struct signal_watch {
    struct ev_loop *loop;
    void (*on_signal)(void *owner, int number);
    void *owner;
    int fd;
    ev_io io;
};

/* Takes the signals that are blocked (process_set_signals). */
void signal_watch_start(struct signal_watch *w, struct ev_loop *loop,
                        void (*taken)(void *owner, int number), void *owner);
void signal_watch_stop(struct signal_watch *w);

#endif
