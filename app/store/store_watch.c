/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/store_watch.h"

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
