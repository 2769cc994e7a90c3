/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What link.c needs of hiredis and the kernel to open a connection: a hiredis context without a
 * socket and with a limit for the size of replies, and a socket that connects without blocking.
 * hiredis would resolve the host name itself, in the event loop's thread (hazards X2). */
#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <sys/socket.h>

/* What hiredis needs to refuse an array reply with too many elements. Must outlive the context. */
struct reply_bounds {
    const redisReplyObjectFunctions *original; /* functions with which hiredis builds replies */
    redisReplyObjectFunctions bounded;         /* the same, but with a limit for arrays */
};

/* A context whose fd is -1. NULL: out of memory. */
redisContext *connect_new_context(struct reply_bounds *bounds);
/* Starts to connect a new socket of the context to the address, and does not wait for the result.
 * False: it failed, and errno has the reason. */
bool connect_start(redisContext *context, const struct sockaddr *address, socklen_t length);
/* The same for the path of a Unix socket, which has at most 107 bytes. */
bool connect_start_unix(redisContext *context, const char *path);

#endif
