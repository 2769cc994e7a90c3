/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The transport owns the socket; TLS (tls.c), if used, works on the same socket. When a host has
 * several addresses, they are tried one after the other. */
#include "app/store/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/runtime/resolver.h"
#include "app/store/tls.h"

struct transport {
    struct tls_files *files; /* NULL: no TLS */
    const char *path;        /* path of a Unix socket; NULL: the host is used */
    char host[256];          /* host of the addresses in `resolver`; for messages and for TLS */
    int port;
    struct resolver *resolver; /* addresses of the host; NULL: a Unix socket */
    /* number of failed connections, which selects one of several addresses */
    size_t attempt;
    int fd;          /* -1: no socket yet */
    struct tls *tls; /* NULL: no socket yet, or no TLS */
    bool has_read;   /* the connection has received at least one byte */
    bool is_public;  /* `error` names no host, and says which setting is wrong */
    char error[TLS_ERROR_SIZE];
};

struct transport *transport_new(struct tls_files *files)
{
    struct transport *transport = calloc(1, sizeof(*transport));

    if (!transport)
        return NULL;
    transport->files = files;
    transport->fd = -1;
    return transport;
}

void transport_free(struct transport *transport)
{
    if (!transport)
        return;
    transport_close(transport, /* has_succeeded */ true);
    resolver_free(transport->resolver);
    free(transport);
}

void transport_set_path(struct transport *transport, const char *path)
{
    transport->path = path;
}

/* Records the reason of a failure, both texts one after the other, which may name a host: not for
 * all to see. Returns false. */
static bool transport_fail(struct transport *transport, const char *what, const char *why)
{
    (void)snprintf(transport->error, sizeof(transport->error), "%s%s", what, why);
    transport->is_public = false;
    return false;
}

/* Records the reason of a failure that may be shown to all, because it names no host. Returns
 * false. */
static bool transport_fail_publicly(struct transport *transport, const char *why)
{
    (void)transport_fail(transport, "", why);
    transport->is_public = true;
    return false;
}

/* With the same host as before, keeps the resolver and the addresses that it knows. */
bool transport_set_host(struct transport *transport, const char *host, int port)
{
    if (transport->resolver && transport->port == port && strcmp(transport->host, host) == 0)
        return true;
    resolver_free(transport->resolver);
    (void)snprintf(transport->host, sizeof(transport->host), "%s", host);
    transport->port = port;
    transport->resolver = resolver_new(host, port);
    return transport->resolver || transport_fail(transport, "", "out of memory");
}

/* ---- connecting ---- */

void transport_open(struct transport *transport)
{
    transport->has_read = false;
    if (!transport->path)
        resolver_start(transport->resolver);
}

/* Starts to connect a new socket without waiting: a failure to connect is noticed later, by reading
 * or writing. Returns false, with errno, when it failed at once. */
static bool transport_connect(struct transport *transport, const struct sockaddr *address,
                              socklen_t length)
{
    const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    transport->fd = fd;
    /* small commands must not wait for acknowledgements of earlier packets */
    if (address->sa_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(fd, address, length) == 0 || errno == EINPROGRESS;
}

/* Starts to connect to the Unix socket. Returns false, with the reason recorded, when it failed at
 * once. */
static bool transport_connect_unix(struct transport *transport)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", transport->path);
    return transport_connect(transport, (const struct sockaddr *)&address, sizeof(address)) ||
           transport_fail(transport, "connect: ", strerror(errno));
}

/* When the host has several addresses, each failed connection (attempt) selects the next one. */
bool transport_advance(struct transport *transport, bool has_waited)
{
    const struct sockaddr *address;
    socklen_t length;
    size_t count;

    if (transport->path)
        return transport_connect_unix(transport);
    if (resolver_poll(transport->resolver) == RESOLVER_RUNNING &&
        (!has_waited || resolver_count(transport->resolver) == 0))
        return true;
    count = resolver_count(transport->resolver);
    if (count == 0) {
        (void)snprintf(transport->error, sizeof(transport->error), "cannot resolve %.80s: %s",
                       transport->host, resolver_error(transport->resolver));
        transport->is_public = false;
        return false;
    }
    address = resolver_address(transport->resolver, transport->attempt % count, &length);
    if (!transport_connect(transport, address, length))
        return transport_fail(transport, "connect: ", strerror(errno));
    if (!transport->files)
        return true;
    transport->is_public = true; /* an error of tls_new is about its files, and names no host */
    transport->tls = tls_new(transport->files, transport->fd, transport->host, transport->error);
    return transport->tls != NULL;
}

