/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks up a host name in a thread. The resolver and the thread share the struct lookup; the one
 * that ends last frees it, so a resolver can be freed while getaddrinfo() hangs in the thread. The
 * thread fills in the result and then sets `done`; the resolver reads the result only after it has
 * seen `done`. */
#include "app/runtime/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ADDRESSES_MAX: most addresses of a host that are used. HOST_SIZE, PORT_SIZE: bytes with NUL. */
enum { ADDRESSES_MAX = 8, HOST_SIZE = 256, PORT_SIZE = 6 };

/* The addresses of a host, each with the port. */
struct addresses {
    size_t n;
    socklen_t length[ADDRESSES_MAX];
    struct sockaddr_storage v[ADDRESSES_MAX];
};

/* One lookup of a host name, shared by the resolver and the thread that runs it. */
struct lookup {
    /* the resolver and the thread count as one owner each until they release the lookup */
    atomic_int owners;
    atomic_bool done;
    int fd;    /* eventfd, readable when the thread is done */
    int error; /* result of getaddrinfo */
    struct addresses found;
    char host[HOST_SIZE], port[PORT_SIZE];
};

struct resolver {
    struct lookup *lookup;  /* the running one; NULL: none */
    int error;              /* error of the latest lookup that has ended; 0: it found addresses */
    bool is_numeric;        /* the host is an address: there is nothing to look up */
    struct addresses known; /* those of the latest successful lookup, or the numeric one */
    char host[HOST_SIZE], port[PORT_SIZE];
};

/* ---- the lookup ---- */

/* Called by each of the two owners, the resolver and the lookup's thread, when it no longer needs
 * the lookup; the last one frees it. */
static void lookup_release(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->owners, 1) > 1)
        return;
    if (lookup->fd >= 0)
        (void)close(lookup->fd);
    free(lookup);
}

/* Appends the addresses in the list that are of one family, up to ADDRESSES_MAX in all. */
static void addresses_append(struct addresses *addresses, const struct addrinfo *list, int family)
{
    for (; list && addresses->n < ADDRESSES_MAX; list = list->ai_next) {
        if (list->ai_family != family)
            continue;
        memcpy(&addresses->v[addresses->n], list->ai_addr, list->ai_addrlen);
        addresses->length[addresses->n++] = list->ai_addrlen;
    }
}

/* The thread: looks the name up, stores the result, and wakes the event loop. */
static void *lookup_thread(void *owned)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct lookup *lookup = owned;
    struct addrinfo *list = NULL;
    const uint64_t one = 1;

    lookup->error = getaddrinfo(lookup->host, lookup->port, &hints, &list);
    if (!lookup->error) {
        addresses_append(&lookup->found, list, AF_INET);
        addresses_append(&lookup->found, list, AF_INET6);
        freeaddrinfo(list);
    }
    atomic_store(&lookup->done, true);
    /* the ! avoids a warning of gcc that (void) alone does not avoid */
    (void)!write(lookup->fd, &one, sizeof(one));
    lookup_release(lookup);
    return NULL;
}

/* Starts a thread that looks up the resolver's host. Returns NULL when out of memory, descriptors
 * or threads. Without a thread the resolver is the only owner of the lookup, and releases it here.
 */
static struct lookup *lookup_start(const struct resolver *resolver)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    pthread_t thread;

    if (!lookup)
        return NULL;
    memcpy(lookup->host, resolver->host, sizeof(lookup->host));
    memcpy(lookup->port, resolver->port, sizeof(lookup->port));
    atomic_init(&lookup->owners, 2);
    lookup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->fd >= 0 && pthread_create(&thread, NULL, lookup_thread, lookup) == 0) {
        (void)pthread_detach(thread);
        return lookup;
    }
    atomic_init(&lookup->owners, 1);
    lookup_release(lookup);
    return NULL;
}

/* ---- the resolver ---- */

/* If the host is a numeric address, stores it as the one known address, and returns true. Returns
 * false if the host is a name. */
static bool resolver_parse_numeric(struct resolver *resolver, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&resolver->known.v[0];
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&resolver->known.v[0];

    if (inet_pton(AF_INET, resolver->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        resolver->known.length[0] = sizeof(*v4);
    } else if (inet_pton(AF_INET6, resolver->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        resolver->known.length[0] = sizeof(*v6);
    } else {
        return false;
    }
    resolver->known.n = 1;
    return true;
}

struct resolver *resolver_new(const char *host, int port)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (!resolver)
        return NULL;
    (void)snprintf(resolver->host, sizeof(resolver->host), "%s", host);
    (void)snprintf(resolver->port, sizeof(resolver->port), "%d", port);
    resolver->is_numeric = resolver_parse_numeric(resolver, port);
    return resolver;
}

/* A running lookup stays until its thread ends, which then frees it. */
void resolver_free(struct resolver *resolver)
{
    if (resolver && resolver->lookup)
        lookup_release(resolver->lookup);
    free(resolver);
}

/* Begins a lookup unless one is running. If an earlier lookup has ended without a call of
 * resolver_poll, its result is stored first. The addresses in it may be old by now, so another
 * lookup begins all the same. */
void resolver_start(struct resolver *resolver)
{
    if (resolver->is_numeric || resolver_poll(resolver) == RESOLVER_RUNNING)
        return;
    resolver->lookup = lookup_start(resolver);
    if (!resolver->lookup)
        resolver->error = EAI_MEMORY;
}

/* While a lookup runs, the state is RESOLVER_RUNNING. The first call after its end stores the
 * result and releases the lookup; later calls return the same state until another lookup begins. */
enum resolver_state resolver_poll(struct resolver *resolver)
{
    struct lookup *lookup = resolver->lookup;

    if (lookup && !atomic_load(&lookup->done))
        return RESOLVER_RUNNING;
    if (lookup) {
        resolver->error = lookup->error;
        if (!lookup->error)
            resolver->known = lookup->found;
        resolver->lookup = NULL;
        lookup_release(lookup);
    }
    return resolver->error ? RESOLVER_FAILED : RESOLVER_RESOLVED;
}

int resolver_fd(const struct resolver *resolver)
{
    return resolver->lookup ? resolver->lookup->fd : -1;
}

size_t resolver_count(const struct resolver *resolver)
{
    return resolver->known.n;
}

const struct sockaddr *resolver_address(const struct resolver *resolver, size_t i,
                                        socklen_t *ret_length)
{
    *ret_length = resolver->known.length[i];
    return (const struct sockaddr *)&resolver->known.v[i];
}

const char *resolver_error(const struct resolver *resolver)
{
    return gai_strerror(resolver->error);
}
