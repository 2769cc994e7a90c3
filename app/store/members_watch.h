/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One epoll descriptor that represents the sockets of all members, so that an event loop watches a
 * cluster in the same way as one server. */
#ifndef STORE_MEMBERS_WATCH_H
#define STORE_MEMBERS_WATCH_H

#include "app/store/members.h"

struct members_watch {
    int epoll_fd;        /* -1: none yet */
    unsigned generation; /* changes with epoll_fd */
};

void members_watch_init(struct members_watch *watch);
void members_watch_release(struct members_watch *watch);
/* Makes a new epoll descriptor if a node has opened or closed its connection, or has begun or
 * ceased to wait until its socket is writable. To be called after all nodes were flushed, since
 * each call of a node may change both. */
void members_watch_update(struct members_watch *watch, struct members *members);
/* Lets those nodes read and write whose sockets are ready. */
void members_watch_read(const struct members_watch *watch, int64_t now_us);

#endif
