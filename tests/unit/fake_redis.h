/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Redis for tests that says exactly what it is told to, when it is told to: a Unix socket of its
 * own, without a thread, so that every test goes the same way every time. It keeps the connections
 * that it has accepted open, the last one is the one it speaks on. */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H

#include <stdbool.h>
#include <stddef.h>

enum { FAKE_CONNECTIONS = 16, FAKE_NAME = 24 };

struct fake_redis {
    char folder[32], path[64];
    int listener;
    int peers[FAKE_CONNECTIONS]; /* -1: hung up */
    int count;
    char bytes[65536]; /* heard on the last connection and not looked at yet */
    size_t n;
};

bool fake_redis_open(struct fake_redis *f);
void fake_redis_close(struct fake_redis *f); /* takes one that was never opened, all zero, too */
/* Takes the connection that waits; false: none does. */
bool fake_redis_accept(struct fake_redis *f);
/* The first word of the next command that has arrived whole; false: none has. */
bool fake_redis_hear(struct fake_redis *f, char ret_name[FAKE_NAME]);
void fake_redis_say(struct fake_redis *f, const char *bytes);
/* On the connection before the last one: whether anybody could still hear it. */
bool fake_redis_say_late(struct fake_redis *f, const char *bytes);
void fake_redis_hang_up(struct fake_redis *f);

#endif
