/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/loop.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/base/clock.h"

static void on_store(struct ev_loop *loop, ev_io *io, int events)
{
    const struct store_watch *w = io->data;

    (void)loop;
    (void)events;
    store_on_ready(w->store, clock_monotonic_us());
}

void store_watch_init(struct store_watch *w, struct ev_loop *loop, struct store *store)
{
    *w = (struct store_watch){.loop = loop, .store = store, .generation = store_generation(store)};
    ev_init(&w->io, on_store);
    w->io.data = w;
}

void store_watch_update(struct store_watch *w)
{
    int events = EV_READ | (store_wants_write(w->store) ? EV_WRITE : 0);

    if (w->generation == store_generation(w->store) &&
        (w->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(w->loop, &w->io);
    w->generation = store_generation(w->store);
    if (store_fd(w->store) < 0)
        return;
    ev_io_set(&w->io, store_fd(w->store), events);
    ev_io_start(w->loop, &w->io);
}

void store_watch_stop(struct store_watch *w)
{
    ev_io_stop(w->loop, &w->io);
}

static void on_signal(struct ev_loop *loop, ev_io *io, int events)
{
    const struct signal_watch *w = io->data;
    struct signalfd_siginfo info;

    (void)loop;
    (void)events;
    while (read(w->fd, &info, sizeof(info)) == sizeof(info))
        w->taken(w->owner, (int)info.ssi_signo);
}

void signal_watch_start(struct signal_watch *w, struct ev_loop *loop,
                        void (*taken)(void *owner, int number), void *owner)
{
    sigset_t set;

    *w = (struct signal_watch){.loop = loop, .taken = taken, .owner = owner};
    (void)sigprocmask(SIG_BLOCK, NULL, &set);
    w->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (w->fd < 0)
        return;
    ev_io_init(&w->io, on_signal, w->fd, EV_READ);
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