bool transport_has_socket(const struct transport *transport)
{
    return transport->fd >= 0;
}

bool transport_knows_address(const struct transport *transport)
{
    return transport->resolver && resolver_count(transport->resolver) > 0;
}

void transport_close(struct transport *transport, bool has_succeeded)
{
    if (!has_succeeded)
        transport->attempt++;
    tls_free(transport->tls);
    transport->tls = NULL;
    if (transport->fd >= 0)
        (void)close(transport->fd);
    transport->fd = -1;
}

/* ---- bytes ---- */

/* Records why reading or writing has failed, and returns false. error: errno, or 0 when the server
 * has closed the connection. When it did so before it sent a byte, the message suggests TLS: a
 * server that requires TLS closes each connection that does not begin with it. */
static bool transport_fail_io(struct transport *transport, int error)
{
    bool was_cut = error == 0 || error == ECONNRESET || error == EPIPE;

    if (transport->tls)
        return transport_fail_publicly(transport, tls_error(transport->tls));
    if (was_cut && !transport->has_read && !transport->path)
        return transport_fail_publicly(
            transport, "Redis closed the connection before any reply: if its port is one for TLS, "
                       "REDIS_URL must begin with rediss://");
    return transport_fail(transport, "",
                          error == 0 ? "Redis closed the connection" : strerror(error));
}

/* Reads from the socket without TLS. When it returns fewer bytes than requested, the socket has no
 * more. A first byte 0x15 begins a TLS alert, and no reply of Redis. */
static ssize_t transport_read_plain(struct transport *transport, char *buffer, size_t size,
                                    bool *ret_more)
{
    ssize_t received = read(transport->fd, buffer, size);

    *ret_more = received == (ssize_t)size;
    if (received < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
        return 0;
    if (received > 0 && (transport->has_read || buffer[0] != 0x15)) {
        transport->has_read = true;
        return received;
    }
    if (received > 0)
        (void)transport_fail_publicly(
            transport, "the server speaks TLS on this port: REDIS_URL must begin with rediss://");
    else
        (void)transport_fail_io(transport, received < 0 ? errno : 0);
    return -1;
}

ssize_t transport_read(struct transport *transport, char *buffer, size_t size, bool *ret_more)
{
    ssize_t received;

    if (!transport->tls)
        return transport_read_plain(transport, buffer, size, ret_more);
    received = tls_read(transport->tls, buffer, size, ret_more);
    if (received < 0)
        (void)transport_fail_io(transport, 0);
    return received;
}

/* Like hiredis, replaces the buffer when it is empty, so that no large buffer stays allocated. */
bool transport_write(struct transport *transport, sds *bytes)
{
    size_t n = sdslen(*bytes);
    ssize_t written =
        transport->tls ? tls_write(transport->tls, *bytes, n) : write(transport->fd, *bytes, n);

    if (written < 0 && !transport->tls && (errno == EAGAIN || errno == EINTR))
        return true;
    if (written < 0)
        return transport_fail_io(transport, errno);
    if ((size_t)written == n) {
        sdsfree(*bytes);
        *bytes = sdsempty();
        return *bytes || transport_fail(transport, "", "out of memory");
    }
    if (written > 0)
        sdsrange(*bytes, (int)written, -1);
    return true;
}

bool transport_wants_write(const struct transport *transport, bool has_bytes)
{
    return transport->tls ? tls_wants_write(transport->tls, has_bytes) : has_bytes;
}

/* ---- state ---- */

int transport_fd(const struct transport *transport)
{
    if (transport->fd >= 0 || !transport->resolver)
        return transport->fd;
    return resolver_fd(transport->resolver);
}

const char *transport_error(const struct transport *transport)
{
    return transport->error;
}

bool transport_error_is_public(const struct transport *transport)
{
    return transport->is_public;
}

const char *transport_awaits(const struct transport *transport)
{
    if (!transport_has_socket(transport))
        return "the host name was not resolved in time";
    if (transport->tls && tls_in_handshake(transport->tls))
        return "TLS: the server did not answer the handshake in time";
    return "Redis did not reply in time";
}
