/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registers the descriptor again whenever the connection or the interest in writing changes. */
#include "app/store/store_watch.h"

#include "app/base/clock.h"

/* Reads also when only writing was possible: that costs one read() and saves a case. */
static void store_watch_on_event(struct ev_loop *loop, ev_io *io, int events)
{
    const struct store_watch *watch = io->data;

    (void)loop;
    (void)events;
    store_on_ready(watch->store, clock_monotonic_us());
}

void store_watch_init(struct store_watch *watch, struct ev_loop *loop, struct store *store)
{
    *watch =
        (struct store_watch){.loop = loop, .store = store, .generation = store_generation(store)};
    ev_init(&watch->io, store_watch_on_event);
    watch->io.data = watch;
}

void store_watch_update(struct store_watch *watch)
{
    int events = EV_READ | (store_wants_write(watch->store) ? EV_WRITE : 0);

    if (watch->generation == store_generation(watch->store) &&
        (watch->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(watch->loop, &watch->io);
    watch->generation = store_generation(watch->store);
    if (store_fd(watch->store) < 0)
        return;
    ev_io_set(&watch->io, store_fd(watch->store), events);
    ev_io_start(watch->loop, &watch->io);
}

void store_watch_stop(struct store_watch *watch)
{
    ev_io_stop(watch->loop, &watch->io);
}
