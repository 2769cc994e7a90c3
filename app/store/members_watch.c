/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/members_watch.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 64 }; /* sockets handled in one call; others stay ready */

void members_watch_init(struct members_watch *watch)
{
    *watch = (struct members_watch){.epoll_fd = -1};
}

void members_watch_release(struct members_watch *watch)
{
    if (watch->epoll_fd >= 0)
        (void)close(watch->epoll_fd);
    members_watch_init(watch);
}

/* Registers the sockets with a new epoll descriptor. The old one is not updated, because the number
 * of a closed socket may have been reused for another. The generation is saved, because
 * members_watch_release resets it. */
static void members_watch_renew(struct members_watch *watch, struct members *members)
{
    unsigned generation = watch->generation;

    members_watch_release(watch);
    watch->generation = generation + 1;
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < members->count && watch->epoll_fd >= 0; i++) {
        struct member *member = &members->each[i];
        struct epoll_event event = {.data.ptr = member};

        if (!member->node || node_fd(member->node) < 0)
            continue;
        event.events = EPOLLIN | (node_wants_write(member->node) ? (uint32_t)EPOLLOUT : 0);
        (void)epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, node_fd(member->node), &event);
    }
}

void members_watch_update(struct members_watch *watch, struct members *members)
{
    bool is_changed = watch->epoll_fd < 0;

    for (size_t i = 0; i < members->count; i++) {
        struct member *member = &members->each[i];
        unsigned generation = member->node ? node_generation(member->node) : 0;
        bool wants_write = member->node && node_wants_write(member->node);

        is_changed = is_changed || member->watched_generation != generation ||
                     member->watched_write != wants_write;
        member->watched_generation = generation;
        member->watched_write = wants_write;
    }
    if (is_changed)
        members_watch_renew(watch, members);
}

void members_watch_read(const struct members_watch *watch, int64_t now_us)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(watch->epoll_fd, events, EVENTS_MAX, 0);

    for (int i = 0; i < n; i++) {
        const struct member *member = events[i].data.ptr;

        if (member->node)
            node_on_ready(member->node, now_us);
    }
}
