/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Redis for tests that sends exactly the bytes it is given: a Unix socket without a thread, so
 * that each test runs the same way every time. Commands are read from, and replies written to, the
 * connection accepted last; earlier ones stay open. */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H

#include <stdbool.h>
#include <stddef.h>

enum { FAKE_CONNECTIONS = 16, FAKE_NAME = 24 };

struct fake_redis {
    char folder[32], path[64];
    int port; /* of fake_redis_open_port; 0: a Unix socket */
    int listener;
    int peers[FAKE_CONNECTIONS]; /* -1: closed by fake_redis_hang_up */
    int count;
    char bytes[1 << 18]; /* received on the last connection, not parsed yet */
    size_t n;
};

bool fake_redis_open(struct fake_redis *f);
bool fake_redis_open_port(struct fake_redis *f); /* on 127.0.0.1 */
void fake_redis_close(struct fake_redis *f);     /* accepts all zero */
/* False: no connection is waiting. */
bool fake_redis_accept(struct fake_redis *f);
/* The name of the next complete command; false: there is none. */
bool fake_redis_hear(struct fake_redis *f, char ret_name[FAKE_NAME]);
void fake_redis_say(struct fake_redis *f, const char *bytes);
/* Writes to the connection before the last one; false: the peer has closed it. */
bool fake_redis_say_late(struct fake_redis *f, const char *bytes);
void fake_redis_hang_up(struct fake_redis *f);

#endif
