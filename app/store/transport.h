/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of one connection to a server (Redis or a sentinel), plain or with TLS: resolves the
 * host, connects, reads and writes, and never blocks. Its owner polls transport_fd() and enforces
 * the time limits. */
#ifndef STORE_TRANSPORT_H
#define STORE_TRANSPORT_H

#include <hiredis/sds.h>

#include "app/store/tls_files.h"

struct transport;

/* Makes a closed transport, with TLS by these files, which must outlive it; without TLS if files is
 * NULL. Returns NULL when out of memory. */
struct transport *transport_new(struct tls_files *files);
void transport_free(struct transport *transport); /* accepts NULL */
/* Sets the server of later connections; this function or transport_set_path must be called before
 * the first transport_open. The host is copied. Returns false when out of memory. */
bool transport_set_host(struct transport *transport, const char *host, int port);
/* Sets the path of the Unix socket for later connections. The text must outlive the transport. */
void transport_set_path(struct transport *transport, const char *path);

/* Starts to resolve the host. */
void transport_open(struct transport *transport);
/* Connects when the address is known. To be called, until there is a socket, when transport_fd() is
 * readable or the caller has waited long enough (has_waited: a known address is used although the
 * name server has not replied yet). Returns false on failure, with the reason in transport_error().
 */
bool transport_advance(struct transport *transport, bool has_waited);
/* Returns whether there is a socket; false while the address is not known. */
bool transport_has_socket(const struct transport *transport);
/* Returns whether an address is known, because an earlier lookup has found one or the host is one.
 */
bool transport_knows_address(const struct transport *transport);
/* Closes the connection. has_succeeded: the server was the right one. If not, and the host has
 * several addresses, the next connection uses another one. */
void transport_close(struct transport *transport, bool has_succeeded);

/* Reads up to size bytes. Returns their number; 0 when none have arrived; -1 when the connection
 * has ended. *ret_more: there may be more bytes, although the socket does not become readable
 * again. */
ssize_t transport_read(struct transport *transport, char *buffer, size_t size, bool *ret_more);
/* Writes as many of the bytes as the socket accepts, and removes them from *bytes. Returns false
 * when the connection has ended, or when there is no memory for an empty string, and *bytes is
 * NULL. */
bool transport_write(struct transport *transport, sds *bytes);
/* Returns whether the caller must wait until the socket is writable. has_bytes: the caller has
 * bytes to write. With TLS the result may be the opposite of has_bytes (tls_wants_write). */
bool transport_wants_write(const struct transport *transport, bool has_bytes);

/* Returns the socket or, before there is one, a descriptor that becomes readable when the host is
 * resolved; -1 when there is none. */
int transport_fd(const struct transport *transport);
/* Returns why the connection failed, in words. */
const char *transport_error(const struct transport *transport);
/* Returns whether the error may be shown to all: it says which setting is wrong, and names no host
 * or user. */
bool transport_error_is_public(const struct transport *transport);
/* Returns what the connection is waiting for, in words, for messages about a timeout. */
const char *transport_awaits(const struct transport *transport);

#endif
