/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads blocked signals from a signalfd (a descriptor that delivers signals) in a libev loop. The
 * signal watchers of libev are not used: they need signal handlers, and a handler interrupts the
 * blocking reads of libfcgi (hazards F11). */
#include "app/runtime/signal_watch.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* libev callback: reads all pending signals. The last read fails with EAGAIN, because the
 * descriptor does not block. */
static void signal_watch_on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    const struct signal_watch *watch = io->data;
    struct signalfd_siginfo info;

    (void)loop;
    (void)events;
    while (read(watch->fd, &info, sizeof(info)) == sizeof(info))
        watch->on_signal(watch->owner, (int)info.ssi_signo);
}

/* Watches the signals that are blocked in this thread: so only process.c has a list of signals. */
void signal_watch_start(struct signal_watch *watch, struct ev_loop *loop,
                        void (*on_signal)(void *owner, int number), void *owner)
{
    sigset_t set;

    *watch = (struct signal_watch){.loop = loop, .on_signal = on_signal, .owner = owner};
    (void)sigprocmask(SIG_BLOCK, NULL, &set);
    watch->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (watch->fd < 0)
        return;
    ev_io_init(&watch->io, signal_watch_on_readable, watch->fd, EV_READ);
    watch->io.data = watch;
    ev_io_start(loop, &watch->io);
}

/* Does nothing for a zeroed struct, which was never started: its fd 0 belongs to another file. */
void signal_watch_stop(struct signal_watch *watch)
{
    if (!watch->loop || watch->fd < 0)
        return;
    ev_io_stop(watch->loop, &watch->io);
    (void)close(watch->fd);
    watch->fd = -1;
}
