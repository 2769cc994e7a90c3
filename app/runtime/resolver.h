/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Resolves a host name without blocking the event loop. getaddrinfo() has no time limit: while the
 * name server does not respond, it blocks for many seconds (hazards X2). It therefore runs in a
 * thread of its own, which lives as long as the lookup. The addresses of the latest successful
 * lookup are kept, for when a later one fails or is slow. */
#ifndef RUNTIME_RESOLVER_H
#define RUNTIME_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct resolver;

enum resolver_state {
    RESOLVER_RUNNING,  /* no result yet */
    RESOLVER_RESOLVED, /* the latest lookup has found addresses; always so for a numeric host */
    RESOLVER_FAILED,   /* the latest lookup has failed; resolver_error() has the reason */
};

/* Creates a resolver for a host name or a numeric address (IPv6 without brackets), which is copied.
 * Nothing is looked up yet. NULL: out of memory. */
struct resolver *resolver_new(const char *host, int port);
/* Accepts NULL. The thread of a running lookup ends by itself later. */
void resolver_free(struct resolver *resolver);

/* Begins a lookup, unless one is still running: there is at most one thread. If no thread can be
 * created, the lookup has failed. */
void resolver_start(struct resolver *resolver);
/* Returns the state of the lookup that was started last. */
enum resolver_state resolver_poll(struct resolver *resolver);
/* Returns a descriptor that becomes readable when the running lookup ends; -1 if none is running.
 */
int resolver_fd(const struct resolver *resolver);

/* Returns the number of the known addresses: those of the latest successful lookup, IPv4 first. */
size_t resolver_count(const struct resolver *resolver);
/* Returns the known address with the index i (0 is the first), including the port. *ret_length: its
 * size in bytes. Valid until resolver_poll() or resolver_start() is called. */
const struct sockaddr *resolver_address(const struct resolver *resolver, size_t i,
                                        socklen_t *ret_length);
/* Returns why the latest lookup has failed, in words. */
const char *resolver_error(const struct resolver *resolver);

#endif
