/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registers the socket with the event loop again when the connection changes, and when the store
 * starts or stops waiting until the socket is writable. */
#include "app/store/store_watch.h"

#include "app/base/clock.h"

/* Called by libev when the socket is ready: the store reads and writes. It also reads when the
 * socket is only ready for writing, which costs one unnecessary read() and avoids a second
 * function. */
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

/* Compares the generation (number of the connection), not the descriptor, whose number a new
 * connection may reuse. */
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
