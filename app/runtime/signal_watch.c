/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocked signals, read from a signalfd in a libev loop. libev's own signal watchers are not used:
 * they need handlers, and a handler interrupts the blocking reads of libfcgi (hazards F11). */
#include "app/runtime/signal_watch.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Reads all signals that are pending; the descriptor does not block. */
static void signal_watch_on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    const struct signal_watch *w = io->data;
    struct signalfd_siginfo info;

    (void)loop;
    (void)events;
    while (read(w->fd, &info, sizeof(info)) == sizeof(info))
        w->on_signal(w->owner, (int)info.ssi_signo);
}

/* The signals are those that the thread has blocked: no list to keep in step with process.c. */
void signal_watch_start(struct signal_watch *w, struct ev_loop *loop,
                        void (*on_signal)(void *owner, int number), void *owner)
{
    sigset_t set;

    *w = (struct signal_watch){.loop = loop, .on_signal = on_signal, .owner = owner};
    (void)sigprocmask(SIG_BLOCK, NULL, &set);
    w->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (w->fd < 0)
        return;
    ev_io_init(&w->io, signal_watch_on_readable, w->fd, EV_READ);
    w->io.data = w;
    ev_io_start(loop, &w->io);
}

void signal_watch_stop(struct signal_watch *w)
{
    if (w->fd < 0)
        return;
    ev_io_stop(w->loop, &w->io);
    (void)close(w->fd);
    w->fd = -1;
}
